import Foundation
import LinearAlgebra
import PreferenceData
import Randomness
import RewardModels
import Routing

/// The labelled pairs of a replay with the context of each.
public struct ReplayWorld: Sendable {
  public let dataset: PreferenceDataset
  /// One row a pair.
  public let contexts: Matrix<Double>

  /// - Throws: `AlignmentError.noPairs`, `AlignmentError.unlabelled`.
  public init(dataset: PreferenceDataset, contexts: Matrix<Double>) throws(AlignmentError) {
    precondition(contexts.rows == dataset.pairs.count, "\(contexts.rows) contexts for \(dataset.pairs.count) pairs")
    guard !dataset.pairs.isEmpty else { throw .noPairs(reason: "the dataset has no pair") }
    let unlabelled = dataset.pairs.filter { $0.label == nil }
    if let first = unlabelled.first { throw .unlabelled(count: unlabelled.count, firstID: first.id) }
    self.dataset = dataset
    self.contexts = contexts
  }
}

/// One pass of one learning router over the pairs.
public struct ReplayTrace: Sendable, Equatable {
  public let seed: UInt64
  /// The pair and the arm of each step, in the order of the stream.
  public internal(set) var pairs: [Int] = []
  public internal(set) var arms: [Int] = []
  /// Whether the arm ranked the pair as its label does, as 1 or 0.
  public internal(set) var correctness: [Double] = []
  /// What the arm earned, before normalisation.
  public internal(set) var rewards: [Double] = []
  /// With which probability Thompson sampling chooses each step's arm; empty unless it was asked for.
  public internal(set) var propensities: [Double] = []
  public internal(set) var decisionSeconds = 0.0
  public internal(set) var updateSeconds = 0.0
  public internal(set) var updates = 0
  public internal(set) var usage = Usage()

  public var accuracy: Double { correctness.reduce(0, +) / Double(max(correctness.count, 1)) }
}

/// Streams pairs past a router: choose, ask the chosen reward model, reward, learn.
///
/// The order of the pairs and the flips of a noisy reward depend on the seed alone, so that methods meet the same stream; the draws of
/// each router come from a stream of their own.
public struct ReplayStream: Sendable {
  public let world: ReplayWorld
  public let configuration: ReplayConfiguration

  public init(world: ReplayWorld, configuration: ReplayConfiguration) {
    self.world = world
    self.configuration = configuration
  }

  /// Whether the reward of (pair, arm) is flipped in this run.
  private struct Flips {
    let probability: Double
    let key: UInt64
    let arms: Int

    func applies(pair: Int, arm: Int) -> Bool {
      guard probability > 0 else { return false }
      // A block of its own for each pair and arm: the flip does not depend on what a method asked before.
      var generator = PhiloxGenerator(seed: key, stream: "reward-flips", index: UInt64(pair * arms + arm))
      return generator.nextUniform() < probability
    }
  }

  /// Runs `router` over the stream of `seed`; the router is then what it has become.
  ///
  /// - Parameter recordsPropensities: also computes the probability of each decision, for Thompson sampling.
  /// - Throws: what the router or a reward model throws.
  public func run(
    _ router: inout any Router, seed: UInt64, stream name: String, recordsPropensities: Bool = false
  ) async throws -> ReplayTrace {
    let pairs = world.dataset.pairs
    let pool = try MeteredPool(try RecordedRewardModel.all(of: world.dataset))
    let annotator = PreferenceAnnotator(pool: pool)
    var orderGenerator = PhiloxGenerator(seed: seed, stream: "replay-order")
    var generator = PhiloxGenerator(seed: seed, stream: "replay-\(name)")
    let flips = Flips(probability: configuration.reward.flipProbability, key: seed, arms: router.armCount)
    let order = orderGenerator.permutation(pairs.count)
    var normalizer = RewardNormalizer(configuration.normalizer)
    var waiting: ArraySlice<(due: Int, observation: Observation)> = []
    var trace = ReplayTrace(seed: seed)
    let clock = ContinuousClock()

    for begin in stride(from: 0, to: order.count, by: configuration.batch) {
      // 1. Rewards whose time has come.
      let arrived = waiting.prefix { $0.due <= begin }.map(\.observation)
      waiting = waiting.dropFirst(arrived.count)
      if !arrived.isEmpty {
        let start = clock.now
        let normalized = normalizer.normalize(arrived.map(\.reward), arms: arrived.map(\.arm))
        try router.observe(
          zip(arrived, normalized).map { Observation(arm: $0.arm, context: $0.context, reward: $1) })
        trace.updateSeconds += start.duration(to: clock.now) / .seconds(1)
        trace.updates += arrived.count
      }

      // 2. One arm for each pair of the step.
      let step = Array(order[begin..<min(begin + configuration.batch, order.count)])
      let contexts = world.contexts.selectingRows(step)
      let start = clock.now
      let decisions = try router.select(contexts: contexts, using: &generator)
      trace.decisionSeconds += start.duration(to: clock.now) / .seconds(1)

      // 3. The chosen reward model labels the pair, and earns.
      for (row, (pair, decision)) in zip(step, decisions).enumerated() {
        let annotation = try await annotator.annotate(pairs[pair], by: .routed(decision))
        guard let label = pairs[pair].label, let arm = annotation.arm else { continue }
        let correctness = annotation.correctness(label: label)
        let reward = flips.applies(pair: pair, arm: arm) ? 1 - correctness : correctness
        let context = Array(contexts.row(row))
        trace.pairs.append(pair)
        trace.arms.append(arm)
        trace.correctness.append(correctness)
        trace.rewards.append(reward)
        if recordsPropensities, let thompson = router as? ThompsonSamplingRouter {
          trace.propensities.append(try thompson.winProbabilities(context: context)[arm])
        }
        waiting.append(
          (begin + step.count + configuration.delay, Observation(arm: arm, context: context, reward: reward)))
      }
    }
    trace.usage = await pool.totalUsage
    return trace
  }
}
