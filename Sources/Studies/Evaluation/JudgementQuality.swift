import Routing

/// How far expectations of reward models can be trusted: whether scores order models as their answers do, and whether models are
/// right as often as the probabilities say.
///
/// Gathered pair by pair, so that folds and seeds can be pooled; O(1) memory.
public struct JudgementQuality: Sendable, Equatable {
  public typealias Bin = ReliabilityBins.Bin

  private var bins = ReliabilityBins()
  private var classifiedRightly = 0.0
  private var comparisons = 0
  private var ordered = 0.0

  public init() {}

  /// Takes one pair into account.
  ///
  /// - Parameter correctness: whether each model is right on the pair of this row: 1 or 0, or one half for a tie that counts so, which
  ///   neither wins nor loses a comparison, and is classified rightly by half whatever its probability.
  public mutating func add(_ judgement: OfflineRouter.Judgement, row: Int, correctness: [Double]) {
    let scores = Array(judgement.scores.row(row))
    precondition(correctness.count == scores.count, "\(correctness.count) answers of \(scores.count) models")
    for winner in correctness.indices where correctness[winner] == 1 {
      for loser in correctness.indices where correctness[loser] == 0 {
        comparisons += 1
        ordered += scores[winner] > scores[loser] ? 1 : scores[winner] == scores[loser] ? 0.5 : 0
      }
    }
    for (probability, right) in zip(judgement.probabilities.row(row), correctness) {
      bins.add(probability, outcome: right)
      classifiedRightly += probability > 0.5 ? right : 1 - right
    }
  }

  /// The number of (pair, model).
  public var count: Int { bins.count }

  /// The share of all (winner, loser) comparisons that the scores order rightly, equal scores one half; nil where there is none.
  public var comparisonAccuracy: Double? { comparisons > 0 ? ordered / Double(comparisons) : nil }

  /// The share of (pair, model) whose probability lies on the right side of one half.
  public var classificationAccuracy: Double { classifiedRightly / Double(max(count, 1)) }

  /// The expected calibration error, as `ReliabilityBins.expectedCalibrationError`, over all (pair, model).
  public var expectedCalibrationError: Double { bins.expectedCalibrationError }

  /// Ten bins of the (pair, model), from the lowest probabilities to the highest.
  public var reliability: [Bin] { bins.bins }
}
