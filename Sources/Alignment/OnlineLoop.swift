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
  /// The probability with which the router made this choice; nil where nobody asked for it, where it has no closed form, and where an
  /// ensemble labels.
  public let propensity: Double?
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
  /// The encoder of contexts; nil where no context is needed, or where the caller has the contexts.
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
  /// - Parameter recordsPropensities: also computes the probability of each choice, by the router as it is before it chooses.
  /// - Throws: what the router throws.
  public mutating func propose(
    _ pairs: [PreferencePair], contexts: Matrix<Double>, recordsPropensities: Bool = false
  ) throws -> [Proposal] {
    precondition(contexts.rows == pairs.count, "\(contexts.rows) contexts for \(pairs.count) pairs")
    if let ensemble {
      return pairs.map {
        Proposal(pair: $0, context: [], decision: nil, propensity: nil, source: .ensemble(ensemble))
      }
    }
    // A choice may change the router, e.g. the weight of prices.
    let probabilities = recordsPropensities ? try router?.propensities(contexts: contexts) : nil
    let decisions = try router?.select(contexts: contexts, using: &generator) ?? []
    return zip(pairs, decisions).enumerated().map { row, choice in
      Proposal(
        pair: choice.0, context: Array(contexts.row(row)), decision: choice.1,
        propensity: probabilities.map { $0[row, choice.1.arm] }, source: .routed(choice.1))
    }
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
  /// - Throws: what the router throws; nothing was then learnt, unless its linear algebra failed halfway.
  public mutating func learn(_ observations: [Observation]) throws {
    guard router != nil, !observations.isEmpty else { return }
    var next = normalizer
    let rewards = next.normalize(observations.map(\.reward), arms: observations.map(\.arm))
    try router?.observe(
      zip(observations, rewards).map { Observation(arm: $0.arm, context: $0.context, reward: $1) })
    normalizer = next
  }
}
