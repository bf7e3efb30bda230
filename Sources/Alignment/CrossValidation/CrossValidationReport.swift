import Foundation
import PreferenceData
import Randomness
import Reporting

/// The outcomes of a cross-validation with intervals, in a table and a summary.
public struct CrossValidationReport: Sendable {
  public struct Row: Sendable, Codable {
    public let method: String
    /// Fractions over all pairs, those that some model gets right, and those that some get right and some wrong; nil where no pair counts.
    public let accuracyAll: Double?
    public let accuracyAnyCorrect: Double?
    public let accuracyDisagreement: Double?
    public let intervalAll: Interval?
    public let intervalAnyCorrect: Interval?
    public let intervalDisagreement: Interval?
    /// Over all pairs, to the first outcome.
    public let differenceToBestSingle: Double?
    public let intervalToBestSingle: Interval?
    public let rmCallsPerPair: Double
    /// By reward model; empty where no single one is chosen.
    public let shares: [Double]
    /// Over all pairs, by domain.
    public let accuracyByDomain: [String: Double]
    /// Whether it was fitted on the training folds.
    public let isFitted: Bool
    /// Of what it expected on held-out pairs, as `JudgementQuality` has them; nil where it expects nothing.
    public let comparisonAccuracy: Double?
    public let classificationAccuracy: Double?
    public let expectedCalibrationError: Double?
    public let reliability: [JudgementQuality.Bin]?

    enum CodingKeys: String, CodingKey {
      case method, shares, reliability
      case accuracyAll = "accuracy_all"
      case accuracyAnyCorrect = "accuracy_any_correct"
      case accuracyDisagreement = "accuracy_disagreement"
      case intervalAll = "interval_all"
      case intervalAnyCorrect = "interval_any_correct"
      case intervalDisagreement = "interval_disagreement"
      case differenceToBestSingle = "difference_to_best_single"
      case intervalToBestSingle = "interval_to_best_single"
      case rmCallsPerPair = "rm_calls_per_pair"
      case accuracyByDomain = "accuracy_by_domain"
      case isFitted = "fitted"
      case comparisonAccuracy = "comparison_accuracy"
      case classificationAccuracy = "classification_accuracy"
      case expectedCalibrationError = "expected_calibration_error"
    }
  }

  public let rows: [Row]
  public let rewardModels: [String]
  public let domains: [String]
  /// Pairs of the three denominators.
  public let pairCounts: [Int]
  public let resamples: Int

  /// - Parameter outcomes: the first is what differences are taken to: the best single model that the training folds name.
  public init(
    _ outcomes: [CrossValidation.Outcome], dataset: PreferenceDataset, using generator: inout PhiloxGenerator
  ) {
    let pairs = dataset.pairs.indices
    let right = pairs.map { pair in dataset.scores.indices.count { dataset.isCorrect(arm: $0, pair: pair) } }
    let subsets = [
      pairs.map { _ in true }, right.map { $0 > 0 }, right.map { $0 > 0 && $0 < dataset.scores.count },
    ]
    let bootstrap = PairedBootstrap(
      values: outcomes.map(\.correctness), subsets: subsets, groups: PromptGroups(dataset.pairs).groupOfPair,
      using: &generator)
    let ofDomain = Dictionary(grouping: pairs) { dataset.domain(pair: $0) }
    rows = outcomes.enumerated().map { index, outcome in
      func mean(_ subset: Int) -> Double? { bootstrap.mean(method: index, subset: subset) }
      func interval(_ subset: Int) -> Interval? { bootstrap.interval(method: index, subset: subset) }
      let difference = bootstrap.difference(method: index, minus: 0, subset: 0)
      return Row(
        method: outcome.name, accuracyAll: mean(0), accuracyAnyCorrect: mean(1), accuracyDisagreement: mean(2),
        intervalAll: interval(0), intervalAnyCorrect: interval(1), intervalDisagreement: interval(2),
        differenceToBestSingle: difference?.mean, intervalToBestSingle: difference?.interval,
        rmCallsPerPair: outcome.callsPerPair, shares: outcome.shares,
        accuracyByDomain: ofDomain.mapValues { members in
          members.reduce(0) { $0 + outcome.correctness[$1] } / Double(members.count)
        }, isFitted: outcome.isFitted, comparisonAccuracy: outcome.quality?.comparisonAccuracy,
        classificationAccuracy: outcome.quality?.classificationAccuracy,
        expectedCalibrationError: outcome.quality?.expectedCalibrationError,
        reliability: outcome.quality?.reliability)
    }
    rewardModels = dataset.rewardModels.map(\.name)
    domains = dataset.domains
    pairCounts = subsets.map { $0.count { $0 } }
    resamples = bootstrap.resamples
  }

  public var table: Table {
    var table = Table([
      .init("method"), .init("all %", .right), .init("some right %", .right), .init("disagree %", .right),
      .init("- best single", .right), .init("calls", .right),
    ])
    func percent(_ value: Double?, _ interval: Interval?) -> String {
      guard let value, let interval else { return "-" }
      return String(format: "%.2f [%.0f,%.0f]", 100 * value, 100 * interval.low, 100 * interval.high)
    }
    for row in rows {
      let difference =
        row.differenceToBestSingle.flatMap { value in
          row.intervalToBestSingle.map {
            String(format: "%+.2f [%+.1f,%+.1f]", 100 * value, 100 * $0.low, 100 * $0.high)
          }
        } ?? "-"
      table.append([
        row.method, percent(row.accuracyAll, row.intervalAll), percent(row.accuracyAnyCorrect, row.intervalAnyCorrect),
        percent(row.accuracyDisagreement, row.intervalDisagreement), difference,
        String(format: "%.2f", row.rmCallsPerPair),
      ])
    }
    return table
  }

  /// Accuracy over all pairs of each domain.
  public var domainTable: Table {
    var table = Table([.init("method, %")] + domains.map { .init($0, .right) })
    for row in rows {
      table.append(
        [row.method] + domains.map { row.accuracyByDomain[$0].map { String(format: "%.1f", 100 * $0) } ?? "-" })
    }
    return table
  }

  /// How often each method chose each reward model, whose names are shortened.
  public var shareTable: Table {
    var table = Table([.init("method, %")] + rewardModels.map { .init(GnuplotScript.shortened($0, to: 14), .right) })
    for row in rows where row.shares.count(where: { $0 > 0 }) > 1 {
      table.append([row.method] + row.shares.map { String(format: "%.1f", 100 * $0) })
    }
    return table
  }

  /// What each policy expects of the reward models, against what they did.
  public var calibrationTable: Table {
    var table = Table([
      .init("method"), .init("comparisons %", .right), .init("classification %", .right), .init("ECE", .right),
    ])
    func percent(_ value: Double?) -> String { value.map { String(format: "%.2f", 100 * $0) } ?? "-" }
    for row in rows where row.isFitted {
      table.append([
        row.method, percent(row.comparisonAccuracy), percent(row.classificationAccuracy),
        row.expectedCalibrationError.map { String(format: "%.3f", $0) } ?? "-",
      ])
    }
    return table
  }
}
