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

/// A pair whose labeller is chosen, and nobody is asked yet.
public struct Proposal: Sendable {
  public let pair: PreferencePair
  /// What the router saw; empty where an ensemble labels.
  public let context: [Double]
  /// The router's choice; nil where an ensemble labels.
  public let decision: Decision?
  /// Who is asked, and in which order where one fails.
  let source: LabelSource

  /// What the arm that labelled the pair learns from a reward; nil for an ensemble's label.
  public func observation(_ annotation: Annotation, reward: Double) -> Observation? {
    annotation.arm.map { Observation(arm: $0, context: context, reward: reward) }
  }
}

/// The online loop of the paper, in three calls, since a reward may come long after the label: a DPO step lies between.
///
///     1. propose    contexts h_i = encoder(pair_i), then one arm for each pair, from the posteriors; nobody is asked yet
///     2. annotate   the chosen reward models score; a failed one is replaced for the whole pair
///     3. learn      rewards are normalised; the arm that labelled a pair earns its reward, and only its posterior changes
///
/// The caller decides when rewards arrive and how pairs are batched: replay, scaling, alignment and serving differ in that alone.
public struct OnlineLoop: Sendable {
  public let annotator: PreferenceAnnotator
  /// Nil where no context is needed, or where the caller has the contexts.
  public let encoder: ContextEncoder?
  /// The router as it has become; nil where an ensemble labels.
  public private(set) var router: (any Router)?
  /// The normaliser of rewards as it has become.
  public private(set) var normalizer: RewardNormalizer
  private let ensemble: (any Ensemble)?
  private var generator: PhiloxGenerator

  public init(
    annotator: PreferenceAnnotator, encoder: ContextEncoder? = nil, labeling: Labeling,
    normalizer: RewardNormalizer = RewardNormalizer(.none), generator: PhiloxGenerator
  ) {
    self.annotator = annotator
    self.encoder = encoder
    self.normalizer = normalizer
    self.generator = generator
    switch labeling {
    case .routed(let router): (self.router, ensemble) = (router, nil)
    case .ensemble(let ensemble): (router, self.ensemble) = (nil, ensemble)
    }
  }

  /// The contexts of pairs, one row each; without columns where the loop has no encoder. They depend on no decision.
  ///
  /// - Throws: what the encoder throws.
  public func contexts(of pairs: [PreferencePair]) async throws -> Matrix<Double> {
    try await encoder?.encode(pairs) ?? Matrix(rows: pairs.count, columns: 0)
  }

  /// Chooses who labels each pair, all from the posteriors as they are now.
  ///
  /// - Throws: what the encoder and the router throw.
  public mutating func propose(_ pairs: [PreferencePair]) async throws -> [Proposal] {
    try propose(pairs, contexts: try await contexts(of: pairs))
  }

  /// Chooses who labels each pair, its context being known: one row a pair.
  ///
  /// - Throws: what the router throws.
  public mutating func propose(_ pairs: [PreferencePair], contexts: Matrix<Double>) throws -> [Proposal] {
    precondition(contexts.rows == pairs.count, "\(contexts.rows) contexts for \(pairs.count) pairs")
    if let ensemble {
      return pairs.map { Proposal(pair: $0, context: [], decision: nil, source: .ensemble(ensemble)) }
    }
    let decisions = try router?.select(contexts: contexts, using: &generator) ?? []
    return zip(pairs, decisions).enumerated().map { row, choice in
      Proposal(
        pair: choice.0, context: Array(contexts.row(row)), decision: choice.1, source: .routed(choice.1))
    }
  }

  /// The probability with which the router chose each proposal's arm, as its posteriors are now: to be asked for before they learn.
  /// Nil for an ensemble, and for a router whose probabilities have no closed form.
  ///
  /// - Throws: what the router throws.
  public func propensities(of proposals: [Proposal]) throws -> [Double?] {
    guard let router, let first = proposals.first else { return proposals.map { _ in nil } }
    let contexts = Matrix(
      rows: proposals.count, columns: first.context.count, elements: proposals.flatMap(\.context))
    guard let probabilities = try router.propensities(contexts: contexts) else { return proposals.map { _ in nil } }
    return proposals.enumerated().map { row, proposal in proposal.decision.map { probabilities[row, $0.arm] } }
  }

  /// The labels of proposals, in their order.
  ///
  /// - Throws: `AlignmentError.nobodyLabels`.
  public func annotate(_ proposals: [Proposal]) async throws -> [Annotation] {
    try await annotator.annotate(proposals.map(\.pair), by: proposals.map(\.source))
  }

  /// Normalises the rewards of one step together and updates the posteriors of the arms that earned them.
  ///
  /// - Parameter observations: raw rewards, e.g. minus the pairs' losses; see `Proposal.observation`.
  /// - Throws: what the router throws; nothing was then learnt.
  public mutating func learn(_ observations: [Observation]) throws {
    guard router != nil, !observations.isEmpty else { return }
    var next = normalizer
    let rewards = next.normalize(observations.map(\.reward), arms: observations.map(\.arm))
    try router?.observe(
      zip(observations, rewards).map { Observation(arm: $0.arm, context: $0.context, reward: $1) })
    normalizer = next
  }
}
