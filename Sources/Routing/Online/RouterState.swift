import Foundation
import LinearAlgebra
import Randomness
import Storage

/// An online router with all that decides its next step: saved and loaded, it goes on bit for bit as if nothing had happened.
///
/// A folder of `manifest.json` (kind of router, names and order of the arms, d, configuration, normaliser, generator, encoder, format
/// version), `posteriors.safetensors` and what stands between encoder and router: `context.safetensors` of a transform, the folder `head`
/// of a trained offline router, or a list of domains in the manifest. Where margins are calibrated, `calibration.json` comes to it.
public struct RouterState: Sendable {
  public var router: any SavableRouter
  public var normalizer: RewardNormalizer
  public var generator: PhiloxGenerator
  /// Names the encoder behind the contexts, e.g. `hashed-256`; a router is worth nothing behind another one.
  public var encoder: String
  /// What makes contexts of the encoder's rows.
  public var head: ContextEncoder.Head
  /// The pairs that it has learnt from; nil where that is not kept.
  public var pairs: RouterPairs?
  /// What the margins of its reward models say about being right; nil where they are not calibrated.
  public var calibration: PoolCalibration?

  /// - Parameter encoder: the name of the encoder itself, without the head.
  public init(
    router: any SavableRouter, normalizer: RewardNormalizer, generator: PhiloxGenerator, encoder: String,
    head: ContextEncoder.Head = .none, pairs: RouterPairs? = nil, calibration: PoolCalibration? = nil
  ) {
    self.router = router
    self.normalizer = normalizer
    self.generator = generator
    self.encoder = encoder
    self.head = head
    self.pairs = pairs
    self.calibration = calibration
  }

  /// The contexts that the router was made for, behind its encoder.
  ///
  /// - Throws: `RoutingError.savedState` for an encoder of another name, `RoutingError.contextSize`.
  public func contextEncoder(_ encoder: any PairEncoder, path: String) throws(RoutingError) -> ContextEncoder {
    guard encoder.name == self.encoder else {
      throw .savedState(path: path, .otherEncoder(of: .contexts, found: self.encoder, expected: encoder.name))
    }
    return try ContextEncoder(encoder, head: head)
  }

  private struct Manifest<Configuration: Codable>: Codable {
    let formatVersion: Int
    /// The kind of router; nil for Thompson sampling, which was the only kind once.
    let kind: String?
    let rewardModels: [String]
    let dimension: Int
    let configuration: Configuration
    let observationCounts: [Int]
    let normalizer: RewardNormalizer
    let generator: PhiloxGenerator
    let encoder: String
    let hasContextTransform: Bool
    /// The domains that contexts tell apart; nil for contexts of another kind.
    let domains: [String]?
    let pairs: RouterPairs?
    /// Whether there is a calibration; nil where there is none, as in all folders once.
    let hasCalibration: Bool?
  }

  /// The part of a manifest that is read first.
  private struct Kind: Decodable {
    let formatVersion: Int
    let kind: String?
  }

  private static let formatVersion = 1
  private static let manifestName = "manifest.json"
  private static let posteriorsName = "posteriors.safetensors"
  private static let contextName = "context.safetensors"
  private static let headName = "head"
  private static let calibrationName = "calibration.json"

  /// Writes the folder in one step; an existing one is replaced, and a kill leaves the old or the new.
  ///
  /// - Throws: `StorageError`; `RoutingError.savedState` for a calibration of other reward models than the router's.
  public func save(to folder: URL) throws {
    try calibration?.checkRewardModels(
      router.arms.map(\.name), path: folder.appendingPathComponent(Self.calibrationName).path)
    var tensors = router.memory
    for (index, arm) in router.arms.enumerated() {
      for (name, tensor) in arm.posterior.tensors { tensors["arm.\(index).\(name)"] = tensor }
    }
    let manifest = try manifest(router)
    try AtomicFolder.write(to: folder, replacing: true) { temporary in
      try AtomicFile.write(Safetensors.encode(tensors), to: temporary.appendingPathComponent(Self.posteriorsName))
      switch head {
      case .none, .domains: break
      case .transform(let transform):
        let saved = try transform.saved()
        let data = Safetensors.encode(saved.tensors, metadata: saved.metadata)
        try AtomicFile.write(data, to: temporary.appendingPathComponent(Self.contextName))
      case .trained(let router): try router.save(to: temporary.appendingPathComponent(Self.headName))
      }
      try calibration?.write(to: temporary.appendingPathComponent(Self.calibrationName))
      try AtomicFile.write(manifest, to: temporary.appendingPathComponent(Self.manifestName))
    }
  }

  private func manifest<Router: SavableRouter>(_ router: Router) throws -> Data {
    try JSONText.document(
      Manifest(
        formatVersion: Self.formatVersion, kind: Router.kind == ThompsonSamplingRouter.kind ? nil : Router.kind,
        rewardModels: router.arms.map(\.name), dimension: router.dimension, configuration: router.configuration,
        observationCounts: router.arms.map(\.posterior.observationCount), normalizer: normalizer, generator: generator,
        encoder: head.name(behind: encoder), hasContextTransform: head.isTransform, domains: head.domains,
        pairs: pairs, hasCalibration: calibration == nil ? nil : true))
  }

  /// Reads a folder that `save` wrote.
  ///
  /// - Parameters:
  ///   - rewardModels: the arms that it must have, in this order; nil takes any.
  ///   - encoder: the encoder that it must have been made behind; nil takes any.
  /// - Throws: `RoutingError.savedState` with what differs, `StorageError`.
  public init(folder: URL, rewardModels: [String]? = nil, encoder: String? = nil) throws {
    let url = folder.appendingPathComponent(Self.manifestName)
    let bytes = Data(try AtomicFile.read(url))
    let head: Kind
    do {
      head = try JSONDecoder().decode(Kind.self, from: bytes)
    } catch let error as DecodingError {
      throw RoutingError.savedState(path: url.path, .notADescription(of: .router, ManifestProblem(error)))
    }
    guard head.formatVersion == Self.formatVersion else {
      throw RoutingError.savedState(
        path: url.path, .formatVersion(found: head.formatVersion, readable: Self.formatVersion))
    }
    let kind = head.kind ?? ThompsonSamplingRouter.kind
    guard let type = savableRouters.first(where: { $0.kind == kind }) else {
      throw RoutingError.savedState(
        path: url.path, .unknownKind(found: kind, known: savableRouters.map { $0.kind }))
    }
    self = try Self.read(type, folder, manifest: bytes, rewardModels: rewardModels, encoder: encoder)
  }

  private static func read<Router: SavableRouter>(
    _ type: Router.Type, _ folder: URL, manifest bytes: Data, rewardModels: [String]?, encoder: String?
  ) throws -> RouterState {
    let manifestURL = folder.appendingPathComponent(manifestName)
    func mismatch(_ problem: SavedStateProblem) -> RoutingError { .savedState(path: manifestURL.path, problem) }
    let manifest: Manifest<Router.Configuration>
    do {
      manifest = try JSONDecoder().decode(Manifest<Router.Configuration>.self, from: bytes)
    } catch let error as DecodingError {
      throw mismatch(.notADescription(of: .router, ManifestProblem(error)))
    }
    let names = manifest.rewardModels
    if let rewardModels { try checkRewardModels(names, expected: rewardModels, path: manifestURL.path) }
    if let domains = manifest.domains, Set(domains).count != domains.count { throw mismatch(.noRouter) }
    let head = try head(folder, hasTransform: manifest.hasContextTransform, domains: manifest.domains)
    let own = head.encoderName(in: manifest.encoder)
    if let encoder, own != encoder {
      throw mismatch(.otherEncoder(of: .contexts, found: own, expected: encoder))
    }
    guard !names.isEmpty, Set(names).count == names.count, manifest.observationCounts.count == names.count,
      manifest.dimension > 0
    else { throw mismatch(.noRouter) }

    let posteriorsURL = folder.appendingPathComponent(posteriorsName)
    let saved = SavedTensors(
      try Safetensors.decode(Data(try AtomicFile.read(posteriorsURL)), name: posteriorsURL.path),
      path: posteriorsURL.path)
    let noiseVariance = try Router.noiseVariance(manifest.configuration, memory: saved)
    guard noiseVariance > 0, noiseVariance.isFinite else {
      throw mismatch(.noRouter)
    }
    let arms = try names.enumerated().map { index, name in
      RouterArm(
        name: name,
        posterior: try LinearGaussianPosterior(
          saved.under("arm.\(index)."), dimension: manifest.dimension, noiseVariance: noiseVariance,
          observationCount: manifest.observationCounts[index]))
    }
    if let size = head.outputDimension, size != manifest.dimension {
      throw mismatch(.contextSize(router: manifest.dimension, transform: size))
    }
    guard let router = try Router(arms: arms, configuration: manifest.configuration, memory: saved) else {
      throw mismatch(.noRouter)
    }
    let calibration =
      try manifest.hasCalibration == true
      ? PoolCalibration(contentsOf: folder.appendingPathComponent(calibrationName), rewardModels: names) : nil
    return RouterState(
      router: router, normalizer: manifest.normalizer, generator: manifest.generator, encoder: own, head: head,
      pairs: manifest.pairs, calibration: calibration)
  }

  private static func head(_ folder: URL, hasTransform: Bool, domains: [String]?) throws -> ContextEncoder.Head {
    if let domains { return .domains(DomainContexts(domains: domains)) }
    let trained = folder.appendingPathComponent(headName)
    if OfflineRouter.exists(at: trained) { return .trained(try OfflineRouter(folder: trained)) }
    guard hasTransform else { return .none }
    let url = folder.appendingPathComponent(contextName)
    return .transform(
      try FittedContextTransform(
        try Safetensors.decode(Data(try AtomicFile.read(url)), name: url.path), path: url.path))
  }
}

/// - Throws: `RoutingError.savedState` where a saved state has other reward models than expected, or another order of them.
func checkRewardModels(_ names: [String], expected: [String], path: String) throws(RoutingError) {
  if names != expected { throw .savedState(path: path, .otherRewardModels(found: names, expected: expected)) }
}

extension RouterState: Equatable {
  /// Whether both go on alike: the same kind of router with equal posteriors, memory and settings, normaliser, generator, contexts,
  /// pairs and calibration.
  public static func == (left: RouterState, right: RouterState) -> Bool {
    isEqual(left.router, right.router) && left.normalizer == right.normalizer && left.generator == right.generator
      && left.encoder == right.encoder && left.head == right.head && left.pairs == right.pairs
      && left.calibration == right.calibration
  }

  private static func isEqual<Router: SavableRouter>(_ one: Router, _ other: any SavableRouter) -> Bool {
    guard let other = other as? Router else { return false }
    return one.configuration == other.configuration && one.arms == other.arms && one.memory == other.memory
  }
}

extension LinearGaussianPosterior {
  /// Everything but count and noise variance, bit for bit.
  fileprivate var tensors: [String: Safetensors.Tensor] {
    let square = [dimension, dimension]
    return [
      "prior_mean": .init(prior.mean), "prior_variance": .init(prior.variance),
      "factor": .init(factor.factor.elements, shape: square), "whitened_information": .init(whitenedInformation),
      "precision": .init(statistics.flushed.elements, shape: square), "information": .init(statistics.information),
      "pending": .init(statistics.pending, shape: [statistics.pending.count / dimension, dimension]),
      "log_evidence": .init([logEvidence]),
    ]
  }

  /// - Throws: `RoutingError.savedState`, `StorageError`.
  fileprivate init(_ saved: SavedTensors, dimension: Int, noiseVariance: Double, observationCount: Int) throws {
    func square(_ name: String) throws -> Matrix<Double> {
      Matrix(rows: dimension, columns: dimension, elements: try saved.values(name, [dimension, dimension]))
    }
    let variance = try saved.values("prior_variance", [dimension])
    let factor = try square("factor")
    guard observationCount >= 0, variance.allSatisfy({ $0 > 0 }), (0..<dimension).allSatisfy({ factor[$0, $0] > 0 })
    else { throw RoutingError.savedState(path: saved.path, .notAPosterior(prefix: saved.prefix)) }
    self.init(
      prior: GaussianPrior(mean: try saved.values("prior_mean", [dimension]), variance: variance),
      noiseVariance: noiseVariance, factor: try Cholesky(upperFactor: factor),
      whitenedInformation: try saved.values("whitened_information", [dimension]), observationCount: observationCount,
      logEvidence: try saved.value("log_evidence"),
      statistics: RegressionStatistics(
        flushed: try square("precision"), information: try saved.values("information", [dimension]),
        pending: try saved.values("pending", [nil, dimension])))
  }
}
