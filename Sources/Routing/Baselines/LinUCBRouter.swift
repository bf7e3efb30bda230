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
public struct LinUCBRouter: PosteriorRouter, Equatable {
  public struct Configuration: Codable, Equatable, Sendable {
    /// The width of the bound in standard deviations.
    public var alpha: Double

    public init(alpha: Double = 1) { self.alpha = alpha }
  }

  public static let kind = "linucb"
  public let configuration: Configuration
  public private(set) var arms: [RouterArm]

  public var alpha: Double { configuration.alpha }
  public var armCount: Int { arms.count }
  public var dimension: Int { arms[0].posterior.dimension }

  public init(armNames: [String], dimension: Int, alpha: Double = 1) {
    precondition(dimension > 0 && alpha >= 0, "LinUCB with d = \(dimension), alpha \(alpha)")
    let start = LinearGaussianPosterior(prior: GaussianPrior(dimension: dimension, variance: 1), noiseVariance: 1)
    configuration = Configuration(alpha: alpha)
    arms = armNames.map { RouterArm(name: $0, posterior: start) }
    checkArms(arms)
  }

  /// A router whose arms have numbers for names.
  public init(armCount: Int, dimension: Int, alpha: Double = 1) {
    self.init(armNames: (0..<armCount).map { "arm \($0)" }, dimension: dimension, alpha: alpha)
  }

  public init?(arms: [RouterArm], configuration: Configuration) {
    guard configuration.alpha >= 0, configuration.alpha.isFinite else { return nil }
    checkArms(arms)
    self.arms = arms
    self.configuration = configuration
  }

  public static func noiseVariance(_ configuration: Configuration) -> Double { 1 }

  public mutating func select(contexts: Matrix<Double>, using generator: inout PhiloxGenerator) throws -> [Decision] {
    try bounds(contexts).map { Decision(arm: highestIndex($0, using: &generator), scores: $0) }
  }

  /// Upper confidence bounds of all arms, pair by pair.
  private func bounds(_ contexts: Matrix<Double>) throws -> [[Double]] {
    try checkContexts(contexts, dimension: dimension)
    let predictions = predictions(of: arms.map(\.posterior), contexts: contexts)
    return (0..<contexts.rows).map { pair in
      predictions.map { $0.means[pair] + alpha * $0.standardDeviations[pair] }
    }
  }

  public mutating func observe(_ observations: [Observation]) throws {
    try checkObservations(observations, dimension: dimension, armCount: armCount)
    for observation in observations {
      try arms[observation.arm].posterior.observe(context: observation.context, reward: observation.reward)
    }
  }

  public func propensities(contexts: Matrix<Double>) throws -> Matrix<Double>? {
    guard contexts.rows > 0 else { return Matrix(rows: 0, columns: armCount) }
    return Matrix(rows: try bounds(contexts).map(highestShares))
  }
}
