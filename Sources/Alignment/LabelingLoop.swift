import LinearAlgebra
import PreferenceData
import Randomness
import RewardModels
import Routing

/// How the pairs of a loop come by their labels.
public enum Labeling: Sendable {
  /// A router chooses one reward model a pair and learns from what its label is worth.
  case routed(any Router)
  /// All reward models are asked; nothing is learnt.
  case ensemble(any Ensemble)
}

/// Wall-clock seconds of the stages of a step. Where stages overlap, `wall` is less than their sum.
public struct StageSeconds: Sendable, Hashable, Codable {
  /// From pairs to contexts.
  public var encoder = 0.0
  /// Choosing an arm for each pair.
  public var routing = 0.0
  /// From the first question to the last answer of a reward model.
  public var rewardModels = 0.0
  /// Posterior updates.
  public var update = 0.0
  public var wall = 0.0

  public init() {}
}

/// The online loop, a batch of pairs at a time and timed: encode, choose, ask, learn.
///
///     1. contexts   h_i = encoder(pair_i)                      before anything is asked
///     2. decisions  one arm for each pair, from the posterior
///     3. labels     the chosen reward models score; a failed one is replaced for the whole pair
///     4. learning   the arm that labelled a pair earns its reward, and only its posterior changes
///
/// Overlapping runs stage 1 of the next batch beside stage 3 of this one. Contexts depend on no decision, so labels, arms and
/// posteriors are the same with and without; it helps where the reward models compute elsewhere.
public struct LabelingLoop: Sendable {
  /// What a step did.
  public struct Step: Sendable {
    public let annotations: [Annotation]
    public let seconds: StageSeconds
  }

  public let annotator: PreferenceAnnotator
  /// Nil where no context is needed.
  public let encoder: ContextEncoder?
  /// As it has become; nil where an ensemble labels.
  public private(set) var router: (any Router)?
  private let ensemble: (any Ensemble)?
  /// What a label is worth to the arm that gave it; nil teaches nothing.
  public let reward: @Sendable (Annotation, PreferencePair) -> Double?
  private var generator: PhiloxGenerator

  public init(
    annotator: PreferenceAnnotator, encoder: ContextEncoder?, labeling: Labeling, generator: PhiloxGenerator,
    reward: @escaping @Sendable (Annotation, PreferencePair) -> Double?
  ) {
    self.annotator = annotator
    self.encoder = encoder
    switch labeling {
    case .routed(let router): (self.router, ensemble) = (router, nil)
    case .ensemble(let ensemble): (router, self.ensemble) = (nil, ensemble)
    }
    self.generator = generator
    self.reward = reward
  }

  /// Labels one batch.
  ///
  /// - Throws: what the encoder and the router throw; `AlignmentError.nobodyLabels`.
  public mutating func label(_ pairs: [PreferencePair]) async throws -> Step {
    try await label([pairs], overlapping: false)[0]
  }

  /// Labels batches one after another.
  ///
  /// - Throws: as `label(_:)`.
  public mutating func label(_ batches: [[PreferencePair]], overlapping: Bool) async throws -> [Step] {
    var steps: [Step] = []
    var ready: (contexts: Matrix<Double>, seconds: Double)?
    let clock = ContinuousClock()
    for (index, pairs) in batches.enumerated() {
      var seconds = StageSeconds()
      let start = clock.now
      let encoded: (contexts: Matrix<Double>, seconds: Double)
      if let ready { encoded = ready } else { encoded = try await encode(pairs) }
      seconds.encoder = encoded.seconds
      ready = nil

      let chosen = clock.now
      let sources = try choose(encoded.contexts)
      seconds.routing = chosen.duration(to: clock.now) / .seconds(1)

      let annotations: [Annotation]
      if overlapping, index + 1 < batches.count {
        async let next = encode(batches[index + 1])
        (annotations, seconds.rewardModels) = try await annotate(pairs, by: sources)
        ready = try await next
      } else {
        (annotations, seconds.rewardModels) = try await annotate(pairs, by: sources)
      }

      let answered = clock.now
      try learn(annotations, pairs, encoded.contexts)
      seconds.update = answered.duration(to: clock.now) / .seconds(1)
      seconds.wall = start.duration(to: clock.now) / .seconds(1)
      steps.append(Step(annotations: annotations, seconds: seconds))
    }
    return steps
  }

  private func encode(_ pairs: [PreferencePair]) async throws -> (contexts: Matrix<Double>, seconds: Double) {
    guard let encoder else { return (Matrix(rows: pairs.count, columns: 0), 0) }
    let clock = ContinuousClock()
    let start = clock.now
    let contexts = try await encoder.encode(pairs)
    return (contexts, start.duration(to: clock.now) / .seconds(1))
  }

  private mutating func choose(_ contexts: Matrix<Double>) throws -> [LabelSource] {
    if let ensemble { return [LabelSource](repeating: .ensemble(ensemble), count: contexts.rows) }
    return try router?.select(contexts: contexts, using: &generator).map { .routed($0) } ?? []
  }

  private func annotate(
    _ pairs: [PreferencePair], by sources: [LabelSource]
  ) async throws -> ([Annotation], Double) {
    let clock = ContinuousClock()
    let start = clock.now
    let annotations = try await annotator.annotate(pairs, by: sources)
    return (annotations, start.duration(to: clock.now) / .seconds(1))
  }

  private mutating func learn(
    _ annotations: [Annotation], _ pairs: [PreferencePair], _ contexts: Matrix<Double>
  ) throws {
    guard router != nil else { return }
    let observations = annotations.indices.compactMap { row -> Observation? in
      guard let arm = annotations[row].arm, let reward = reward(annotations[row], pairs[row]) else { return nil }
      return Observation(arm: arm, context: Array(contexts.row(row)), reward: reward)
    }
    try router?.observe(observations)
  }
}
