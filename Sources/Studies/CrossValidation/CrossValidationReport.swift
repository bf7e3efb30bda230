import Foundation
import PreferenceData
import Randomness
import Reporting

/// The outcomes of a cross-validation with intervals, in a table and a summary.
public struct CrossValidationReport: Sendable {
  public struct Row: Sendable, Encodable {
    /// Accuracies, and the difference to the first outcome.
    public let accuracy: AccuracyReport.Row
    public let rmCallsPerPair: Double
    /// The share of each reward model among the choices; empty where no single one is chosen.
    public let shares: [Double]
    /// Over all pairs, by domain.
    public let accuracyByDomain: [String: Double]
    /// Whether it was fitted on the training folds.
    public let isFitted: Bool
    /// What it expected on held-out pairs, against what was; nil where it expects nothing.
    public let quality: JudgementQuality?

    public var method: String { accuracy.method }

    private enum CodingKeys: String, CodingKey {
      case shares, reliability
      case rmCallsPerPair = "rm_calls_per_pair"
      case accuracyByDomain = "accuracy_by_domain"
      case isFitted = "fitted"
      case comparisonAccuracy = "comparison_accuracy"
      case classificationAccuracy = "classification_accuracy"
      case expectedCalibrationError = "expected_calibration_error"
    }

    public func encode(to encoder: any Encoder) throws {
      try accuracy.encodeFlat(to: encoder, interval: \.interval)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(rmCallsPerPair, forKey: .rmCallsPerPair)
      try container.encode(shares, forKey: .shares)
      try container.encode(accuracyByDomain, forKey: .accuracyByDomain)
      try container.encode(isFitted, forKey: .isFitted)
      try container.encodeIfPresent(quality?.comparisonAccuracy, forKey: .comparisonAccuracy)
      try container.encodeIfPresent(quality?.classificationAccuracy, forKey: .classificationAccuracy)
      try container.encodeIfPresent(quality?.expectedCalibrationError, forKey: .expectedCalibrationError)
      try container.encodeIfPresent(quality?.reliability, forKey: .reliability)
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
    let table = dataset.correctness
    let report = AccuracyReport(
      outcomes.map { .init(name: $0.name, correctness: $0.correctness) }, pairs: dataset.pairs,
      subsets: table.subsetFlags, bestSingle: outcomes[0].correctness, using: &generator)
    rows = zip(outcomes, report.rows).map { outcome, row in
      Row(
        accuracy: row, rmCallsPerPair: outcome.callsPerPair, shares: outcome.shares,
        accuracyByDomain: Dictionary(
          uniqueKeysWithValues: zip(report.domains, row.byDomain).compactMap { name, value in value.map { (name, $0) } }
        ),
        isFitted: outcome.isFitted, quality: outcome.quality)
    }
    rewardModels = dataset.rewardModels.map(\.name)
    domains = report.domains
    pairCounts = report.pairCounts
    resamples = report.resamples
  }

  public var table: Table {
    var table = Table([
      .init("method"), .init("all %", .right), .init("some right %", .right), .init("disagree %", .right),
      .init("- best single", .right), .init("calls", .right),
    ])
    func percent(_ estimate: Estimate?) -> String {
      estimate.map { String(format: "%.2f [%.0f,%.0f]", 100 * $0.value, 100 * $0.low, 100 * $0.high) } ?? "-"
    }
    for row in rows {
      let difference = row.accuracy.toBestSingle.map {
        String(format: "%+.2f [%+.1f,%+.1f]", 100 * $0.value, 100 * $0.low, 100 * $0.high)
      }
      table.append(
        [row.method] + row.accuracy.accuracies.map(percent) + [
          difference ?? "-", String(format: "%.2f", row.rmCallsPerPair),
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
        row.method, percent(row.quality?.comparisonAccuracy), percent(row.quality?.classificationAccuracy),
        (row.quality?.expectedCalibrationError).map { String(format: "%.3f", $0) } ?? "-",
      ])
    }
    return table
  }
}
