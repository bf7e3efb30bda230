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
  /// Which pairs an accuracy is taken over.
  public enum Denominator: Int, Sendable, CaseIterable {
    case all, anyCorrect, disagreement
  }

  /// An accuracy or a difference of two, as fractions.
  public struct Estimate: Sendable, Equatable {
    public let value: Double
    public let interval: Interval
  }

  public struct Row: Sendable {
    public let method: String
    /// By `Denominator.rawValue`; nil where no pair counts.
    public let accuracies: [Estimate?]
    /// Differences over all pairs to the best single reward model (of each pool, in hindsight) and to majority vote.
    public let toBestSingle: Estimate?
    public let toMajority: Estimate?
    public let callsPerPair: Double
    public let costPerPair: Double?
    public let decisionMicroseconds: Double?
    public let updateMicroseconds: Double?
  }

  public let rows: [Row]
  public let rewardModels: [String]
  public let poolCount: Int
  /// Pairs by `Denominator.rawValue`, counted once a pool.
  public let pairCounts: [Int]
  public let bestSingle: String
  public let resamples: Int

  /// - Parameter pools: studies with the outcomes of the same methods in each; over several pools, rows of single models are left
  ///   out, since each occurs in some pools only.
  public init(pools: [(study: ReplayStudy, outcomes: [ReplayOutcome])], using generator: inout PhiloxGenerator) {
    precondition(!pools.isEmpty, "a report needs a pool")
    let several = pools.count > 1
    var names: [String] = []
    for outcome in pools[0].outcomes {
      if case .single = outcome.method, several { continue }
      names.append(outcome.title)
    }
    func concatenated(_ values: (ReplayStudy, [ReplayOutcome]) -> [Double]) -> [Double] {
      pools.flatMap { values($0.study, $0.outcomes) }
    }
    func outcomes(_ name: String) -> [ReplayOutcome] {
      pools.compactMap { $0.outcomes.first { $0.title == name } }
    }
    var values = names.map { name in outcomes(name).flatMap(\.correctness) }
    precondition(values.allSatisfy { $0.count == pools.reduce(0) { $0 + $1.study.world.dataset.pairs.count } })
    let bestSingle = values.count
    values.append(concatenated { study, _ in study.singleCorrectness(arm: study.bestSingleArm) })
    values.append(concatenated { study, _ in study.majorityCorrectness })

    let subsets = Denominator.allCases.map { denominator in
      pools.flatMap { pool in
        pool.study.world.dataset.pairs.indices.map { pool.study.counts(pair: $0, in: denominator) }
      }
    }
    var promptNumbers: [Prompt: Int] = [:]
    var groups: [Int] = []
    for pair in pools.flatMap(\.study.world.dataset.pairs) {
      let number = promptNumbers[pair.prompt] ?? promptNumbers.count
      promptNumbers[pair.prompt] = number
      groups.append(number)
    }
    let bootstrap = PairedBootstrap(values: values, subsets: subsets, groups: groups, using: &generator)
    func estimate(_ method: Int, minus reference: Int) -> Estimate? {
      bootstrap.difference(method: method, minus: reference, subset: 0).map {
        Estimate(value: $0.mean, interval: $0.interval)
      }
    }
    func mean(_ values: [Double?]) -> Double? {
      let known = values.compactMap { $0 }
      return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
    }
    rows = names.enumerated().map { index, name in
      let ofPools = outcomes(name)
      return Row(
        method: name,
        accuracies: subsets.indices.map { subset in
          guard let value = bootstrap.mean(method: index, subset: subset),
            let interval = bootstrap.interval(method: index, subset: subset)
          else { return nil }
          return Estimate(value: value, interval: interval)
        },
        toBestSingle: estimate(index, minus: bestSingle), toMajority: estimate(index, minus: bestSingle + 1),
        callsPerPair: mean(ofPools.map(\.callsPerPair)) ?? 0, costPerPair: mean(ofPools.map(\.costPerPair)),
        decisionMicroseconds: mean(ofPools.map(\.decisionMicroseconds)),
        updateMicroseconds: mean(ofPools.map(\.updateMicroseconds)))
    }
    let union = pools.flatMap { $0.study.world.dataset.rewardModels.map(\.name) }
    rewardModels = union.enumerated().filter { union.firstIndex(of: $0.element) == $0.offset }.map(\.element)
    poolCount = pools.count
    pairCounts = subsets.map { $0.count { $0 } }
    let first = pools[0].study
    self.bestSingle = several ? "the best of each pool" : first.world.dataset.rewardModels[first.bestSingleArm].name
    resamples = bootstrap.resamples
  }
}

extension ReplayStudy {
  func singleCorrectness(arm: Int) -> [Double] {
    world.dataset.pairs.indices.map { world.dataset.isCorrect(arm: arm, pair: $0) ? 1 : 0 }
  }

  var majorityCorrectness: [Double] {
    let vote = MajorityVote()
    return world.dataset.pairs.enumerated().map { index, pair in
      guard let label = pair.label else { return 0 }
      return vote.verdict(scores: world.dataset.scores.map { $0[index] }).correctness(label: label)
    }
  }

  func counts(pair: Int, in denominator: ReplayReport.Denominator) -> Bool {
    let dataset = world.dataset
    let right = dataset.scores.indices.count { dataset.isCorrect(arm: $0, pair: pair) }
    return switch denominator {
    case .all: true
    case .anyCorrect: right > 0
    case .disagreement: right > 0 && right < dataset.scores.count
    }
  }
}

// MARK: Renderings

extension ReplayReport {
  /// Fits 120 columns: accuracies with intervals in whole percent, differences with half the width of theirs.
  public var terminalTable: Table {
    table(
      accuracy: {
        let value = String(format: "%.2f", $0.value * 100)
        let certain = $0.interval.low == $0.interval.high
        return certain ? value : value + String(format: " [%.0f,%.0f]", $0.interval.low * 100, $0.interval.high * 100)
      },
      difference: {
        String(format: "%+.1f ±%.1f", $0.value * 100, ($0.interval.high - $0.interval.low) * 50)
      })
  }

  /// Every interval in full.
  public var fullTable: Table {
    table(
      accuracy: { String(format: "%.2f [%.2f, %.2f]", $0.value * 100, $0.interval.low * 100, $0.interval.high * 100) },
      difference: {
        String(format: "%+.2f [%+.2f, %+.2f]", $0.value * 100, $0.interval.low * 100, $0.interval.high * 100)
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
        [row.method] + row.accuracies.map { $0.map(accuracy) ?? "-" }
          + [row.toBestSingle, row.toMajority].map { $0.map(difference) ?? "-" }
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
      methods: rows.map { row in
        Summary.Method(
          method: row.method, accuracyAll: row.accuracies[0]?.value, accuracyAnyCorrect: row.accuracies[1]?.value,
          accuracyDisagreement: row.accuracies[2]?.value, intervalAll: row.accuracies[0].map(\.pair),
          intervalAnyCorrect: row.accuracies[1].map(\.pair), intervalDisagreement: row.accuracies[2].map(\.pair),
          differenceToBestSingle: row.toBestSingle?.value, intervalToBestSingle: row.toBestSingle.map(\.pair),
          differenceToMajority: row.toMajority?.value, intervalToMajority: row.toMajority.map(\.pair),
          rmCallsPerPair: row.callsPerPair, costPerPair: row.costPerPair,
          decisionMicroseconds: row.decisionMicroseconds,
          updateMicroseconds: row.updateMicroseconds)
      })
  }

  public struct Summary: Sendable, Codable {
    public struct Method: Sendable, Codable {
      public let method: String
      public let accuracyAll: Double?
      public let accuracyAnyCorrect: Double?
      public let accuracyDisagreement: Double?
      public let intervalAll: [Double]?
      public let intervalAnyCorrect: [Double]?
      public let intervalDisagreement: [Double]?
      public let differenceToBestSingle: Double?
      public let intervalToBestSingle: [Double]?
      public let differenceToMajority: Double?
      public let intervalToMajority: [Double]?
      public let rmCallsPerPair: Double
      public let costPerPair: Double?
      public let decisionMicroseconds: Double?
      public let updateMicroseconds: Double?

      enum CodingKeys: String, CodingKey {
        case method
        case accuracyAll = "accuracy_all"
        case accuracyAnyCorrect = "accuracy_any_correct"
        case accuracyDisagreement = "accuracy_disagreement"
        case intervalAll = "interval_all"
        case intervalAnyCorrect = "interval_any_correct"
        case intervalDisagreement = "interval_disagreement"
        case differenceToBestSingle = "difference_to_best_single"
        case intervalToBestSingle = "interval_to_best_single"
        case differenceToMajority = "difference_to_majority"
        case intervalToMajority = "interval_to_majority"
        case rmCallsPerPair = "rm_calls_per_pair"
        case costPerPair = "cost_per_pair"
        case decisionMicroseconds = "decision_microseconds"
        case updateMicroseconds = "update_microseconds"
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

extension ReplayReport.Estimate {
  /// `[low, high]`.
  fileprivate var pair: [Double] { [interval.low, interval.high] }
}
