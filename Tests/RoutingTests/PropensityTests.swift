import LinearAlgebra
import Randomness
import Routing
import TestSupport
import Testing

/// The probabilities that routers state, against how often they choose.
@Suite struct PropensityTests {
  private static let contexts = Matrix(rows: [[1.0, 0.2], [-0.3, 1], [0.5, 0.5]])

  /// Some rewards, so that the arms differ.
  private static func taught(_ router: some Router) throws -> any Router {
    var router: any Router = router
    try router.observe([
      Observation(arm: 0, context: [1, 0], reward: 0.6), Observation(arm: 1, context: [0, 1], reward: 0.5),
      Observation(arm: 2, context: [1, 1], reward: 0.4), Observation(arm: 0, context: [0, 1], reward: -0.2),
    ])
    return router
  }

  private static let priors = [GaussianPrior](repeating: GaussianPrior(dimension: 2, variance: 0.25), count: 3)
  private static let names = ["a", "b", "c"]

  private static func bayesian(_ exploration: Exploration) -> EvidenceRouter {
    EvidenceRouter(
      armNames: names, dimension: 2, configuration: .init(exploration: exploration, interceptIndex: nil))
  }

  static let routers: [(name: String, router: any Router)] = [
    ("thompson", ThompsonSamplingRouter(armNames: names, priors: priors)),
    ("joint", ThompsonSamplingRouter(armNames: names, priors: priors, configuration: .init(draw: .joint))),
    ("linucb", LinUCBRouter(armNames: names, dimension: 2)),
    ("epsilon", EpsilonGreedyRouter(armNames: names, priors: priors, noiseVariance: 0.25, epsilon: 0.3)),
    ("thompson:0.5", bayesian(.thompson(scale: 0.5))), ("ucb", bayesian(.standard)), ("greedy", bayesian(.greedy)),
    ("uniform", UniformRouter(armCount: 3)), ("fixed", FixedRouter(arm: 1, armCount: 3)),
  ]

  @Test(arguments: routers.indices)
  func statedProbabilitiesAreFrequencies(index: Int) throws {
    let (name, fresh) = Self.routers[index]
    var router = try Self.taught(fresh)
    let stated = try #require(try router.propensities(contexts: Self.contexts))
    #expect(stated.rows == 3 && stated.columns == 3)
    for row in 0..<3 { #expect(abs(stated.row(row).reduce(0, +) - 1) < 1e-9) }
    var generator = PhiloxGenerator(seed: 11, stream: "propensity-\(name)")
    let draws = 20_000
    var counts = Matrix<Double>(rows: 3, columns: 3)
    for _ in 0..<draws {
      for (row, decision) in try router.select(contexts: Self.contexts, using: &generator).enumerated() {
        counts[row, decision.arm] += 1
      }
    }
    // Five binomial deviations; exactly 0 and 1 where the router is sure.
    for (count, probability) in matched(counts.elements, stated.elements) {
      let deviation = (probability * (1 - probability) / Double(draws)).squareRoot()
      #expect(abs(count / Double(draws) - probability) <= 5 * deviation + 1e-9, "\(name)")
    }
  }

  /// At the start all arms of LinUCB tie, and a tie is broken uniformly.
  @Test func tiesShareTheirProbability() throws {
    let stated = try #require(try LinUCBRouter(armCount: 4, dimension: 2).propensities(contexts: Self.contexts))
    #expect(stated.elements.allSatisfy { $0 == 0.25 })
  }

  @Test func weighedPricesHaveNoClosedForm() throws {
    let base = ThompsonSamplingRouter(armNames: Self.names, priors: Self.priors)
    let free = try CostAwareRouter(base, prices: [1, 2, 3], policy: .fixed(kappa: 0))
    #expect(try free.propensities(contexts: Self.contexts) == base.propensities(contexts: Self.contexts))
    let weighed = try CostAwareRouter(base, prices: [1, 2, 3], policy: .fixed(kappa: 0.1))
    #expect(try weighed.propensities(contexts: Self.contexts) == nil)
  }

  @Test func contextsThatDoNotFitAreRefused() throws {
    for (_, router) in Self.routers where !(router is UniformRouter) && !(router is FixedRouter) {
      #expect(throws: RoutingError.contextSize(found: 3, expected: 2)) {
        try router.propensities(contexts: Matrix(rows: [[1.0, 2, 3]]))
      }
      #expect(try router.propensities(contexts: Matrix(rows: 0, columns: 2))?.rows == 0)
    }
  }
}
