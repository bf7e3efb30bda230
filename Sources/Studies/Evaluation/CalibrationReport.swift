import Foundation
import PreferenceData
import Randomness
import Reporting
import Routing

/// How well the margins of each reward model are calibrated, judged on pairs that the calibration was not fitted on.
///
/// The prompts of the labelled pairs are dealt into folds; each pair's probability comes from the fit on the other folds. What is said of
/// the fit itself is said of the one on all labelled pairs.
public struct CalibrationReport: Sendable, Encodable {
  /// What is known of one reward model.
  public struct Row: Sendable, Encodable {
    public let rewardModel: String
    /// The labelled pairs on which the model is not tied.
    public let pairs: Int
    public let ties: Int
    /// The share of `pairs` on which the model is right; nil where there are none.
    public let accuracy: Double?
    public let a: Double
    public let b: Double
    public let covariance: [[Double]]
    /// The geometric mean of |margin|; nil where each margin is 0.
    public let scale: Double?
    /// The area under the ROC curve of |margin| for being right; nil where the model is always right, or always wrong.
    public let areaUnderCurve: Double?
    /// The expected calibration error on held-out pairs, over `reliability`.
    public let expectedCalibrationError: Double
    /// Ten bins of the held-out probabilities of being right.
    public let reliability: [ReliabilityBins.Bin]
    /// What to know of the model's fit before trusting it.
    public let notes: [String]
  }

  /// The pairs that have a label.
  public let labelledPairs: Int
  public let unlabelledPairs: Int
  public let folds: Int
  public let rows: [Row]
  /// The fit on all labelled pairs.
  public let calibration: PoolCalibration

  private enum CodingKeys: CodingKey {
    case labelledPairs, unlabelledPairs, folds, rows
  }

  /// Fits on all labelled pairs, and judges by cross-validation.
  ///
  /// - Parameter generator: deals the groups into folds.
  /// - Throws: `RoutingError.calibration` where no pair has a label or a margin is not finite; `PreferenceDataError` for fewer than two
  ///   folds, or fewer groups than folds.
  public init(calibrating dataset: PreferenceDataset, folds: Int, using generator: inout PhiloxGenerator) throws {
    calibration = try PoolCalibration(fitting: dataset)
    let labelled = dataset.selecting(pairs: dataset.pairs.indices.filter { dataset.pairs[$0].label != nil })
    let splits = try PairGroups(labelled.pairs).folds(folds, using: &generator)
    labelledPairs = labelled.pairs.count
    unlabelledPairs = dataset.pairs.count - labelled.pairs.count
    self.folds = folds
    rows = try calibration.arms.enumerated().map { arm, fit in
      let judgements = labelled.labelledJudgements(arm: arm)
      var bins = ReliabilityBins()
      for split in splits {
        let fold = try MarginCalibration(
          rewardModel: fit.rewardModel, judgements: split.training.map { judgements[$0] })
        for judgement in split.heldOut.map({ judgements[$0] }) where judgement.margin != 0 {
          bins.add(
            try fold.probability(margin: judgement.margin, pair: judgement.pair), outcome: judgement.isRight ? 1 : 0)
        }
      }
      let untied = judgements.filter { $0.margin != 0 }
      return Row(
        rewardModel: fit.rewardModel, pairs: fit.evidence.pairs, ties: fit.evidence.ties,
        accuracy: untied.isEmpty ? nil : Double(fit.evidence.right) / Double(untied.count), a: fit.a, b: fit.b,
        covariance: fit.posterior.covariance, scale: fit.scale,
        areaUnderCurve: Studies.areaUnderCurve(untied.map { abs($0.margin) }, isPositive: untied.map(\.isRight)),
        expectedCalibrationError: bins.expectedCalibrationError, reliability: bins.bins,
        notes: fit.notes.map(\.description))
    }
  }

  /// A row a reward model: pairs, ties, accuracy, a and b with their posterior standard deviations, s, AUC and ECE.
  public var table: Table {
    var table = Table(
      [.init("reward model")] + ["pairs", "ties", "right %", "a", "b", "s", "AUC", "ECE"].map { .init($0, .right) })
    func parameter(_ value: Double, _ variance: Double) -> String {
      String(format: "%.2f ± %.2f", value, variance.squareRoot())
    }
    for row in rows {
      table.append([
        row.rewardModel, "\(row.pairs)", "\(row.ties)", row.accuracy.map { String(format: "%.2f", 100 * $0) } ?? "-",
        parameter(row.a, row.covariance[0][0]), parameter(row.b, row.covariance[1][1]),
        row.scale.map { String(format: "%.4g", $0) } ?? "-",
        row.areaUnderCurve.map { String(format: "%.3f", $0) } ?? "-",
        row.pairs == 0 ? "-" : String(format: "%.3f", row.expectedCalibrationError),
      ])
    }
    return table
  }

  private var plots: ReliabilityPlots {
    ReliabilityPlots(rows.filter { $0.pairs > 0 }.map { ($0.rewardModel, $0.reliability) })
  }

  /// How often models were right on held-out pairs against how probable their margins said it was; nil where each model is tied on each
  /// pair.
  public var reliabilityPlot: LinePlot? { plots.reliability }
  /// The counts of its bins.
  public var forecastPlot: LinePlot? { plots.forecasts }
}
