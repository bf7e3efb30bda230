import LinearAlgebra
import Randomness

/// A Bayesian router that learns its own prior: each arm (reward model) has a Gaussian linear model of its reward's distance from the
/// common level, and the evidence says how much arms differ, on average and by context.
///
/// Model: r = level + x . w_n + noise, noise ~ N(0, s^2), w_n ~ N(0, diag(v0, v1, …, v1)) with v0 for the intercept's coordinate of x, or
/// w_n ~ N(m_n, S_n) in a warm start from an offline regression. Over all rewards so far
///
///     level = mean of (r_t - x_t . m_n(t)),   s^2 = variance of r within [0.05, 0.25]
///
/// so that a cold router measures rewards from their running mean, and a warm one from what is left when the advantage expected of the
/// chosen arm is taken off: otherwise rewards of good arms, which are chosen most, would count as nothing special. Level, noise and
/// posteriors are made anew from the sufficient statistics after 1, 2, 4, …, 64 rewards and after each hundred, O(N d^3); then too a cold
/// router takes the v0 and v1 that maximise the evidence of all arms under a weak prior (see `PriorScales`). A warm prior knows its
/// scales, and stays. In between an observation is one rank-one update, O(d^2), with level and noise as they were.
///
/// An arm's score is its mean x . mu_n and what `Exploration` adds of sqrt(x' Sigma_n x); the highest is chosen, of equals any. A batch of
/// B decisions over N arms costs O(N B d^2). Rewards are meant to lie in [0, 1], as correctness does (a tie 1/2); scale others.
///
/// Sources: MacKay, "Bayesian Interpolation", Neural Computation 4 (1992) (the evidence); Li et al., "A Contextual-Bandit Approach to
/// Personalized News Article Recommendation", WWW 2010 (the bound); Agrawal & Goyal, ICML 2013 (Thompson sampling).
public struct EvidenceRouter: SavableRouter, Equatable {
  public struct Configuration: Codable, Equatable, Sendable {
    public var exploration: Exploration
    /// The coordinate of a context that is 1 for every pair; nil where there is none.
    public var interceptIndex: Int?

    public init(exploration: Exploration = .standard, interceptIndex: Int? = 0) {
      self.exploration = exploration
      self.interceptIndex = interceptIndex
    }
  }

  public static let kind = "bayesian"
  /// Rewards from one evidence step to the next.
  public static let evidenceInterval = 100
  /// The noise variance lies in this range: 0.25 is a fair coin's, the most that rewards in [0, 1] can have, and the least keeps a lucky
  /// beginning from passing for certainty.
  public static let noiseRange = 0.05...0.25

  public let configuration: Configuration
  public private(set) var arms: [RouterArm]
  /// d, the size of a context.
  public let dimension: Int
  /// v0 and v1; what a warm router is made with has no part in it.
  public private(set) var scales: PriorScales
  /// What rewards are measured from since the last refit.
  public private(set) var rewardLevel: Double
  var moments: [RewardMoments]
  /// The priors of a warm start, one an arm; nil in a cold one.
  let warmPriors: [CorrelatedGaussianPrior]?

  public var armCount: Int { arms.count }
  /// s^2 since the last refit.
  public var noiseVariance: Double { arms[0].posterior.noiseVariance }
  /// The rewards seen so far.
  public var observationCount: Int { moments.reduce(0) { $0 + $1.count } }

  // MARK: Making

  /// A router that knows nothing of its arms.
  public init(armNames: [String], dimension: Int, configuration: Configuration = Configuration()) {
    precondition(dimension > 0, "contexts of \(dimension) coordinates")
    let scales = PriorScales.start
    let prior = scales.prior(dimension: dimension, interceptIndex: configuration.interceptIndex)
    let posterior = LinearGaussianPosterior(prior: prior, noiseVariance: Self.noiseRange.upperBound)
    self.init(
      arms: armNames.map { RouterArm(name: $0, posterior: posterior) }, configuration: configuration, scales: scales,
      rewardLevel: 0, moments: armNames.map { _ in RewardMoments(dimension: dimension) }, warmPriors: nil)
  }

  /// A router whose arm `armNames[n]` starts from `priors[n]`, the distribution of how much it is better than the pool: x . w_n.
  ///
  /// - Throws: `LinearAlgebraError.notPositiveDefinite`.
  public init(
    armNames: [String], priors: [CorrelatedGaussianPrior], configuration: Configuration = Configuration()
  ) throws(LinearAlgebraError) {
    precondition(armNames.count == priors.count, "\(armNames.count) arms against \(priors.count) priors")
    let moments = priors.map { RewardMoments(dimension: $0.dimension) }
    let setting = RewardMoments.Setting(level: 0, noiseVariance: Self.noiseRange.upperBound)
    var arms: [RouterArm] = []
    for (arm, name) in armNames.enumerated() {
      arms.append(RouterArm(name: name, posterior: try moments[arm].posterior(priors[arm], setting)))
    }
    self.init(
      arms: arms, configuration: configuration, scales: .start, rewardLevel: 0, moments: moments, warmPriors: priors)
  }

  /// A router that starts from what an offline regression of advantages knows, means and covariance. Its contexts are [1, x] for the x of
  /// the regression, so that `interceptIndex` is 0.
  ///
  /// - Throws: `LinearAlgebraError.notPositiveDefinite`.
  public static func warm(
    armNames: [String], regression: AdvantageRegression, exploration: Exploration = .standard
  ) throws(LinearAlgebraError) -> EvidenceRouter {
    let configuration = Configuration(exploration: exploration, interceptIndex: 0)
    var priors: [CorrelatedGaussianPrior] = []
    for mean in regression.means {
      priors.append(try CorrelatedGaussianPrior(mean: mean, covariance: regression.covariance))
    }
    return try EvidenceRouter(armNames: armNames, priors: priors, configuration: configuration)
  }

  init(
    arms: [RouterArm], configuration: Configuration, scales: PriorScales, rewardLevel: Double, moments: [RewardMoments],
    warmPriors: [CorrelatedGaussianPrior]?
  ) {
    checkArms(arms)
    let dimension = arms[0].posterior.dimension
    precondition(
      configuration.isValid(dimension: dimension), "\(configuration) does not fit contexts of \(dimension) coordinates")
    self.arms = arms
    self.configuration = configuration
    self.dimension = dimension
    self.scales = scales
    self.rewardLevel = rewardLevel
    self.moments = moments
    self.warmPriors = warmPriors
  }

  // MARK: Choosing

  public mutating func select(contexts: Matrix<Double>, using generator: inout PhiloxGenerator) throws -> [Decision] {
    try checkContexts(contexts, dimension: dimension)
    let predictions = predictions(of: arms.map(\.posterior), contexts: contexts)
    return (0..<contexts.rows).map { pair in
      // Pair by pair, so that a batch takes the same draws as its pairs one after another.
      let scores = predictions.map { prediction in
        let (mean, deviation) = (prediction.means[pair], prediction.standardDeviations[pair])
        return switch configuration.exploration {
        case .upperBound(let kappa): mean + kappa * deviation
        case .thompson(let scale): mean + scale * deviation * generator.nextNormal()
        case .greedy: mean
        }
      }
      return Decision(arm: highestIndex(scores, using: &generator), scores: scores)
    }
  }

  /// One share for each of the highest where nothing is drawn; the exact law of the draws, by quadrature, in Thompson sampling.
  public func propensities(contexts: Matrix<Double>) throws -> Matrix<Double>? {
    try checkContexts(contexts, dimension: dimension)
    guard contexts.rows > 0 else { return Matrix(rows: 0, columns: armCount) }
    let predictions = predictions(of: arms.map(\.posterior), contexts: contexts)
    return Matrix(
      rows: (0..<contexts.rows).map { pair in
        let means = predictions.map { $0.means[pair] }
        let deviations = predictions.map { $0.standardDeviations[pair] }
        return switch configuration.exploration {
        case .upperBound(let kappa): highestShares(zip(means, deviations).map { $0 + kappa * $1 })
        case .thompson(let scale):
          winProbabilities(means: means, standardDeviations: deviations.map { scale * $0 })
        case .greedy: highestShares(means)
        }
      })
  }

  // MARK: Learning

  /// Learns from rewards one after another: what is known then does not depend on how they were batched, bit for bit. Every other arm
  /// changes only with a refit, by the level and the scales that all arms share.
  ///
  /// - Throws: `RoutingError.contextSize`, `RoutingError.notFinite`; `LinearAlgebraError.notPositiveDefinite` where contexts are too large
  ///   to be squared. Nothing was then learnt.
  public mutating func observe(_ observations: [Observation]) throws {
    try checkObservations(observations, dimension: dimension, armCount: armCount)
    let before = observationCount
    guard observations.indices.contains(where: { Self.isRefitDue(after: before + $0 + 1) }) else {
      for observation in observations { try learn(observation) }
      return
    }
    // A refit can fail, and the router is then to be as it was.
    var learnt = self
    for (index, observation) in observations.enumerated() {
      try learnt.learn(observation)
      if Self.isRefitDue(after: before + index + 1) { try learnt.refit() }
    }
    self = learnt
  }

  private mutating func learn(_ observation: Observation) throws {
    let arm = observation.arm
    moments[arm].add(context: observation.context, reward: observation.reward)
    try arms[arm].posterior.observe(context: observation.context, reward: observation.reward - rewardLevel)
  }

  private static func isRefitDue(after count: Int) -> Bool {
    count.isMultiple(of: evidenceInterval) || (count < evidenceInterval && count & (count - 1) == 0)
  }

  /// Level, noise, scales and posteriors from all rewards so far.
  private mutating func refit() throws(LinearAlgebraError) {
    let count = Double(observationCount)
    let sum = moments.reduce(0) { $0 + $1.rewardSum }
    let squares = moments.reduce(0) { $0 + $1.squareSum }
    let expected = zip(moments, warmPriors ?? []).reduce(0) { $0 + dot($1.0.contextSum, $1.1.mean) }
    let mean = sum / count
    let variance = squares / count - mean * mean
    let setting = RewardMoments.Setting(
      level: (sum - expected) / count,
      noiseVariance: min(max(variance, Self.noiseRange.lowerBound), Self.noiseRange.upperBound))
    rewardLevel = setting.level
    let priors: [CorrelatedGaussianPrior]
    if let warmPriors {
      priors = warmPriors
    } else {
      if observationCount.isMultiple(of: Self.evidenceInterval) {
        scales = try PriorScales.tuned(
          to: moments, setting, dimension: dimension, interceptIndex: configuration.interceptIndex)
      }
      let prior = scales.prior(dimension: dimension, interceptIndex: configuration.interceptIndex)
      priors = [CorrelatedGaussianPrior](repeating: CorrelatedGaussianPrior(prior), count: armCount)
    }
    for arm in arms.indices { arms[arm].posterior = try moments[arm].posterior(priors[arm], setting) }
  }
}

extension EvidenceRouter.Configuration {
  func isValid(dimension: Int) -> Bool {
    exploration.isValid && interceptIndex.map { (0..<dimension).contains($0) } ?? true
  }
}
