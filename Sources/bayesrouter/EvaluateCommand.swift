import ArgumentParser
import CommandSupport
import Foundation
import RouterKit

/// `bayesrouter evaluate`: an offline router on labelled pairs.
struct Evaluate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Evaluate an offline router on the labelled pairs of a dataset.",
    discussion: """
      Each pair goes to the reward model of the highest Bradley-Terry score. Accuracies are over all pairs, over those that some model gets \
      right, and over the disagreement set, with 95 % paired bootstrap intervals over groups of pairs (of one prompt, where they have no \
      group). The best single model is named by the very labels that it is judged by, as is the oracle. Pairs without label are left out.

      A router remembers by hashes which pairs it was trained and validated on. Where they are among those given, this is said, and a row \
      of its own has its accuracy on the pairs of other prompts and groups; --unseen judges everything on those alone.

      EXAMPLES
        bayesrouter evaluate --router routers/hashed --data judgebench
        bayesrouter evaluate --router routers/minilm --data judgebench --encoder all-MiniLM-L6-v2 --json
        bayesrouter evaluate --router routers/hashed --data more-pairs --unseen
      """)

  @Option(name: .long, help: "The router's folder, or that of the training run.")
  var router: String

  @Option(name: .long, help: "The dataset folder: pairs.jsonl, scores.jsonl, rms.json.")
  var data: String

  @Option(name: .long, help: "The checkpoint's folder; not needed behind hashed features or an encoder trained along.")
  var encoder: String?

  @OptionGroup var judging: TieOptions

  @OptionGroup var encoding: EncoderOptions

  @Option(
    name: .long,
    help: "A run folder for config.json, summary.json, table.txt and plots of the calibration; must not exist.")
  var out: String?

  @Flag(name: .long, help: "Leave out pairs whose prompts or groups the router was trained or validated on.")
  var unseen = false

  @Option(name: .long, help: "Seed of the bootstrap.")
  var seed: UInt64 = 1

  @Flag(name: .long, help: "Print one JSON object.")
  var json = false

  func run() async throws {
    let saved = try OfflineRouter(folder: URL(fileURLWithPath: router))
    let encoder = try pairEncoder(behind: saved)
    let router = try OfflineRouter(folder: URL(fileURLWithPath: self.router), encoder: encoder.name)
    let known = router.training?.pairs
    // By name, so that a dataset with more models, or in another order, serves too.
    let dataset = try selected(
      try PreferenceDataset(folder: URL(fileURLWithPath: data), rewardModels: router.rewardModels), known)
    var generator = PhiloxGenerator(seed: seed, stream: "evaluate-bootstrap")
    var progress = ProgressDisplay()
    let features = try await encoder.features(dataset.pairs) { progress.show($0) }
    let evaluation = try RouterEvaluation(
      router.judge(features), dataset: dataset, known: known, ties: judging.ties, using: &generator)
    let warning =
      known == nil
      ? "the router does not say which pairs it was trained on: figures on those would be of memory"
      : evaluation.overlap?.warning
    if let warning { warn(warning) }
    let summary = String(decoding: try JSONText.document(evaluation, keys: .snakeCase), as: UTF8.self)
    let folder = try out.map { out in
      try RunFolder(
        at: URL(fileURLWithPath: out),
        configuration: RunConfiguration(
          router: self.router, fingerprint: router.fingerprint.description, data: data, encoder: router.encoder,
          unseen: unseen, ties: judging.ties, seed: seed))
    }
    print(json ? summary : evaluation.text)
    guard let folder else { return }
    try folder.write(text: evaluation.text + "\n", to: "table.txt")
    let plots = [("reliability", evaluation.reliabilityPlot), ("forecasts", evaluation.forecastPlot)]
      .compactMap { name, plot in plot?.drawn(to: folder.url, name: name) }
    // Last: a folder with a summary is complete.
    try folder.write(text: summary + "\n", to: "summary.json")
    if !json { print("Run folder \(folder.url.path); plots: \(plots.joined(separator: "; "))") }
  }

  private struct RunConfiguration: Encodable {
    let command = "bayesrouter evaluate"
    let router: String
    let fingerprint: String
    let data: String
    let encoder: String
    let unseen: Bool
    let ties: TieRule
    let seed: UInt64
    let machine = Machine.current
    let blas = BLASRuntime.current
  }

  /// The pairs that are judged.
  private func selected(_ dataset: PreferenceDataset, _ known: RouterPairs?) throws -> PreferenceDataset {
    guard unseen else { return dataset }
    guard let known else {
      throw ValidationError("--unseen: the router does not say which pairs it was trained on; train it anew")
    }
    let pairs = dataset.pairs.indices.filter { !known.haveSeen(dataset.pairs[$0]) }
    guard !pairs.isEmpty else {
      throw ValidationError("--unseen: the router has seen the prompts or groups of all \(dataset.pairs.count) pairs")
    }
    return dataset.selecting(pairs: pairs)
  }

  private func pairEncoder(behind saved: OfflineRouter) throws -> any PairEncoder {
    let own = OfflineRouter.encoderFolder(URL(fileURLWithPath: router))
    if let folder = encoder ?? own?.path { return try encoding.encoder(folder) }
    guard let hashed = HashedPairEncoder(name: saved.encoder) else {
      throw ValidationError("the router was trained behind '\(saved.encoder)': give that checkpoint with --encoder")
    }
    return hashed
  }
}

extension RouterEvaluation {
  /// The tables that people read.
  var text: String {
    func percent(_ estimate: Estimate?) -> String {
      estimate.map { String(format: "%.2f [%.0f,%.0f]", $0.value * 100, $0.low * 100, $0.high * 100) } ?? "-"
    }
    var table = Table(
      [.init("method")] + ["all %", "some right %", "disagree %", "- best"].map { .init($0, .right) })
    var byDomain = Table([.init("accuracy %")] + domains.map { .init($0, .right) })
    for row in rows {
      let difference = row.toBestSingle.map {
        String(format: "%+.1f [%+.1f,%+.1f]", $0.value * 100, $0.low * 100, $0.high * 100)
      }
      table.append(
        [row.method, percent(row[.all]), percent(row[.anyCorrect]), percent(row[.disagreement]), difference ?? "-"])
      byDomain.append([row.method] + row.byDomain.map { $0.map { String(format: "%.1f", $0 * 100) } ?? "-" })
    }
    var choices = Table([.init("router's share %"), .init("all", .right)] + domains.map { .init($0, .right) })
    for (arm, name) in rewardModels.enumerated() {
      choices.append([name] + ([shares] + sharesByDomain).map { String(format: "%.1f", $0[arm] * 100) })
    }
    return """
      \(pairs) labelled pairs, \(anyCorrectPairs) that some model gets right, \(disagreementPairs) in the disagreement set; best single \
      (hindsight): \(bestSingle)

      \(table.terminal())

      \(byDomain.terminal())

      \(choices.terminal())

      comparisons ordered rightly \(comparisonAccuracy.map { String(format: "%.2f %%", $0 * 100) } ?? "-"); \
      correctness predicted rightly \(String(format: "%.2f %%, ECE %.3f", classificationAccuracy * 100, expectedCalibrationError))
      Intervals: 95 %, paired bootstrap over groups or prompts (\(bootstrapResamples) resamples). \(ties.legend)
      """
  }
}
