import LinearAlgebra
import Randomness
import Routing
import TestSupport
import Testing

@Suite struct CostAwareRouterTests {
  private static let names = ["small", "middle", "large"]
  private static let prices = [2.0, 7, 20]

  private func thompson(dimension: Int = 4) -> ThompsonSamplingRouter {
    let prior = GaussianPrior(dimension: dimension, variance: 0.25)
    return ThompsonSamplingRouter(armNames: Self.names, priors: [prior, prior, prior])
  }

  private func contexts(_ count: Int, _ generator: inout PhiloxGenerator) -> Matrix<Double> {
    Matrix(rows: count, columns: 4, elements: generator.normals(count * 4).map { $0 / 2 })
  }

  /// 200 batches with learning in between: the same arms, scores, draws and posteriors.
  @Test func kappaZeroIsThePlainRouterToTheBit() throws {
    var plain = thompson()
    var aware = try CostAwareRouter(thompson(), prices: Self.prices, policy: .fixed(kappa: 0))
    var data = PhiloxGenerator(seed: 1, stream: "contexts")
    var (one, other) = (PhiloxGenerator(seed: 2, stream: "draws"), PhiloxGenerator(seed: 2, stream: "draws"))
    for _ in 0..<200 {
      let batch = contexts(3, &data)
      let decisions = try plain.select(contexts: batch, using: &one)
      #expect(try aware.select(contexts: batch, using: &other) == decisions)
      #expect(one == other)
      let observations = decisions.enumerated().map { row, decision in
        Observation(arm: decision.arm, context: Array(batch.row(row)), reward: data.nextUniform())
      }
      try plain.observe(observations)
      try aware.observe(observations)
    }
    #expect(aware.base == plain)
  }

  @Test func utilityIsTheScoreMinusTheWeightedPrice() throws {
    var aware = try CostAwareRouter(thompson(), prices: Self.prices, policy: .fixed(kappa: 0.3))
    var plain = thompson()
    var data = PhiloxGenerator(seed: 3, stream: "contexts")
    let batch = contexts(50, &data)
    var (one, other) = (PhiloxGenerator(seed: 4, stream: "draws"), PhiloxGenerator(seed: 4, stream: "draws"))
    let scores = try plain.select(contexts: batch, using: &one).map(\.scores)
    for (decision, score) in matched(try aware.select(contexts: batch, using: &other), scores) {
      #expect(decision.scores == zip(score, Self.prices).map { $0 - 0.3 * $1 / 20 })
      #expect(decision.arm == decision.armsByScore[0])
    }
  }

  @Test func aLargeWeightTakesTheCheapestArm() throws {
    var aware = try CostAwareRouter(thompson(), prices: Self.prices, policy: .fixed(kappa: 1e6))
    var data = PhiloxGenerator(seed: 5, stream: "contexts")
    let decisions = try aware.select(contexts: contexts(100, &data), using: &data)
    #expect(decisions.allSatisfy { $0.arm == 0 })
  }

  /// The dearest arm earns most. The bound of the doc comment, kappa_T p / (step sqrt(T)), holds exactly from above; from below
  /// kappa has been clipped at 0, so there only the long run counts: within a twentieth of the budget.
  @Test(arguments: [3.0, 8, 15], [1, 16])
  func budgetKeepsTheMeanPrice(budget: Double, batch: Int) throws {
    let step = 1.0
    var aware = try CostAwareRouter(thompson(), prices: Self.prices, policy: .budget(budget, step: step))
    var data = PhiloxGenerator(seed: 6, stream: "contexts")
    var draws = PhiloxGenerator(seed: 7, stream: "draws")
    let pairs = 4800
    var spent = 0.0
    for _ in 0..<pairs / batch {
      // The last coordinate is an intercept, through which the dearest arm's worth shows.
      let batch = Matrix(rows: (0..<batch).map { _ in data.normals(3).map { $0 / 4 } + [1] })
      let decisions = try aware.select(contexts: batch, using: &draws)
      spent += decisions.reduce(0) { $0 + Self.prices[$1.arm] }
      try aware.observe(
        decisions.enumerated().map { row, decision in
          Observation(
            arm: decision.arm, context: Array(batch.row(row)),
            reward: [0.4, 0.5, 0.8][decision.arm] + 0.3 * data.nextNormal())
        })
    }
    let mean = spent / Double(pairs)
    #expect(mean <= budget + aware.kappa * 20 / (step * Double(pairs).squareRoot()) + 1e-9)
    #expect(abs(mean - budget) < budget / 20, "mean \(mean), budget \(budget)")
  }

  @Test func whatCannotBeIsRefused() {
    func problem(_ prices: [Double], _ policy: CostPolicy) -> String {
      do {
        _ = try CostAwareRouter(thompson(), prices: prices, policy: policy)
        return ""
      } catch { return "\(error)" }
    }
    #expect(problem([1, -2, 3], .fixed(kappa: 0)).contains("price of arm 1 is -2"))
    #expect(problem([1, .nan, 3], .fixed(kappa: 0)).contains("price of arm 1 is nan"))
    #expect(problem([0, 0, 0], .fixed(kappa: 1)).contains("all prices are 0"))
    #expect(problem(Self.prices, .fixed(kappa: -1)).contains("kappa is -1"))
    #expect(problem(Self.prices, .budget(1.5)).contains("cheapest arm costs 2"))
    #expect(problem(Self.prices, .budget(5, step: 0)).contains("step is 0"))
  }
}
