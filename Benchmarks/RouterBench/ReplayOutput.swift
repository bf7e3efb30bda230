import Foundation
import RouterKit

/// What a replay leaves behind: events while it runs, tables and plots when it ends.
struct ReplayOutput {
  let folder: RunFolder
  let data: ReplayData
  let configuration: ReplayConfiguration
  /// Whether cost plays a part.
  let hasPrices: Bool

  private struct RunEvent: Encodable {
    let event = "run"
    let method: String
    let rewardModels: Int
    let priorVariance: Double
    let seed: UInt64
    let accuracy: Double
    let rmCalls: Int
    let decisionSeconds: Double
    let updateSeconds: Double
  }

  private struct DecisionEvent: Encodable {
    let event = "decision"
    let method: String
    let seed: UInt64
    let step: Int
    let pair: String
    let arm: String
    let propensity: Double?
    let correct: Double
    let reward: Double
  }

  func record(_ trace: ReplayTrace, method: ReplayMethod, study: ReplayStudy, decisions: Bool) throws {
    let dataset = study.dataset
    if decisions {
      for step in trace.pairs.indices {
        try folder.record(
          DecisionEvent(
            method: method.name, seed: trace.seed, step: step, pair: dataset.pairs[trace.pairs[step]].id,
            arm: dataset.rewardModels[trace.arms[step]].name,
            propensity: trace.propensities[step], correct: trace.correctness[step],
            reward: trace.rewards[step]))
      }
    }
    try folder.record(
      RunEvent(
        method: method.name, rewardModels: dataset.rewardModels.count,
        priorVariance: study.configuration.priorVariance, seed: trace.seed, accuracy: trace.accuracy,
        rmCalls: trace.usage.calls, decisionSeconds: trace.decisionSeconds, updateSeconds: trace.updateSeconds))
  }

  /// Keeps a router as it is at the end of the last seed, for `--prior RUN/router` or a notebook. Where several kinds run, the last stays.
  func save(_ router: any Router) throws {
    guard let router = router as? any SavableRouter else { return }
    try RouterState(
      router: router, normalizer: RewardNormalizer(configuration.normalizer),
      generator: PhiloxGenerator(seed: configuration.firstSeed, stream: "saved-router"),
      encoder: data.encoder.encoder.name, head: data.encoder.head, pairs: data.learntPairs
    ).save(to: folder.url.appendingPathComponent("router"))
  }

  /// Writes and prints the results; `json` prints the summary alone.
  func finish(_ results: [PoolResult], json: Bool) throws {
    var generator = PhiloxGenerator(seed: configuration.firstSeed, stream: "bootstrap")
    let sizes = Set(results.map { $0.study.dataset.rewardModels.count }).sorted()
    let reports = sizes.map { size in
      ReplayReport(
        pools: results.filter { $0.study.dataset.rewardModels.count == size }.map { ($0.study, $0.outcomes) },
        using: &generator)
    }
    let plots = results.count == 1 ? ReplayPlots(results[0].study, results[0].outcomes).render(to: folder.url) : []
    try folder.write(
      text: zip(sizes, reports).map { heading(size: $0, $1) + "\n\n" + $1.fullTable.markdown }.joined(separator: "\n"),
      to: "table.md")
    try folder.write(text: reports.map(\.fullTable.csv).joined(separator: "\r\n"), to: "table.csv")
    if results.count == 1 {
      try folder.write(text: ArmShares(results[0].study, results[0].outcomes).table.csv, to: "shares.csv")
    }
    let summaries = reports.map { report in
      var summary = report.summary
      summary.warnings = data.warnings
      return summary
    }
    // Last: a folder with a summary is complete.
    if summaries.count == 1 {
      try folder.write(summaries[0], to: "summary.json")
    } else {
      try folder.write(["by_pool_size": summaries], to: "summary.json")
    }

    if json {
      print(try String(contentsOf: folder.url.appendingPathComponent("summary.json"), encoding: .utf8), terminator: "")
      return
    }
    print(introduction)
    for (size, report) in zip(sizes, reports) {
      print("\n" + heading(size: size, report) + "\n")
      print(report.terminalTable.terminal())
    }
    print(legend(reports[0]))
    for warning in data.warnings { print("Warning: \(warning).") }
    if results.count == 1, let shares = ArmShares(results[0].study, results[0].outcomes).terminalTable {
      print("\nShare of each reward model, % of the pairs of a domain (\(shares.method)):\n")
      print(shares.table.terminal())
    }
    print("\nRun folder \(folder.url.path)" + (plots.isEmpty ? "" : "; plots: " + plots.joined(separator: "; ")))
  }

  private var introduction: String {
    let blas = BLASRuntime.current
    let held = data.dataset.pairs.count - data.online.pairs.count
    return [
      "\(data.online.pairs.count) pairs" + (held > 0 ? " (\(held) more give the offline prior)" : "")
        + ", \(data.dataset.rewardModels.count) reward models, \(data.dataset.domains.count) domains; "
        + "context \(data.encoder.name) to \(data.encoder.dimension) coordinates",
      "reward: \(configuration.reward); delay \(configuration.delay), batch \(configuration.batch), "
        + "normaliser \(configuration.normalizer.rawValue)",
      "\(configuration.seeds) seeds from \(configuration.firstSeed); \(Machine.current.summary); "
        + "BLAS core \(blas.coreAfter.isEmpty ? "unknown" : blas.coreAfter), \(blas.threads) thread(s)",
    ].joined(separator: "\n")
  }

  private func heading(size: Int, _ report: ReplayReport) -> String {
    let pools = report.poolCount == 1 ? "" : ", mean over \(report.poolCount) pools"
    return
      "\(size) reward models\(pools): \(report.pairCounts[0]) pairs, \(report.pairCounts[1]) that some model gets right, "
      + "\(report.pairCounts[2]) in the disagreement set; best single: \(report.bestSingle)"
  }

  private func legend(_ report: ReplayReport) -> String {
    """

    Accuracy in % with 95 % paired bootstrap intervals over prompts (\(report.resamples) resamples); rows of learning methods
    are means over seeds. "- best" and "- majority" are differences to the best single model and to majority vote over
    all pairs, with half the width of their interval (whole ones: table.md). calls: reward-model calls a pair. us/dec,
    us/upd: microseconds a decision and an update. A single model's tie is wrong, a tied vote counts one half.
    """
      + (!hasPrices
        ? "" : "\ncost: the mean price of a pair's calls, in the unit of --prices (billions of parameters).")
  }
}
