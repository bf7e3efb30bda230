import Foundation
import LinearAlgebra
import Randomness
import Routing

/// What the router itself costs at a number of arms, without any reward model: selection and update.
public struct RoutingCost: Codable, Sendable {
  public let arms: Int
  public let dimension: Int
  /// Pairs of a batch.
  public let batch: Int
  public let routingSecondsPerPair: Double
  public let updateSecondsPerPair: Double
  /// The memory of the posteriors: a factor and a sum of precisions an arm.
  public let posteriorBytes: Int

  enum CodingKeys: String, CodingKey {
    case arms, dimension, batch
    case routingSecondsPerPair = "routing_seconds_per_pair"
    case updateSecondsPerPair = "update_seconds_per_pair"
    case posteriorBytes = "posterior_bytes"
  }

  /// Median of `repetitions` steps of a batch each, after one that does not count.
  public init(arms: Int, dimension: Int, batch: Int, repetitions: Int = 9, seed: UInt64) throws {
    self.arms = arms
    self.dimension = dimension
    self.batch = batch
    posteriorBytes = Self.posteriorBytes(arms: arms, dimension: dimension)
    var generator = PhiloxGenerator(seed: seed, stream: "routing-cost", index: UInt64(arms))
    let prior = GaussianPrior(dimension: dimension, variance: ScalingStudy.priorVariance)
    var router = ThompsonSamplingRouter(
      armNames: (0..<arms).map { "arm \($0)" }, priors: [GaussianPrior](repeating: prior, count: arms))
    let clock = ContinuousClock()
    var routing: [Double] = []
    var update: [Double] = []
    for _ in 0...repetitions {
      let scale = 1 / Double(dimension).squareRoot()
      let contexts = Matrix(
        rows: batch, columns: dimension, elements: generator.normals(batch * dimension).map { $0 * scale })
      let start = clock.now
      let decisions = try router.select(contexts: contexts, using: &generator)
      let chosen = clock.now
      try router.observe(
        decisions.enumerated().map { row, decision in
          Observation(arm: decision.arm, context: Array(contexts.row(row)), reward: row % 2 == 0 ? 1 : 0)
        })
      routing.append(((chosen - start) / .seconds(1)) / Double(batch))
      update.append(((clock.now - chosen) / .seconds(1)) / Double(batch))
    }
    routingSecondsPerPair = routing.dropFirst().upperMedian
    updateSecondsPerPair = update.dropFirst().upperMedian
  }

  static func posteriorBytes(arms: Int, dimension: Int) -> Int { 2 * 8 * arms * dimension * dimension }
}
