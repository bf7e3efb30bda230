import Routing

/// How far expectations of reward models can be trusted: whether scores order models as their answers do, and whether models are
/// right as often as the probabilities say.
///
/// Probabilities fall into ten bins of equal width. Gathered pair by pair, so that folds and seeds can be pooled; O(1) memory.
public struct JudgementQuality: Sendable, Equatable {
  /// The (pair, model) whose probabilities fall into one tenth of [0, 1].
  public struct Bin: Sendable, Equatable, Codable {
    public let count: Int
    /// nil in an empty bin.
    public let meanProbability: Double?
    /// The share of `count` in which the model was right, a tie counting what its rule says; nil in an empty bin.
    public let frequency: Double?

    enum CodingKeys: String, CodingKey {
      case count, frequency
      case meanProbability = "mean_probability"
    }
  }

  private static let binCount = 10
  private var counts = [Int](repeating: 0, count: binCount)
  private var probabilities = [Double](repeating: 0, count: binCount)
  private var rights = [Double](repeating: 0, count: binCount)
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
      let bin = min(Int(probability * Double(Self.binCount)), Self.binCount - 1)
      counts[bin] += 1
      probabilities[bin] += probability
      rights[bin] += right
      classifiedRightly += probability > 0.5 ? right : 1 - right
    }
  }

  /// The number of (pair, model).
  public var count: Int { counts.reduce(0, +) }

  /// The share of all (winner, loser) comparisons that the scores order rightly, equal scores one half; nil where there is none.
  public var comparisonAccuracy: Double? { comparisons > 0 ? ordered / Double(comparisons) : nil }

  /// The share of (pair, model) whose probability lies on the right side of one half.
  public var classificationAccuracy: Double { classifiedRightly / Double(max(count, 1)) }

  /// The mean distance of probability and frequency, weighted by what falls in each bin:
  /// sum_b |B_b|/n |frequency of b - mean probability of b|.
  ///
  /// Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
  public var expectedCalibrationError: Double {
    zip(rights, probabilities).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(max(count, 1))
  }

  /// The ten bins, from the lowest probabilities to the highest.
  public var reliability: [Bin] {
    counts.indices.map { bin in
      guard counts[bin] > 0 else { return Bin(count: 0, meanProbability: nil, frequency: nil) }
      let count = Double(counts[bin])
      return Bin(
        count: counts[bin], meanProbability: probabilities[bin] / count, frequency: rights[bin] / count)
    }
  }
}
