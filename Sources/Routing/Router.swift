import LinearAlgebra
import Randomness

/// The choice of one arm for one pair.
public struct Decision: Sendable, Equatable {
  public let arm: Int
  /// The score of each arm: a Thompson draw, an upper confidence bound, a mean. The highest is chosen, except where
  /// epsilon-greedy explores.
  public let scores: [Double]

  public init(arm: Int, scores: [Double]) {
    precondition(scores.indices.contains(arm), "arm \(arm) of \(scores.count)")
    self.arm = arm
    self.scores = scores
  }

  /// All arms, best score first: whom to ask next when the chosen one fails.
  public var armsByScore: [Int] {
    scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }
  }
}

/// The reward of one decision, which may come long after it.
public struct Observation: Sendable, Equatable {
  public let arm: Int
  public let context: [Double]
  public let reward: Double

  public init(arm: Int, context: [Double], reward: Double) {
    self.arm = arm
    self.context = context
    self.reward = reward
  }
}

/// Chooses one reward model (arm) for each pair from its context, and learns from rewards.
///
/// A router never calls a reward model: it cannot even import them. Draws come from the generator that is passed in, so one seed
/// gives one sequence of decisions.
public protocol Router: Sendable {
  var armCount: Int { get }

  /// One decision for each row of `contexts`.
  ///
  /// - Throws: `RoutingError.contextSize`, `RoutingError.notFinite`.
  mutating func select(contexts: Matrix<Double>, using generator: inout PhiloxGenerator) throws -> [Decision]

  /// Learns from rewards, in their order; only the arms named in them change.
  ///
  /// - Throws: `RoutingError.contextSize`, `RoutingError.notFinite`; nothing was then learnt. `LinearAlgebraError` where a posterior
  ///   loses its definiteness to rounding: some of the observations may have been learnt then, so go on from a saved state.
  mutating func observe(_ observations: [Observation]) throws

  /// The probability with which `select` chooses each arm for each context from what the router knows now: contexts.rows x armCount, rows
  /// that sum to 1. Nil where it has no closed form.
  ///
  /// - Throws: `RoutingError.contextSize`, `RoutingError.notFinite`.
  func propensities(contexts: Matrix<Double>) throws -> Matrix<Double>?
}

extension Router {
  /// The decision for one context.
  public mutating func select(context: [Double], using generator: inout PhiloxGenerator) throws -> Decision {
    let one = Matrix(rows: 1, columns: context.count, elements: context)
    return try select(contexts: one, using: &generator)[0]
  }

  /// Learns from one reward.
  public mutating func observe(arm: Int, context: [Double], reward: Double) throws {
    try observe([Observation(arm: arm, context: context, reward: reward)])
  }
}

/// The index of the highest score, ties broken uniformly; a draw is taken only where there is a tie.
func highestIndex(_ scores: [Double], using generator: inout PhiloxGenerator) -> Int {
  let best = scores.max() ?? 0
  let candidates = scores.indices.filter { scores[$0] == best }
  return candidates.count == 1 ? candidates[0] : candidates[generator.nextIndex(below: candidates.count)]
}

/// The probability with which `highestIndex` chooses each index.
func highestShares(_ scores: [Double]) -> [Double] {
  let best = scores.max() ?? 0
  let share = 1 / Double(scores.count { $0 == best })
  return scores.map { $0 == best ? share : 0 }
}

/// - Throws: `RoutingError.contextSize`, `RoutingError.notFinite`.
func checkContexts(_ contexts: Matrix<Double>, dimension: Int) throws(RoutingError) {
  guard contexts.columns == dimension else { throw .contextSize(found: contexts.columns, expected: dimension) }
  if let bad = contexts.elements.firstIndex(where: { !$0.isFinite }) {
    throw .notFinite(
      what: "the context of pair \(bad / max(dimension, 1)) of the batch", index: bad % max(dimension, 1))
  }
}

/// - Throws: `RoutingError.contextSize`, `RoutingError.notFinite`.
func checkObservations(_ observations: [Observation], dimension: Int, armCount: Int) throws(RoutingError) {
  for (index, observation) in observations.enumerated() {
    precondition(observation.arm >= 0 && observation.arm < armCount, "arm \(observation.arm) of \(armCount)")
    guard observation.context.count == dimension else {
      throw .contextSize(found: observation.context.count, expected: dimension)
    }
    guard observation.reward.isFinite else {
      throw .notFinite(what: "the reward of observation \(index)", index: index)
    }
    if let bad = observation.context.firstIndex(where: { !$0.isFinite }) {
      throw .notFinite(what: "the context of observation \(index)", index: bad)
    }
  }
}
