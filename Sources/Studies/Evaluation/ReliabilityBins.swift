/// Probabilities held against what happened, in ten bins of equal width over [0, 1].
///
/// Gathered one by one, so that folds and seeds can be pooled; O(1) memory.
public struct ReliabilityBins: Sendable, Equatable {
  /// The probabilities that fall into one tenth of [0, 1].
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
  private var outcomes = [Double](repeating: 0, count: binCount)

  public init() {}

  /// Takes the probability of being right into account.
  ///
  /// - Parameter outcome: 1 where that came true, 0 where it did not; what its rule says of a tie.
  public mutating func add(_ probability: Double, outcome: Double) {
    precondition(probability >= 0 && probability <= 1, "\(probability) is no probability")
    let bin = min(Int(probability * Double(Self.binCount)), Self.binCount - 1)
    counts[bin] += 1
    probabilities[bin] += probability
    outcomes[bin] += outcome
  }

  /// The number of probabilities.
  public var count: Int { counts.reduce(0, +) }

  /// The mean distance of probability and frequency, weighted by what falls in each bin:
  /// sum_b |B_b|/n |frequency of b - mean probability of b|.
  ///
  /// Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
  public var expectedCalibrationError: Double {
    zip(outcomes, probabilities).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(max(count, 1))
  }

  /// The ten bins, from the lowest probabilities to the highest.
  public var bins: [Bin] {
    counts.indices.map { bin in
      guard counts[bin] > 0 else { return Bin(count: 0, meanProbability: nil, frequency: nil) }
      let count = Double(counts[bin])
      return Bin(
        count: counts[bin], meanProbability: probabilities[bin] / count, frequency: outcomes[bin] / count)
    }
  }
}
