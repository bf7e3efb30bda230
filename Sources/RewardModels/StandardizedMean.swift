import PreferenceData

/// Prefers the response with the higher mean, over the models, of standardised scores.
public struct StandardizedMean: Ensemble {
  public let name = "mean of standardised scores"
  public let standardization: ScoreStandardization

  public init(_ standardization: ScoreStandardization) {
    self.standardization = standardization
  }

  public func verdict(scores: [ScorePair?]) -> Verdict {
    let standardized = standardization.standardize(scores)
    precondition(!standardized.isEmpty, "a mean takes at least one reward model")
    let count = Double(standardized.count)
    return Verdict(
      ScorePair(
        a: standardized.reduce(0) { $0 + $1.a } / count,
        b: standardized.reduce(0) { $0 + $1.b } / count))
  }
}
