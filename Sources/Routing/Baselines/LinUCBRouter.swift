import LinearAlgebra
import Randomness

/// LinUCB with disjoint arms, as LASER routes reward models: for arm n with A_n = I + sum x x' and theta_n = A_n^-1 sum r x, the arm of
/// highest theta_n . x + alpha sqrt(x' A_n^-1 x) is chosen.
///
/// This is the posterior with prior N(0, I) and unit noise; the bound is mean plus alpha standard deviations. LASER feeds it rewards
/// scaled by `RewardNormalizer.Method.quantile`. Ties (at the start: all arms) are broken uniformly.
///
/// Source: Nguyen et al., "LASeR: Learning to Adaptively Select Reward Models with Multi-Armed Bandits", arXiv 2410.01735; Li et al.,
/// "A Contextual-Bandit Approach to Personalized News Article Recommendation", WWW 2010, algorithm 1.
public struct LinUCBRouter: Router, Equatable {
  /// Width of the bound in standard deviations.
  public let alpha: Double
  public private(set) var posteriors: [LinearGaussianPosterior]

  public var armCount: Int { posteriors.count }
  public var dimension: Int { posteriors[0].dimension }

  public init(armCount: Int, dimension: Int, alpha: Double = 1) {
    precondition(
      armCount > 0 && dimension > 0 && alpha >= 0, "LinUCB of \(armCount) arms, d = \(dimension), alpha \(alpha)")
    self.alpha = alpha
    let start = LinearGaussianPosterior(prior: GaussianPrior(dimension: dimension, variance: 1), noiseVariance: 1)
    posteriors = [LinearGaussianPosterior](repeating: start, count: armCount)
  }

  public mutating func select(contexts: Matrix<Double>, using generator: inout PhiloxGenerator) throws -> [Decision] {
    try checkContexts(contexts, dimension: dimension)
    let predictions = predictions(of: posteriors, contexts: contexts)
    return (0..<contexts.rows).map { pair in
      let scores = predictions.map { $0.means[pair] + alpha * $0.standardDeviations[pair] }
      return Decision(arm: highestIndex(scores, using: &generator), scores: scores)
    }
  }

  public mutating func observe(_ observations: [Observation]) throws {
    try checkObservations(observations, dimension: dimension, armCount: armCount)
    for observation in observations {
      try posteriors[observation.arm].observe(context: observation.context, reward: observation.reward)
    }
  }
}
