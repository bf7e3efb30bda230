import Foundation
import RouterKit

/// What the router itself costs at a number of arms, without any reward model: selection and update.
struct RoutingCost: Codable, Sendable {
  let arms: Int
  let dimension: Int
  /// Pairs of a batch.
  let batch: Int
  let routingSecondsPerPair: Double
  let updateSecondsPerPair: Double
  /// Of the posteriors: a factor and a sum of precisions an arm.
  let posteriorBytes: Int

  enum CodingKeys: String, CodingKey {
    case arms, dimension, batch
    case routingSecondsPerPair = "routing_seconds_per_pair"
    case updateSecondsPerPair = "update_seconds_per_pair"
    case posteriorBytes = "posterior_bytes"
  }

  /// Median of `repetitions` steps of a batch each, after one that does not count.
  init(arms: Int, dimension: Int, batch: Int, repetitions: Int = 9, seed: UInt64) throws {
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
      routing.append((chosen - start).seconds / Double(batch))
      update.append((clock.now - chosen).seconds / Double(batch))
    }
    routingSecondsPerPair = WallSeconds.median(routing.dropFirst())
    updateSecondsPerPair = WallSeconds.median(update.dropFirst())
  }

  static func posteriorBytes(arms: Int, dimension: Int) -> Int { 2 * 8 * arms * dimension * dimension }
}

extension WallSeconds {
  /// The middle one of some wall times.
  static func median(_ seconds: some Sequence<Double>) -> Double {
    let ascending = seconds.sorted()
    return ascending.isEmpty ? 0 : ascending[ascending.count / 2]
  }
}
