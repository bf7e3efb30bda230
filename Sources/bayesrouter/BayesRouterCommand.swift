import ArgumentParser
import RouterKit

@main
struct BayesRouterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bayesrouter", abstract: "Bayesian routing of reward models.",
    subcommands: [
      Info.self, Import.self, Synthesize.self, Tokenize.self, Inspect.self, Forward.self, Encode.self, Collect.self,
      Train.self, Evaluate.self, CrossValidate.self, Calibrate.self,
    ])
}
