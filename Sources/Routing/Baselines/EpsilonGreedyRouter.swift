import LinearAlgebra
import Randomness

/// With probability epsilon a uniformly random arm, else the one of highest posterior mean (ties broken uniformly).
public struct EpsilonGreedyRouter: PosteriorRouter, Equatable {
  public struct Configuration: Codable, Equatable, Sendable {
    /// The probability of a random choice.
    public var epsilon: Double
    /// sigma^2, the noise variance of a reward.
    public var noiseVariance: Double

    public init(epsilon: Double = 0.1, noiseVariance: Double = 0.25) {
      self.epsilon = epsilon
      self.noiseVariance = noiseVariance
    }
  }

  public static let kind = "epsilon-greedy"
  public let configuration: Configuration
  public private(set) var arms: [RouterArm]

  public var epsilon: Double { configuration.epsilon }
  public var armCount: Int { arms.count }
  public var dimension: Int { arms[0].posterior.dimension }

  /// A router whose arm `armNames[n]` starts from `priors[n]`.
  public init(armNames: [String], priors: [GaussianPrior], noiseVariance: Double, epsilon: Double = 0.1) {
    precondition(epsilon >= 0 && epsilon <= 1, "epsilon \(epsilon)")
    precondition(armNames.count == priors.count, "\(armNames.count) arms against \(priors.count) priors")
    configuration = Configuration(epsilon: epsilon, noiseVariance: noiseVariance)
    arms = zip(armNames, priors).map {
      RouterArm(name: $0, posterior: LinearGaussianPosterior(prior: $1, noiseVariance: noiseVariance))
    }
    checkArms(arms)
  }

  /// A router whose arms have numbers for names.
  public init(priors: [GaussianPrior], noiseVariance: Double, epsilon: Double = 0.1) {
    self.init(
      armNames: priors.indices.map { "arm \($0)" }, priors: priors, noiseVariance: noiseVariance, epsilon: epsilon)
  }

  public init?(arms: [RouterArm], configuration: Configuration) {
    guard (0...1).contains(configuration.epsilon), configuration.noiseVariance > 0 else { return nil }
    checkArms(arms)
    self.arms = arms
    self.configuration = configuration
  }

  public static func noiseVariance(_ configuration: Configuration) -> Double { configuration.noiseVariance }

  public mutating func select(contexts: Matrix<Double>, using generator: inout PhiloxGenerator) throws -> [Decision] {
    try means(contexts).map { scores in
      let explores = generator.nextUniform() < epsilon
      let arm = explores ? generator.nextIndex(below: armCount) : highestIndex(scores, using: &generator)
      return Decision(arm: arm, scores: scores)
    }
  }

  /// Posterior means of all arms, pair by pair.
  private func means(_ contexts: Matrix<Double>) throws -> [[Double]] {
    try checkContexts(contexts, dimension: dimension)
    let means = arms.map { gemv(contexts, .asIs, $0.posterior.mean) }
    return (0..<contexts.rows).map { pair in means.map { $0[pair] } }
  }

  public mutating func observe(_ observations: [Observation]) throws {
    try checkObservations(observations, dimension: dimension, armCount: armCount)
    for observation in observations {
      try arms[observation.arm].posterior.observe(context: observation.context, reward: observation.reward)
    }
  }

  public func propensities(contexts: Matrix<Double>) throws -> Matrix<Double>? {
    guard contexts.rows > 0 else { return Matrix(rows: 0, columns: armCount) }
    return Matrix(
      rows: try means(contexts).map { scores in
        highestShares(scores).map { (1 - epsilon) * $0 + epsilon / Double(armCount) }
      })
  }
}
