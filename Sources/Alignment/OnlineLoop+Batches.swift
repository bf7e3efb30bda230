import LinearAlgebra
import PreferenceData
import RewardModels
import Routing

/// Wall-clock seconds of the stages of a step. Where stages overlap, `wall` is less than their sum.
public struct StageSeconds: Sendable, Hashable, Codable {
  /// The time from pairs to contexts.
  public var encoder = 0.0
  /// The time of choosing an arm for each pair.
  public var routing = 0.0
  /// The time from the first question to the last answer of a reward model.
  public var rewardModels = 0.0
  /// The time of posterior updates.
  public var update = 0.0
  public var wall = 0.0

  public init() {}
}

extension OnlineLoop {
  /// What one batch's turn through the loop did.
  public struct Step: Sendable {
    public let annotations: [Annotation]
    public let seconds: StageSeconds
  }

  /// Labels one batch and learns from it at once, timed.
  ///
  /// - Throws: as `label(_:overlapping:reward:)`.
  public mutating func label(
    _ pairs: [PreferencePair], reward: (Annotation, PreferencePair) -> Double?
  ) async throws -> Step {
    try await label([pairs], overlapping: false, reward: reward)[0]
  }

  /// Labels batches one after another and learns from each before the next is chosen, timed.
  ///
  /// Overlapping encodes the next batch while the reward models work on this one. Contexts depend on no decision, so labels, arms and
  /// posteriors are the same with and without; it helps where the reward models compute elsewhere.
  ///
  /// - Parameter reward: what a label is worth to the arm that gave it; nil teaches nothing.
  /// - Throws: what the encoder and the router throw; `AlignmentError.nobodyLabels`.
  public mutating func label(
    _ batches: [[PreferencePair]], overlapping: Bool, reward: (Annotation, PreferencePair) -> Double?
  ) async throws -> [Step] {
    var steps: [Step] = []
    var ready: (contexts: Matrix<Double>, seconds: Double)?
    let clock = ContinuousClock()
    for (index, pairs) in batches.enumerated() {
      var seconds = StageSeconds()
      let start = clock.now
      let encoded: (contexts: Matrix<Double>, seconds: Double)
      if let ready { encoded = ready } else { encoded = try await timedContexts(of: pairs) }
      seconds.encoder = encoded.seconds
      ready = nil

      let chosen = clock.now
      let proposals = try propose(pairs, contexts: encoded.contexts)
      seconds.routing = chosen.duration(to: clock.now) / .seconds(1)

      let annotations: [Annotation]
      if overlapping, index + 1 < batches.count {
        let loop = self
        async let next = loop.timedContexts(of: batches[index + 1])
        (annotations, seconds.rewardModels) = try await timedAnnotations(of: proposals)
        ready = try await next
      } else {
        (annotations, seconds.rewardModels) = try await timedAnnotations(of: proposals)
      }

      let answered = clock.now
      try learn(
        zip(proposals, annotations).compactMap { proposal, annotation in
          reward(annotation, proposal.pair).flatMap { proposal.observation(annotation, reward: $0) }
        })
      seconds.update = answered.duration(to: clock.now) / .seconds(1)
      seconds.wall = start.duration(to: clock.now) / .seconds(1)
      steps.append(Step(annotations: annotations, seconds: seconds))
    }
    return steps
  }

  private func timedContexts(of pairs: [PreferencePair]) async throws -> (contexts: Matrix<Double>, seconds: Double) {
    // What is not done takes no time.
    guard encoder != nil else { return (try await contexts(of: pairs), 0) }
    let clock = ContinuousClock()
    let start = clock.now
    let contexts = try await contexts(of: pairs)
    return (contexts, start.duration(to: clock.now) / .seconds(1))
  }

  private func timedAnnotations(of proposals: [Proposal]) async throws -> ([Annotation], Double) {
    let clock = ContinuousClock()
    let start = clock.now
    let annotations = try await annotate(proposals)
    return (annotations, start.duration(to: clock.now) / .seconds(1))
  }
}
