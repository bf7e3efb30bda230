import LinearAlgebra
import Randomness

/// The paper's online router: each arm (reward model) has a Gaussian posterior over its weight vector; the arm with the highest
/// posterior draw of x . w is chosen, and only the chosen arm learns.
///
/// The score of arm n for context x is x . mu_n + |R_n^-T x| e, e ~ N(0, 1): the same law as drawing all of w_n, for one
/// triangular solve. A batch of B decisions over N arms costs N solves with B right-hand sides, O(N B d^2).
///
/// Source: Wu & Lu, arXiv 2510.02850, the online router; Agrawal & Goyal, "Thompson Sampling for Contextual Bandits with Linear
/// Payoffs", ICML 2013.
public struct ThompsonSamplingRouter: PosteriorRouter, Equatable {
  /// How the pairs of one batch share a draw.
  public enum Draw: String, Sendable, Codable, CaseIterable {
    /// Each pair and arm draws its score on its own.
    case independent
    /// One weight vector per arm is drawn for the whole batch.
    case joint
  }

  public struct Configuration: Sendable, Codable, Equatable {
    /// sigma^2, the variance of a reward about x . w.
    public var noiseVariance: Double
    public var draw: Draw
    /// What the past counts after each call of `observe`, in (0, 1]; 1 forgets nothing. Below 1 each call costs O(d^3) for
    /// every arm, since time passes for all of them.
    public var discount: Double

    public init(noiseVariance: Double = 0.25, draw: Draw = .independent, discount: Double = 1) {
      self.noiseVariance = noiseVariance
      self.draw = draw
      self.discount = discount
    }
  }

  public static let kind = "thompson"
  public let configuration: Configuration
  public private(set) var arms: [RouterArm]
  /// d, the size of a context.
  public let dimension: Int

  public var armCount: Int { arms.count }

  /// A router whose arm `armNames[n]` starts from `priors[n]`.
  public init(armNames: [String], priors: [GaussianPrior], configuration: Configuration = Configuration()) {
    precondition(armNames.count == priors.count, "\(armNames.count) arms against \(priors.count) priors")
    self.init(
      checkedArms: zip(armNames, priors).map { name, prior in
        RouterArm(
          name: name, posterior: LinearGaussianPosterior(prior: prior, noiseVariance: configuration.noiseVariance))
      }, configuration: configuration)
  }

  /// A router whose arm `armNames[n]` starts from what `posteriors[n]` knows already, mean and covariance.
  public init(armNames: [String], posteriors: [LinearGaussianPosterior], configuration: Configuration = Configuration())
  {
    precondition(armNames.count == posteriors.count, "\(armNames.count) arms against \(posteriors.count) posteriors")
    self.init(
      checkedArms: zip(armNames, posteriors).map { RouterArm(name: $0, posterior: $1) }, configuration: configuration)
  }

  public init?(arms: [RouterArm], configuration: Configuration) {
    guard configuration.noiseVariance > 0, configuration.noiseVariance.isFinite, configuration.discount > 0,
      configuration.discount <= 1
    else { return nil }
    self.init(checkedArms: arms, configuration: configuration)
  }

  private init(checkedArms arms: [RouterArm], configuration: Configuration) {
    checkArms(arms)
    self.arms = arms
    self.configuration = configuration
    dimension = arms[0].posterior.dimension
  }

  public static func noiseVariance(_ configuration: Configuration) -> Double { configuration.noiseVariance }

  public mutating func select(
    contexts: Matrix<Double>, using generator: inout PhiloxGenerator
  ) throws -> [Decision] {
    try checkContexts(contexts, dimension: dimension)
    // scores[arm][pair]
    let scores: [[Double]]
    switch configuration.draw {
    case .independent:
      let predictions = Routing.predictions(of: arms.map(\.posterior), contexts: contexts)
      // Pair by pair, so that a batch takes the same draws as its pairs one after another.
      var normals = Matrix<Double>(rows: contexts.rows, columns: arms.count)
      for i in normals.elements.indices { normals.elements[i] = generator.nextNormal() }
      scores = arms.indices.map { arm in
        let prediction = predictions[arm]
        return (0..<contexts.rows).map { pair in
          prediction.means[pair] + prediction.standardDeviations[pair] * normals[pair, arm]
        }
      }
    case .joint:
      scores = arms.map { gemv(contexts, .asIs, $0.posterior.sampleWeights(using: &generator)) }
    }
    return (0..<contexts.rows).map { pair in
      let ofPair = scores.map { $0[pair] }
      return Decision(arm: highestIndex(ofPair, using: &generator), scores: ofPair)
    }
  }

  public mutating func observe(_ observations: [Observation]) throws {
    try checkObservations(observations, dimension: dimension, armCount: arms.count)
    if configuration.discount < 1 {
      for arm in arms.indices { try arms[arm].posterior.discount(by: configuration.discount) }
    }
    for arm in arms.indices {
      let own = observations.filter { $0.arm == arm }
      guard !own.isEmpty else { continue }
      let contexts = Matrix(rows: own.count, columns: dimension, elements: own.flatMap(\.context))
      try arms[arm].posterior.observe(contexts: contexts, rewards: own.map(\.reward))
    }
  }

  /// The exact probability that independent draws choose each arm for this context: the propensity of a decision.
  ///
  /// - Throws: `RoutingError.contextSize`, `RoutingError.notFinite`.
  public func winProbabilities(context: [Double]) throws -> [Double] {
    try checkContexts(Matrix(rows: 1, columns: context.count, elements: context), dimension: dimension)
    let predictions = arms.map { $0.posterior.prediction(context: context) }
    return Routing.winProbabilities(
      means: predictions.map(\.mean), standardDeviations: predictions.map(\.standardDeviation))
  }

  /// These probabilities hold for joint draws too: one pair's scores have the same law either way. O(N d^2) a pair, and the quadrature
  /// of `winProbabilities`.
  public func propensities(contexts: Matrix<Double>) throws -> Matrix<Double>? {
    guard contexts.rows > 0 else { return Matrix(rows: 0, columns: armCount) }
    return Matrix(rows: try (0..<contexts.rows).map { try winProbabilities(context: Array(contexts.row($0))) })
  }

  /// Adds an arm at the end; the others keep their index and posterior.
  ///
  /// - Throws: `RoutingError.duplicateArm`, `RoutingError.contextSize`.
  public mutating func addArm(named name: String, prior: GaussianPrior) throws(RoutingError) {
    guard !arms.contains(where: { $0.name == name }) else { throw .duplicateArm(name: name) }
    guard prior.dimension == dimension else { throw .contextSize(found: prior.dimension, expected: dimension) }
    arms.append(
      RouterArm(
        name: name, posterior: LinearGaussianPosterior(prior: prior, noiseVariance: configuration.noiseVariance)))
  }

  /// Removes an arm; those behind it move up by one index.
  ///
  /// - Throws: `RoutingError.unknownArm`.
  public mutating func removeArm(named name: String) throws(RoutingError) {
    precondition(arms.count > 1, "the last arm of a router stays")
    guard let index = arms.firstIndex(where: { $0.name == name }) else {
      throw .unknownArm(name: name, known: arms.map(\.name))
    }
    arms.remove(at: index)
  }
}
