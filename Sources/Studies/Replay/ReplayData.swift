import Dialogues
import Foundation
import LinearAlgebra
import PreferenceData
import Randomness
import Routing

/// Where a replay's routers get what they know beforehand.
public enum ReplayPrior: Sendable, Equatable {
  case none
  /// Prior means fitted at the settings' variances on this fraction of the pairs, which are then not replayed.
  case means(fraction: Double)
  /// Whole posteriors, their variances by the evidence, on this fraction of the pairs, which are then not replayed.
  case evidence(fraction: Double)
  /// A router that an earlier run saved or trained.
  case router(URL)

  /// The part of the pairs that gives the prior; nil where none does.
  public var fraction: Double? {
    switch self {
    case .means(let fraction), .evidence(let fraction): fraction
    case .none, .router: nil
    }
  }

  /// What methods can be made from it.
  public var gives: ReplayMethod.Needs {
    switch self {
    case .none: []
    case .means, .evidence: [.priorMeans, .posteriors]
    case .router: .priorMeans
    }
  }

  /// The folder of the encoder that was trained along with the prior's router; nil where there is none.
  public var encoderFolder: URL? {
    if case .router(let folder) = self { OfflineRouter.encoderFolder(folder) } else { nil }
  }
}

/// What a replay prepares before the first pair: its pairs, their contexts, and what offline data or a saved router know beforehand.
///
///     let replay = try await ReplayData(dataset, encoder: HashedPairEncoder(), prior: .evidence(fraction: 0.3))
///     let study = try replay.study()
///     let outcomes = try await study.run()
public struct ReplayData: Sendable {
  /// The whole dataset, and the part that is replayed.
  public let dataset: PreferenceDataset
  public let online: PreferenceDataset
  /// Makes the contexts of new pairs as those of the replay.
  public let encoder: ContextEncoder
  public let prior: ReplayPrior
  /// What to know before believing the figures.
  public let warnings: [String]
  /// All pairs that a router of the replay may have learnt from.
  public let learntPairs: RouterPairs
  private let onlinePairs: [Int]
  private let offlinePairs: [Int]
  /// Contexts of the whole dataset, one row a pair.
  private let contexts: Matrix<Double>
  private let saved: SavedPrior?

  /// Prior means by name, of a router that was saved.
  private struct SavedPrior: Sendable {
    let names: [String]
    let means: [[Double]]
    /// The pairs that it was trained on, where it says so.
    let pairs: RouterPairs?
    /// What it puts on the encoder.
    let head: ContextEncoder.Head
  }

  /// - Parameters:
  ///   - encoder: what contexts are made by.
  ///   - transform: what is fitted on top of it, to all pairs and without labels. A saved router brings its own.
  ///   - rewardModels: the models that a saved router must have, in this order; nil takes any that has those of the pools.
  ///   - seed: of the split into offline and online pairs.
  ///   - onEvent: told how far the encoder is.
  /// - Throws: what encoder and transform throw; `RoutingError.savedState`; `PreferenceDataError` for a fraction that leaves nothing.
  public init(
    _ dataset: PreferenceDataset, encoder: any PairEncoder, transform: ContextTransform = ContextTransform(),
    prior: ReplayPrior = .none, rewardModels: [String]? = nil, seed: UInt64 = 1,
    onEvent: (EncodingEvent) -> Void = { _ in }
  ) async throws {
    self.dataset = dataset
    self.prior = prior
    if let fraction = prior.fraction {
      var generator = PhiloxGenerator(seed: seed, stream: "offline-split")
      let split = try PromptGroups(dataset.pairs).split(heldOut: fraction, using: &generator)
      (onlinePairs, offlinePairs) = (split.training, split.heldOut)
    } else {
      (onlinePairs, offlinePairs) = (Array(dataset.pairs.indices), [])
    }
    let online = dataset.selecting(pairs: onlinePairs)
    self.online = online
    saved = try Self.saved(prior, rewardModels: rewardModels, encoder: encoder)
    warnings = saved.map { Self.warnings(knowing: $0.pairs, replaying: online.pairs) } ?? []
    learntPairs = RouterPairs(training: dataset.pairs, prior: saved?.pairs)
    if let head = saved?.head {
      let own = try ContextEncoder(encoder, head: head)
      contexts = try await own.encode(dataset.pairs, onEvent: onEvent)
      self.encoder = own
    } else {
      (self.encoder, contexts) = try await ContextEncoder.fitting(
        transform, to: dataset.pairs, encoder: encoder, onEvent: onEvent)
    }
  }

  private static func saved(
    _ prior: ReplayPrior, rewardModels: [String]?, encoder: any PairEncoder
  ) throws -> SavedPrior? {
    guard case .router(let folder) = prior else { return nil }
    if OfflineRouter.exists(at: folder) {
      let router = try OfflineRouter(folder: folder, rewardModels: rewardModels, encoder: encoder.name)
      let embeddings = router.embeddings
      return SavedPrior(
        names: router.rewardModels, means: (0..<embeddings.rows).map { Array(embeddings.row($0)) },
        pairs: router.training?.pairs, head: .trained(router))
    }
    let state = try RouterState(folder: folder, rewardModels: rewardModels, encoder: encoder.name)
    return SavedPrior(
      names: state.router.arms.map(\.name), means: state.router.arms.map(\.posterior.mean), pairs: state.pairs,
      head: state.head)
  }

  private static func warnings(knowing known: RouterPairs?, replaying pairs: [PreferencePair]) -> [String] {
    guard let known else {
      return ["the prior's router does not say which pairs it was trained on: figures on those would be of memory"]
    }
    return known.overlap(with: pairs).warning.map { ["--prior: \($0)"] } ?? []
  }

  /// The study of one pool: its part of the dataset, contexts and priors.
  ///
  /// - Parameters:
  ///   - pool: arms of the dataset, all by default.
  ///   - prices: the price of a call to each arm of the dataset.
  /// - Throws: `StudyError`; `RoutingError.unknownArm` for an arm that the saved router does not have.
  public func study(
    pool: [Int]? = nil, configuration: ReplayConfiguration = ReplayConfiguration(), prices: [Double]? = nil
  ) throws -> ReplayStudy {
    let pool = pool ?? Array(dataset.rewardModels.indices)
    let world = try ReplayWorld(
      dataset: online.selecting(arms: pool), contexts: contexts.selectingRows(onlinePairs))
    let priors = [GaussianPrior](repeating: encoder.prior(variance: configuration.priorVariance), count: pool.count)
    let offline = dataset.selecting(arms: pool).selecting(pairs: offlinePairs)
    let offlineContexts = contexts.selectingRows(offlinePairs)
    let posteriors =
      try offlinePairs.isEmpty
      ? nil : offlinePosteriors(dataset: offline, contexts: offlineContexts, prior: encoder.prior(variance: 1))
    let means: [GaussianPrior]? =
      switch prior {
      case .none: nil
      case .means:
        try offlinePriors(
          dataset: offline, contexts: offlineContexts, priors: priors,
          noiseVariance: configuration.router.noiseVariance)
      case .evidence:
        zip(posteriors ?? [], priors).map { GaussianPrior(mean: $0.mean, variance: $1.variance) }
      case .router: try zip(pool, priors).map { try savedPrior(of: $0, $1) }
      }
    return try ReplayStudy(
      world: world, configuration: configuration, priors: priors, offlinePriors: means, offlinePosteriors: posteriors,
      prices: prices.map { prices in pool.map { prices[$0] } })
  }

  private func savedPrior(of index: Int, _ prior: GaussianPrior) throws -> GaussianPrior {
    let name = dataset.rewardModels[index].name
    guard let saved, let arm = saved.names.firstIndex(of: name) else {
      throw RoutingError.unknownArm(name: name, known: saved?.names ?? [])
    }
    guard saved.means[arm].count == prior.dimension else {
      throw RoutingError.contextSize(found: prior.dimension, expected: saved.means[arm].count)
    }
    return GaussianPrior(mean: saved.means[arm], variance: prior.variance)
  }
}
