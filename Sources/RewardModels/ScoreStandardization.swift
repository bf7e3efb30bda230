import PreferenceData

/// Puts the scores of different reward models on one scale: z = (score - mean) / standard deviation, each model by the mean
/// and deviation that its own scores have on a calibration set. No label is needed.
///
/// A model whose calibration scores are all equal tells nothing apart; its standardised score is 0 for every response.
public struct ScoreStandardization: Hashable, Sendable, Codable {
  /// One element an arm.
  public let means: [Double]
  /// One element an arm, over all n calibration scores (the divisor is n); 0 for a constant model.
  public let standardDeviations: [Double]

  /// Mean and deviation of both responses' scores: `calibration[arm]` holds the pairs of one arm, as
  /// `PreferenceDataset.scores` does. O(arms x pairs).
  ///
  /// - Throws: `RewardModelError.noCalibrationScores` for an arm without scores; `RewardModelError.calibrationNotFinite` for one
  ///   with NaN or an infinity among them.
  public init(calibration: [[ScorePair]]) throws(RewardModelError) {
    var means: [Double] = []
    var deviations: [Double] = []
    for (arm, pairs) in calibration.enumerated() {
      if pairs.isEmpty { throw .noCalibrationScores(arm: arm) }
      let scores = pairs.flatMap { [$0.a, $0.b] }
      if let bad = scores.first(where: { !$0.isFinite }) { throw .calibrationNotFinite(arm: arm, value: "\(bad)") }
      let (mean, deviation) = Self.moments(scores)
      means.append(mean)
      deviations.append(deviation)
    }
    self.means = means
    standardDeviations = deviations
  }

  /// z of both responses by each model that answered, in arm order.
  ///
  /// - Parameter scores: one element an arm, nil where the model failed.
  public func standardize(_ scores: [ScorePair?]) -> [ScorePair] {
    precondition(scores.count == means.count, "calibrated for \(means.count) reward models, not \(scores.count)")
    return scores.indices.compactMap { arm in
      guard let score = scores[arm] else { return nil }
      let deviation = standardDeviations[arm]
      guard deviation > 0 else { return ScorePair(a: 0, b: 0) }
      return ScorePair(a: (score.a - means[arm]) / deviation, b: (score.b - means[arm]) / deviation)
    }
  }

  /// Two passes over scores divided by the largest of them, so that no square over- or underflows.
  private static func moments(_ scores: [Double]) -> (mean: Double, deviation: Double) {
    let scale = scores.reduce(0) { max($0, $1.magnitude) }
    // Equal scores have deviation 0 exactly, which rounding of their mean would hide.
    guard scores.contains(where: { $0 != scores[0] }) else { return (scores[0], 0) }
    let count = Double(scores.count)
    let mean = scores.reduce(0) { $0 + $1 / scale } / count
    let variance = scores.reduce(0) { $0 + ($1 / scale - mean) * ($1 / scale - mean) } / count
    return (mean * scale, variance.squareRoot() * scale)
  }
}
