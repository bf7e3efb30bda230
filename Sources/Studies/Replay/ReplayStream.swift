import Alignment
import Foundation
import LinearAlgebra
import PreferenceData
import Randomness
import RewardModels
import Routing

/// The labelled pairs of a replay with the context of each.
public struct ReplayWorld: Sendable {
  public let dataset: PreferenceDataset
  /// Who is right on each pair.
  public let correctness: CorrectnessTable
  /// One row a pair.
  public let contexts: Matrix<Double>

  /// - Throws: `StudyError.noPairs`, `StudyError.unlabelled`.
  public init(dataset: PreferenceDataset, contexts: Matrix<Double>) throws(StudyError) {
    precondition(contexts.rows == dataset.pairs.count, "\(contexts.rows) contexts for \(dataset.pairs.count) pairs")
    guard !dataset.pairs.isEmpty else { throw .noPairs }
    let unlabelled = dataset.pairs.filter { $0.label == nil }
    if let first = unlabelled.first { throw .unlabelled(count: unlabelled.count, firstID: first.id) }
    self.dataset = dataset
    correctness = dataset.correctness
    self.contexts = contexts
  }
}

/// One pass of one learning router over the pairs.
public struct ReplayTrace: Sendable, Equatable {
  public let seed: UInt64
  /// The pairs in the order in which they were routed, and the arm that labelled each.
  public internal(set) var pairs: [Int] = []
  public internal(set) var arms: [Int] = []
  /// Whether the arm ranked the pair as its label does, as 1 or 0.
  public internal(set) var correctness: [Double] = []
  /// What the arm earned, before normalisation.
  public internal(set) var rewards: [Double] = []
  /// The probability with which the router chose each step's arm; nil where nobody asked for it, or where it has no closed form.
  public internal(set) var propensities: [Double?] = []
  /// The wall-clock time of all decisions, that of their propensities with it where they were asked for.
  public internal(set) var decisionSeconds = 0.0
  public internal(set) var updateSeconds = 0.0
  public internal(set) var updates = 0
  public internal(set) var usage = Usage()

  init(seed: UInt64) { self.seed = seed }

  public var accuracy: Double { correctness.reduce(0, +) / Double(max(correctness.count, 1)) }
}

/// Streams recorded pairs through the online loop: rewards arrive late, and the gold label says what they are.
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

  /// Runs a router over the stream of `seed`.
  ///
  /// - Parameters:
  ///   - name: the stream of the router's draws.
  ///   - recordsPropensities: also computes the probability of each decision.
  /// - Returns: the trace, and the router as it has become.
  /// - Throws: what the router or a reward model throws.
  public func run(
    _ router: any Router, seed: UInt64, stream name: String, recordsPropensities: Bool = false
  ) async throws -> (trace: ReplayTrace, router: any Router) {
    let pairs = world.dataset.pairs
    let pool = try MeteredPool(try RecordedRewardModel.all(of: world.dataset))
    var loop = OnlineLoop(
      annotator: PreferenceAnnotator(pool: pool), labeling: .routed(router),
      normalizer: RewardNormalizer(configuration.normalizer),
      generator: PhiloxGenerator(seed: seed, stream: "replay-\(name)"))
    var orderGenerator = PhiloxGenerator(seed: seed, stream: "replay-order")
    let order = orderGenerator.permutation(pairs.count)
    let flips = Flips(probability: configuration.reward.flipProbability, key: seed, arms: router.armCount)
    var waiting: ArraySlice<(due: Int, observation: Observation)> = []
    var trace = ReplayTrace(seed: seed)
    let clock = ContinuousClock()

    for begin in stride(from: 0, to: order.count, by: configuration.batch) {
      // 1. Rewards whose time has come.
      let arrived = waiting.prefix { $0.due <= begin }.map(\.observation)
      waiting = waiting.dropFirst(arrived.count)
      if !arrived.isEmpty {
        let start = clock.now
        try loop.learn(arrived)
        trace.updateSeconds += start.duration(to: clock.now) / .seconds(1)
        trace.updates += arrived.count
      }

      // 2. One arm for each pair of the step.
      let step = Array(order[begin..<min(begin + configuration.batch, order.count)])
      let contexts = world.contexts.selectingRows(step)
      let start = clock.now
      let proposals = try loop.propose(
        step.map { pairs[$0] }, contexts: contexts, recordsPropensities: recordsPropensities)
      trace.decisionSeconds += start.duration(to: clock.now) / .seconds(1)

      // 3. The chosen reward model labels the pair, and earns.
      for (index, (proposal, annotation)) in zip(proposals, try await loop.annotate(proposals)).enumerated() {
        guard let label = proposal.pair.label, let arm = annotation.arm else { continue }
        let correctness = annotation.correctness(label: label)
        let reward = flips.applies(pair: step[index], arm: arm) ? 1 - correctness : correctness
        trace.pairs.append(step[index])
        trace.arms.append(arm)
        trace.correctness.append(correctness)
        trace.rewards.append(reward)
        trace.propensities.append(proposal.propensity)
        if let observation = proposal.observation(annotation, reward: reward) {
          waiting.append((begin + step.count + configuration.delay, observation))
        }
      }
    }
    trace.usage = await pool.totalUsage
    return (trace, loop.router ?? router)
  }
}
