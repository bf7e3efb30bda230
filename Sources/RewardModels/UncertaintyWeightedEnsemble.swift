import PreferenceData

/// Prefers the response with the higher uncertainty-weighted score: what the models agree is good.
///
///     u(response) = mean_n z_n - coefficient * (1/N) sum_n (z_n - mean)^2
///
/// where z_n is model n's standardised score of that response. The source takes models of one scale (copies of one model
/// under different seeds); models of different scales are standardised first, or the variance would be the widest model's.
///
/// Source: Coste, Anwar, Kirk, Krueger, "Reward Model Ensembles Help Mitigate Overoptimization", ICLR 2024
/// (arXiv 2310.02743), uncertainty-weighted optimisation (UWO).
public struct UncertaintyWeightedEnsemble: Ensemble {
  public let name = "uncertainty-weighted ensemble"
  public let standardization: ScoreStandardization
  /// The price of one unit of variance, at least 0; with 0 the verdict is that of `StandardizedMean`.
  public let coefficient: Double

  public init(_ standardization: ScoreStandardization, coefficient: Double = 0.5) {
    precondition(coefficient >= 0 && coefficient.isFinite, "the coefficient of the variance is \(coefficient)")
    self.standardization = standardization
    self.coefficient = coefficient
  }

  public func verdict(scores: [ScorePair?]) -> Verdict {
    let standardized = standardization.standardize(scores)
    precondition(!standardized.isEmpty, "a mean takes at least one reward model")
    return Verdict(
      ScorePair(a: weightedScore(standardized.map(\.a)), b: weightedScore(standardized.map(\.b))))
  }

  private func weightedScore(_ scores: [Double]) -> Double {
    let count = Double(scores.count)
    let mean = scores.reduce(0, +) / count
    let variance = scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
    return mean - coefficient * variance
  }
}
