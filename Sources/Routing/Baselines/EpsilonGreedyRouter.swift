import LinearAlgebra
import Randomness

/// With probability epsilon a uniformly random arm, else the one of highest posterior mean (ties broken uniformly).
public struct EpsilonGreedyRouter: Router, Equatable {
  public let epsilon: Double
  public private(set) var posteriors: [LinearGaussianPosterior]

  public var armCount: Int { posteriors.count }
  public var dimension: Int { posteriors[0].dimension }

  /// A router whose arms start from `priors`.
  public init(priors: [GaussianPrior], noiseVariance: Double, epsilon: Double = 0.1) {
    precondition(!priors.isEmpty && epsilon >= 0 && epsilon <= 1, "epsilon \(epsilon) over \(priors.count) arms")
    self.epsilon = epsilon
    posteriors = priors.map { LinearGaussianPosterior(prior: $0, noiseVariance: noiseVariance) }
  }

  public mutating func select(contexts: Matrix<Double>, using generator: inout PhiloxGenerator) throws -> [Decision] {
    try checkContexts(contexts, dimension: dimension)
    let means = posteriors.map { gemv(contexts, .asIs, $0.mean) }
    return (0..<contexts.rows).map { pair in
      let scores = means.map { $0[pair] }
      let explores = generator.nextUniform() < epsilon
      let arm = explores ? generator.nextIndex(below: armCount) : highestIndex(scores, using: &generator)
      return Decision(arm: arm, scores: scores)
    }
  }

  public mutating func observe(_ observations: [Observation]) throws {
    try checkObservations(observations, dimension: dimension, armCount: armCount)
    for observation in observations {
      try posteriors[observation.arm].observe(context: observation.context, reward: observation.reward)
    }
  }
}
