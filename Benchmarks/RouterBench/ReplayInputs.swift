import CommandSupport
import ArgumentParser
import Foundation
import RouterKit

/// One pool of reward models with what every method achieved on it.
struct PoolResult {
  let study: ReplayStudy
  let outcomes: [ReplayOutcome]
}

/// What a replay reads and prepares before the first pair: data, contexts, pools, priors. All that can be wrong with
/// the input is found here, before the run folder exists.
struct ReplayInputs {
  /// The whole dataset, and the part that is replayed.
  let dataset: PreferenceDataset
  let online: PreferenceDataset
  private let onlinePairs: [Int]
  private let offlinePairs: [Int]
  /// Of the whole dataset, one row a pair, as a router takes them.
  private let contexts: Matrix<Double>
  let transform: FittedContextTransform
  let encoderName: String
  /// What encoding took, where a checkpoint encoded.
  let encoding: ReadingReport?
  /// Arm indices of each pool.
  let pools: [[Int]]
  private let savedRouter: RouterState?
  private let offlineRouter: OfflineRouter?
  /// What the prior's router was trained on, where it says so.
  private let priorPairs: RouterPairs?
  private let methodNames: [String]
  private let costMethods: [ReplayMethod]
  let prices: [Double]?
  private let prior: ReplayPrior
  let sweep: ReplaySweep?
  /// What to know before believing the figures.
  let warnings: [String]

  init(_ command: Replay) async throws {
    dataset = try command.source.load(
      rewardModels: command.rms.map { $0.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } },
      seed: command.seed)
    prices = try command.cost.prices(of: dataset.rewardModels)
    let pools = try Self.pools(of: dataset.rewardModels.count, sizes: command.arms?.sizes)
    self.pools = pools
    for pool in pools { try command.cost.check(prices.map { prices in pool.map { prices[$0] } }) }
    prior = command.prior
    costMethods = command.cost.methods

    let given = command.methods?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    let hasPairs = command.prior.fraction != nil
    methodNames =
      given
      ?? ReplayMethod.names.filter {
        (command.prior != .none || !Self.needsPrior($0)) && (hasPairs || $0 != "thompson-laplace")
      }
    for name in methodNames where ReplayMethod.named(name, armCount: 1) == nil {
      throw ValidationError(
        "--methods: there is no method '\(name)'; choose from \(ReplayMethod.names.joined(separator: ", "))")
    }
    if command.prior == .none, let name = methodNames.first(where: Self.needsPrior) {
      throw ValidationError("--methods \(name) needs --prior")
    }
    guard hasPairs || !methodNames.contains("thompson-laplace") else {
      throw ValidationError(
        "--methods thompson-laplace needs --prior laplace or offline:F, with a fraction F of the pairs")
    }
    sweep = command.sweep
    guard sweep == nil || command.prior != .none else { throw ValidationError("--sweep prior-variance needs --prior") }
    guard sweep == nil || pools.count == 1 else { throw ValidationError("--sweep takes one pool: leave --arms away") }

    let encoder = try Self.encoder(command)
    let ownName = encoder.name
    let everyPair = Array(dataset.pairs.indices)
    switch command.prior {
    case .none:
      (onlinePairs, offlinePairs, savedRouter, offlineRouter) = (everyPair, [], nil, nil)
    case .fraction(let fraction), .laplace(let fraction):
      var generator = PhiloxGenerator(seed: command.seed, stream: "offline-split")
      let split = try PromptGroups(dataset.pairs).split(heldOut: fraction, using: &generator)
      (onlinePairs, offlinePairs, savedRouter, offlineRouter) = (split.training, split.heldOut, nil, nil)
    case .folder(let path):
      let names = command.arms == nil ? dataset.rewardModels.map(\.name) : nil
      let folder = URL(fileURLWithPath: path)
      if OfflineRouter.exists(at: folder) {
        offlineRouter = try OfflineRouter(folder: folder, rewardModels: names, encoder: ownName)
        savedRouter = nil
      } else {
        savedRouter = try RouterState(folder: folder, rewardModels: names, encoder: ownName)
        offlineRouter = nil
      }
      (onlinePairs, offlinePairs) = (everyPair, [])
    }
    let online = dataset.selecting(pairs: onlinePairs)
    self.online = online
    priorPairs = offlineRouter.map { $0.training?.pairs } ?? savedRouter?.pairs
    let hasRouter = offlineRouter != nil || savedRouter != nil
    warnings = hasRouter ? Self.warnings(knowing: priorPairs, replaying: online.pairs) : []
    // A router that learns behind an offline one is worth nothing behind its encoder alone.
    encoderName = offlineRouter.map { "\(ownName) behind router \($0.fingerprint)" } ?? ownName

    var progress = EncodingProgress()
    let head = offlineRouter.map(ContextEncoder.Head.trained) ?? .none
    let encoded = try await ContextEncoder(encoder, head: head).encode(dataset.pairs) { progress.show($0) }
    encoding = progress.report
    if offlineRouter != nil {
      transform = try ContextTransform(components: nil, interceptVarianceScale: nil).fit(encoded)
    } else if let saved = savedRouter?.transform {
      transform = saved
    } else {
      transform = try ContextTransform(
        components: command.context == .none || command.components == 0 ? nil : command.components,
        interceptVarianceScale: command.interceptScale == 0 ? nil : command.interceptScale
      ).fit(encoded)
    }
    contexts = try transform.apply(encoded)
  }

  private static func warnings(knowing known: RouterPairs?, replaying pairs: [PreferencePair]) -> [String] {
    guard let known else {
      return ["the prior's router does not say which pairs it was trained on: figures on those would be of memory"]
    }
    return known.overlap(with: pairs).warning.map { ["--prior: \($0)"] } ?? []
  }

  /// Of the encoder that was trained along with the prior's router.
  private static func encoderFolder(of prior: ReplayPrior) -> String? {
    guard case .folder(let path) = prior else { return nil }
    return OfflineRouter.encoderFolder(URL(fileURLWithPath: path))?.path
  }

  /// All pairs that a router saved at the end may have learnt from.
  var learntPairs: RouterPairs { RouterPairs(training: dataset.pairs, prior: priorPairs) }

  private static func needsPrior(_ name: String) -> Bool {
    ReplayMethod.named(name, armCount: 1)?.contains { $0.needsPrior } ?? false
  }

  private static func encoder(_ command: Replay) throws -> any PairEncoder {
    if let folder = command.encoder ?? encoderFolder(of: command.prior) { return try command.encoding.encoder(folder) }
    return command.context == .hashed ? try command.encoding.encoder(EncoderOptions.hashedName) : EmptyPairEncoder()
  }

  /// All sub-pools of the given sizes in lexicographic order; the whole pool without sizes.
  static func pools(of count: Int, sizes: ClosedRange<Int>?) throws -> [[Int]] {
    guard let sizes else { return [Array(0..<count)] }
    guard sizes.upperBound <= count else {
      throw ValidationError("--arms: pools of \(sizes.upperBound) out of \(count) reward models do not exist")
    }
    func subsets(_ size: Int, from first: Int) -> [[Int]] {
      guard size > 0 else { return [[]] }
      guard count - first >= size else { return [] }
      return subsets(size - 1, from: first + 1).map { [first] + $0 } + subsets(size, from: first + 1)
    }
    let pools = sizes.flatMap { subsets($0, from: 0) }
    guard pools.count <= 1000 else {
      throw ValidationError("--arms: \(pools.count) sub-pools are too many; name fewer reward models with --rms")
    }
    return pools
  }

  func methods(of pool: [Int]) -> [ReplayMethod] {
    methodNames.flatMap { ReplayMethod.named($0, armCount: pool.count) ?? [] } + costMethods
  }

  /// The study of one pool: its part of the dataset, contexts and priors.
  func study(pool: [Int], configuration: ReplayConfiguration) throws -> ReplayStudy {
    let world = try ReplayWorld(
      dataset: online.selecting(arms: pool), contexts: contexts.selectingRows(onlinePairs))
    let priors = [GaussianPrior](repeating: transform.prior(variance: configuration.priorVariance), count: pool.count)
    let posteriors =
      try offlinePairs.isEmpty
      ? nil
      : offlinePosteriors(
        dataset: dataset.selecting(arms: pool).selecting(pairs: offlinePairs),
        contexts: contexts.selectingRows(offlinePairs), prior: transform.prior(variance: 1))
    return try ReplayStudy(
      world: world, configuration: configuration, priors: priors,
      offlinePriors: try offlineMeans(
        pool: pool, priors: priors, posteriors: posteriors ?? [], configuration: configuration),
      offlinePosteriors: posteriors, prices: prices.map { prices in pool.map { prices[$0] } })
  }

  private func offlineMeans(
    pool: [Int], priors: [GaussianPrior], posteriors: [LinearGaussianPosterior], configuration: ReplayConfiguration
  ) throws -> [GaussianPrior]? {
    switch prior {
    case .none:
      return nil
    case .fraction:
      return try offlinePriors(
        dataset: dataset.selecting(arms: pool).selecting(pairs: offlinePairs),
        contexts: contexts.selectingRows(offlinePairs), priors: priors,
        noiseVariance: configuration.router.noiseVariance)
    case .laplace:
      return zip(posteriors, priors).map { GaussianPrior(mean: $0.mean, variance: $1.variance) }
    case .folder:
      let (names, means) = savedMeans
      return try zip(pool, priors).map { index, prior in
        let name = dataset.rewardModels[index].name
        guard let arm = names.firstIndex(of: name) else { throw RoutingError.unknownArm(name: name, known: names) }
        return GaussianPrior(mean: means[arm], variance: prior.variance)
      }
    }
  }
}

extension ReplayInputs {
  /// Arms of the saved router with their prior means: E_bt of an offline one, the posterior means of an online one.
  private var savedMeans: (names: [String], means: [[Double]]) {
    if let offlineRouter {
      let embeddings = offlineRouter.embeddings
      return (offlineRouter.rewardModels, (0..<embeddings.rows).map { Array(embeddings.row($0)) })
    }
    let arms = savedRouter?.router.arms ?? []
    return (arms.map(\.name), arms.map(\.posterior.mean))
  }
}

/// The content of `config.json`.
struct RunConfiguration: Encodable {
  let command = "router-bench replay"
  let data: String
  let pairs: Int
  let pairsReplayed: Int
  let rewardModels: [String]
  let pools: Int
  let replay: ReplayConfiguration
  let prior: String
  let sweep: String?
  let encoder: String
  let encoding: ReadingReport?
  let contextTransform: ContextTransform
  let contextDimension: Int
  /// Of a call, by reward model; where cost plays a part.
  let prices: [Double]?
  let machine: Machine
  let blas: BLASRuntime

  init(command: Replay, inputs: ReplayInputs) {
    data = command.source.name
    pairs = inputs.dataset.pairs.count
    pairsReplayed = inputs.online.pairs.count
    rewardModels = inputs.dataset.rewardModels.map(\.name)
    pools = inputs.pools.count
    replay = command.replayConfiguration
    prior =
      switch command.prior {
      case .none: "none"
      case .fraction(let fraction): "offline:\(fraction)"
      case .laplace(let fraction): "laplace:\(fraction)"
      case .folder(let path): "offline:\(path)"
      }
    sweep = command.sweep?.rawValue
    encoder = inputs.encoderName
    encoding = inputs.encoding
    contextTransform = inputs.transform.configuration
    contextDimension = inputs.transform.outputDimension
    prices = inputs.prices
    machine = .current
    blas = .current
  }
}
