import Foundation
import Randomness
import Routing
import Testing

@Suite struct WinProbabilitiesTests {
  struct Fixture: Decodable {
    struct Case: Decodable {
      let name: String
      let means: [Double]
      let standardDeviations: [Double]
      let probabilities: [Double]
    }
    let cases: [Case]
  }

  @Test func quadratureEqualsTheReference() throws {
    for one in try loadFixture("win_probabilities", as: Fixture.self).cases {
      let found = winProbabilities(means: one.means, standardDeviations: one.standardDeviations)
      for (arm, probability) in found.enumerated() {
        #expect(abs(probability - one.probabilities[arm]) <= 1e-12, "\(one.name), arm \(arm)")
      }
    }
  }

  /// For two arms P[0] = Phi((m_0 - m_1) / sqrt(s_0^2 + s_1^2)).
  @Test func twoArmsHaveAClosedForm() {
    var generator = PhiloxGenerator(seed: 1, stream: "test-two-arms")
    for _ in 0..<200 {
      let means = generator.normals(2)
      let deviations = (0..<2).map { _ in pow(10, 6 * generator.nextUniform() - 4) }
      let spread = (deviations[0] * deviations[0] + deviations[1] * deviations[1]).squareRoot()
      let expected = 0.5 * erfc((means[1] - means[0]) / (spread * 2.0.squareRoot()))
      let found = winProbabilities(means: means, standardDeviations: deviations)
      #expect(abs(found[0] - expected) <= 1e-12)
    }
  }

  @Test(arguments: [1, 2, 3, 8, 64])
  func probabilitiesSumToOne(arms: Int) {
    var generator = PhiloxGenerator(seed: 2, stream: "test-sum")
    for _ in 0..<20 {
      let means = generator.normals(arms)
      let deviations = (0..<arms).map { _ in pow(10, 4 * generator.nextUniform() - 3) }
      let found = winProbabilities(means: means, standardDeviations: deviations)
      #expect(abs(found.reduce(0, +) - 1) <= 1e-12 * Double(arms))
    }
  }

  /// Pearson's chi-square of 60,000 Thompson decisions, against mean + 5 standard deviations of its law. With independent and
  /// with joint draws the arms of one decision are independent normals.
  @Test(arguments: ThompsonSamplingRouter.Draw.allCases)
  func thompsonFrequenciesMatchTheQuadrature(draw: ThompsonSamplingRouter.Draw) throws {
    var router = ThompsonSamplingRouter(
      armNames: ["a", "b", "c", "d"],
      priors: (0..<4).map { GaussianPrior(mean: [0.1 * Double($0), 0, 0.05], variance: 0.2) },
      configuration: .init(noiseVariance: 0.5, draw: draw))
    let (contexts, rewards) = randomObservations(40, dimension: 3, seed: 3)
    for t in 0..<40 { try router.observe(arm: t % 3, context: Array(contexts.row(t)), reward: rewards[t]) }
    let context = [0.5, -0.3, 0.9]
    let expected = try router.winProbabilities(context: context)
    var generator = PhiloxGenerator(seed: 4, stream: "test-frequencies")
    let draws = 60_000
    var counts = [Int](repeating: 0, count: 4)
    for _ in 0..<draws { counts[try router.select(context: context, using: &generator).arm] += 1 }
    let chiSquare = (0..<4).reduce(0.0) { sum, arm in
      let mean = expected[arm] * Double(draws)
      return sum + (Double(counts[arm]) - mean) * (Double(counts[arm]) - mean) / mean
    }
    #expect(chiSquare <= 3 + 5 * 6.0.squareRoot())
  }
}
