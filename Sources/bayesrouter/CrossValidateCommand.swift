import ArgumentParser
import CommandSupport
import Foundation
import RouterKit

/// `bayesrouter crossvalidate`: what offline routing is worth on pairs that it was not fitted on.
struct CrossValidate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "crossvalidate",
    abstract: "Cross-validate offline routers on frozen contexts, by group or prompt.",
    discussion: """
      Prompts, or groups where pairs have one, are dealt into folds anew for each seed, and everything is fitted on \
      the other folds alone: transforms, hyper-parameters, and which single reward model is the best one. Rows: the \
      policies, each single model, a random one, majority vote, the oracle. Differences are to the best single model \
      that the training folds name; intervals are 95 % paired bootstrap intervals over the same groups.

      The default is chosen among the others by cross-validation inside the training folds; it leaves the best single model only for a \
      gain of more than two standard errors there.

      What a policy expects of each model is judged too: comparisons, the (winner, loser) on held-out pairs that its scores order \
      rightly; classification, the (pair, model) whose probability lies on the right side of one half; ECE, the mean distance of \
      probability and frequency over ten bins. The best single model expects of each what it was in the training folds.

      RUN receives config.json, summary.json, table.md, table.csv and plots: reliability and forecasts (how many fall into each of its \
      bins), and of several fractions learning-curve.

      EXAMPLES
        bayesrouter crossvalidate --data judgebench --encoder hashed --out runs/cv
        bayesrouter crossvalidate --data judgebench --encoder all-MiniLM-L6-v2 --fractions 0.1,0.3,1 --out runs/cv-minilm
      """)

  @Option(name: .long, help: "The dataset folder: pairs.jsonl, scores.jsonl, rms.json.")
  var data: String

  @Option(name: .long, help: "hashed, the n-gram context, or a Hugging Face checkpoint's folder.")
  var encoder = "hashed"

  @Option(name: .long, help: "Folds of the prompts or groups.")
  var folds = 5

  @Option(name: .long, help: "Times that they are dealt into folds.")
  var seeds = 10

  @Option(name: .long, help: "The first seed.")
  var seed: UInt64 = 1

  @Option(name: .long, help: "Parts of the training prompts or groups, separated by commas: a learning curve.")
  var fractions = "1"

  @OptionGroup var judging: TieOptions

  @OptionGroup(title: "The encoder") var encoding: EncoderOptions

  @Option(name: .long, help: "The run folder; must not exist.")
  var out: String

  @Flag(name: .long, help: "Print the summary as one JSON object.")
  var json = false

  func validate() throws {
    guard let parts, !parts.isEmpty, parts.allSatisfy({ $0 > 0 && $0 <= 1 }) else {
      throw ValidationError("--fractions takes numbers above 0 and up to 1, separated by commas, not '\(fractions)'")
    }
  }

  private var parts: [Double]? {
    let values = fractions.commaSeparated.map { Double($0) }
    return values.contains(nil) ? nil : Set(values.compactMap(\.self)).sorted()
  }

  private var settings: CrossValidation.Configuration {
    var settings = CrossValidation.Configuration()
    (settings.folds, settings.seeds, settings.firstSeed) = (folds, seeds, seed)
    settings.ties = judging.ties
    return settings
  }

  func run() async throws {
    BLASRuntime.setThreads(1)
    let dataset = try PreferenceDataset(folder: URL(fileURLWithPath: data))
    var progress = ProgressDisplay()
    let contexts = try await encoding.encoder(encoder).encode(dataset.pairs) { progress.show($0) }
    let parts = parts ?? []
    let validations = try parts.map { part in
      var settings = settings
      settings.fraction = part
      return try CrossValidation(dataset: dataset, contexts: contexts, configuration: settings)
    }
    let folder = try RunFolder(
      at: URL(fileURLWithPath: out),
      configuration: RunConfiguration(
        data: data, encoder: encoder, settings: settings, fractions: parts, maxTokens: encoding.reading.maxTokens,
        machine: .current,
        blas: .current))
    let policies = CrossValidation.policies(seed: seed)
    let fits = parts.count * seeds * folds * policies.count
    var done = 0
    var generator = PhiloxGenerator(seed: seed, stream: "bootstrap")
    var points: [Point] = []
    var outcomes: [(fraction: Double, outcomes: [CrossValidation.Outcome])] = []
    for (part, validation) in zip(parts, validations) {
      outcomes.append(
        (
          part,
          try validation.run(policies) {
            done += 1
            progress.show(WorkProgress("cross-validate", done: done, of: fits, unit: "fits"))
          }
        ))
      points.append(
        Point(
          fraction: part,
          report: CrossValidationReport(
            outcomes[outcomes.count - 1].outcomes, dataset: dataset, ties: judging.ties, using: &generator)))
    }
    let curve =
      outcomes.count > 1 ? LearningCurve(outcomes, dataset: dataset, ties: judging.ties, using: &generator) : nil
    try finish(points, curve, folder)
  }

  private struct Point {
    let fraction: Double
    let report: CrossValidationReport
  }

  private struct RunConfiguration: Encodable {
    let command = "bayesrouter crossvalidate"
    let data: String
    let encoder: String
    let settings: CrossValidation.Configuration
    let fractions: [Double]
    let maxTokens: Int
    let machine: Machine
    let blas: BLASRuntime
  }

  private struct Summary: Encodable {
    struct Part: Encodable {
      let fraction: Double
      let methods: [CrossValidationReport.Row]
    }
    let pairs: Int
    let disagreementPairs: Int
    let rewardModels: [String]
    let parts: [Part]
    let learningCurve: LearningCurve?

    enum CodingKeys: String, CodingKey {
      case pairs, parts
      case learningCurve = "learning_curve"
      case disagreementPairs = "disagreement_pairs"
      case rewardModels = "reward_models"
    }
  }

  private func finish(_ points: [Point], _ curve: LearningCurve?, _ folder: RunFolder) throws {
    func heading(_ point: Point) -> String {
      point.fraction == 1 ? "Fitted on all training prompts" : "Fitted on \(point.fraction) of the training prompts"
    }
    let report = points[points.count - 1].report
    try folder.write(
      text: points.map { "\(heading($0))\n\n\($0.report.table.markdown)" }.joined(separator: "\n")
        + "\nBy domain\n\n\(report.domainTable.markdown)\nShares\n\n\(report.shareTable.markdown)"
        + "\nCalibration\n\n\(report.calibrationTable.markdown)"
        + (curve.map { "\nLearning curve\n\n\($0.table.markdown)\n\($0.verdict)\n" } ?? ""), to: "table.md")
    try folder.write(text: points.map(\.report.table.csv).joined(separator: "\r\n"), to: "table.csv")
    let plots = [
      ("reliability", report.reliabilityPlot), ("forecasts", report.forecastPlot), ("learning-curve", curve?.plot),
    ].compactMap { name, plot in plot?.drawn(to: folder.url, name: name) }
    // Last: a folder with a summary is complete.
    try folder.write(
      Summary(
        pairs: report.pairCounts[0], disagreementPairs: report.pairCounts[2], rewardModels: report.rewardModels,
        parts: points.map { .init(fraction: $0.fraction, methods: $0.report.rows) }, learningCurve: curve),
      to: "summary.json")
    if json {
      print(try String(contentsOf: folder.url.appendingPathComponent("summary.json"), encoding: .utf8), terminator: "")
      return
    }
    print(
      "\(report.pairCounts[0]) pairs, \(report.pairCounts[1]) that some model gets right, \(report.pairCounts[2]) in the "
        + "disagreement set; \(report.rewardModels.count) reward models; context \(encoder); \(folds) folds by group or prompt, \(seeds) "
        + "seeds from \(seed); \(Machine.current.summary)")
    // The others' tables are in table.md, and what they come to in the curve.
    print("\n\(heading(points[points.count - 1]))\n\n\(report.table.terminal())")
    print("\nAccuracy by domain\n\n\(report.domainTable.terminal())")
    print("\nHow often each reward model was chosen\n\n\(report.shareTable.terminal())")
    print("\nWhat was expected of each reward model\n\n\(report.calibrationTable.terminal())")
    if let curve {
      print("\nAccuracy by the part of the training prompts\n\n\(curve.table.terminal())\n\n\(curve.verdict)")
    }
    print(
      """

      Accuracy in % with 95 % paired bootstrap intervals over groups or prompts (\(report.resamples) resamples). A difference whose interval \
      holds 0 may be chance: with some hundred pairs a gain of under 3 points is noise. \(judging.ties.legend)
      Run folder \(folder.url.path); plots: \(plots.joined(separator: "; "))
      """)
  }
}
