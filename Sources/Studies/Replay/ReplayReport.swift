import Foundation
import PreferenceData
import Randomness
import Reporting
import RewardModels

/// The results of a replay over one pool of reward models, or over several of one size.
///
/// Several pools count as one sample in which each pair occurs once a pool; the bootstrap draws prompts, so that the copies of a pair
/// stay together.
public struct ReplayReport: Sendable {
  public struct Row: Sendable {
    /// Accuracies, and differences to the best single reward model (of each pool, in hindsight) and to majority vote.
    public let accuracy: AccuracyReport.Row
    public let callsPerPair: Double
    public let costPerPair: Double?
    public let decisionMicroseconds: Double?
    public let updateMicroseconds: Double?

    public var method: String { accuracy.method }
  }

  public let rows: [Row]
  public let rewardModels: [String]
  public let poolCount: Int
  /// Pairs by `CorrectnessTable.Subset.rawValue`, counted once a pool.
  public let pairCounts: [Int]
  public let bestSingle: String
  public let resamples: Int

  /// The results over one pool.
  public init(_ study: ReplayStudy, _ outcomes: [ReplayOutcome], using generator: inout PhiloxGenerator) {
    self.init(pools: [(study, outcomes)], using: &generator)
  }

  /// - Parameter pools: studies with the outcomes of the same methods in each; over several pools, rows of single models are left
  ///   out, since each occurs in some pools only.
  public init(pools: [(study: ReplayStudy, outcomes: [ReplayOutcome])], using generator: inout PhiloxGenerator) {
    precondition(!pools.isEmpty, "a report needs a pool")
    let several = pools.count > 1
    let names = pools[0].outcomes.filter { !(several && $0.method.isSingle) }.map(\.title)
    func outcomes(_ name: String) -> [ReplayOutcome] {
      pools.compactMap { $0.outcomes.first { $0.title == name } }
    }
    let tables = pools.map(\.study.correctness)
    let report = AccuracyReport(
      names.map { name in .init(name: name, correctness: outcomes(name).flatMap(\.correctness)) },
      pairs: pools.flatMap(\.study.dataset.pairs),
      subsets: CorrectnessTable.Subset.allCases.map { subset in tables.flatMap { $0.subsetFlags[subset.rawValue] } },
      bestSingle: tables.flatMap { $0.values[$0.bestArm] },
      majority: pools.flatMap(\.study.dataset.majorityCorrectness), using: &generator)
    func mean(_ values: [Double?]) -> Double? {
      let known = values.compactMap { $0 }
      return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
    }
    rows = zip(names, report.rows).map { name, accuracy in
      let ofPools = outcomes(name)
      return Row(
        accuracy: accuracy, callsPerPair: mean(ofPools.map(\.callsPerPair)) ?? 0,
        costPerPair: mean(ofPools.map(\.costPerPair)),
        decisionMicroseconds: mean(ofPools.map(\.decisionMicroseconds)),
        updateMicroseconds: mean(ofPools.map(\.updateMicroseconds)))
    }
    let union = pools.flatMap { $0.study.dataset.rewardModels.map(\.name) }
    rewardModels = union.enumerated().filter { union.firstIndex(of: $0.element) == $0.offset }.map(\.element)
    poolCount = pools.count
    pairCounts = report.pairCounts
    let first = pools[0].study
    bestSingle = several ? "the best of each pool" : rewardModels[first.correctness.bestArm]
    resamples = report.resamples
  }
}

// MARK: Renderings

extension ReplayReport {
  /// Fits 120 columns: accuracies with intervals in whole percent, differences with half the width of theirs.
  public var terminalTable: Table {
    table(
      accuracy: {
        let value = String(format: "%.2f", $0.value * 100)
        return $0.low == $0.high ? value : value + String(format: " [%.0f,%.0f]", $0.low * 100, $0.high * 100)
      },
      difference: {
        String(format: "%+.1f ±%.1f", $0.value * 100, ($0.high - $0.low) * 50)
      })
  }

  /// Every interval in full.
  public var fullTable: Table {
    table(
      accuracy: { String(format: "%.2f [%.2f, %.2f]", $0.value * 100, $0.low * 100, $0.high * 100) },
      difference: {
        String(format: "%+.2f [%+.2f, %+.2f]", $0.value * 100, $0.low * 100, $0.high * 100)
      })
  }

  private func table(accuracy: (Estimate) -> String, difference: (Estimate) -> String) -> Table {
    // A column that nobody asked for is left out.
    let hasCost = rows.contains { $0.costPerPair != nil }
    var table = Table(
      [
        .init("method"), .init("all %", .right), .init("some right %", .right), .init("disagree %", .right),
        .init("- best", .right), .init("- majority", .right), .init("calls", .right),
      ] + (hasCost ? [.init("cost", .right)] : []) + [.init("us/dec", .right), .init("us/upd", .right)])
    for row in rows {
      table.append(
        [row.method] + row.accuracy.accuracies.map { $0.map(accuracy) ?? "-" }
          + [row.accuracy.toBestSingle, row.accuracy.toMajority].map { $0.map(difference) ?? "-" }
          + [String(format: "%.2f", row.callsPerPair)]
          + (hasCost ? [row.costPerPair.map { String(format: "%.4g", $0) } ?? "-"] : [])
          + [row.decisionMicroseconds, row.updateMicroseconds].map { $0.map { String(format: "%.1f", $0) } ?? "-" })
    }
    return table
  }

  /// The content of `summary.json`; fractions, not percent.
  public var summary: Summary {
    Summary(
      pairs: pairCounts[0], disagreementPairs: pairCounts[2], pools: poolCount, rewardModels: rewardModels,
      bootstrapResamples: resamples,
      methods: rows.map(Summary.Method.init))
  }

  public struct Summary: Sendable, Encodable {
    public struct Method: Sendable, Encodable {
      let row: Row

      private enum CodingKeys: String, CodingKey {
        case rmCallsPerPair = "rm_calls_per_pair"
        case costPerPair = "cost_per_pair"
        case decisionMicroseconds = "decision_microseconds"
        case updateMicroseconds = "update_microseconds"
      }

      public func encode(to encoder: any Encoder) throws {
        try row.accuracy.encodeFlat(to: encoder) { [$0.low, $0.high] }
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(row.callsPerPair, forKey: .rmCallsPerPair)
        try container.encodeIfPresent(row.costPerPair, forKey: .costPerPair)
        try container.encodeIfPresent(row.decisionMicroseconds, forKey: .decisionMicroseconds)
        try container.encodeIfPresent(row.updateMicroseconds, forKey: .updateMicroseconds)
      }
    }

    public let pairs: Int
    public let disagreementPairs: Int
    public let pools: Int
    public let rewardModels: [String]
    public let bootstrapResamples: Int
    public let methods: [Method]
    /// What to know before believing the figures.
    public var warnings: [String] = []

    enum CodingKeys: String, CodingKey {
      case pairs, pools, methods, warnings
      case disagreementPairs = "disagreement_pairs"
      case rewardModels = "reward_models"
      case bootstrapResamples = "bootstrap_resamples"
    }
  }
}
