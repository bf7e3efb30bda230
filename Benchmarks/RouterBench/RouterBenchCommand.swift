import ArgumentParser
import RouterKit

@main
struct RouterBenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "router-bench", abstract: "Benchmarks of reward-model routing.",
    subcommands: [Replay.self, Scaling.self, Posterior.self, EncoderSpeed.self, TrainSpeed.self, TokenizerSpeed.self])
}
