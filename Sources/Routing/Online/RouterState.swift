import Foundation
import LinearAlgebra
import Randomness
import Storage

/// An online router with all that decides its next step: saved and loaded, it goes on bit for bit as if nothing had happened.
///
/// A folder of `manifest.json` (names and order of the arms, d, sigma^2, draw and discount, normaliser, generator, encoder, format
/// version), `posteriors.safetensors` and, where contexts are transformed, `context.safetensors`.
public struct RouterState: Sendable, Equatable {
  public var router: ThompsonSamplingRouter
  public var normalizer: RewardNormalizer
  public var generator: PhiloxGenerator
  /// Names the encoder behind the contexts, e.g. `hashed-256`; a router is worth nothing behind another one.
  public var encoder: String
  public var transform: FittedContextTransform?
  /// The pairs that it has learnt from; nil where that is not kept.
  public var pairs: RouterPairs?

  public init(
    router: ThompsonSamplingRouter, normalizer: RewardNormalizer, generator: PhiloxGenerator, encoder: String,
    transform: FittedContextTransform? = nil, pairs: RouterPairs? = nil
  ) {
    self.router = router
    self.normalizer = normalizer
    self.generator = generator
    self.encoder = encoder
    self.transform = transform
    self.pairs = pairs
  }

  private struct Manifest: Codable {
    let formatVersion: Int
    let rewardModels: [String]
    let dimension: Int
    let configuration: ThompsonSamplingRouter.Configuration
    let observationCounts: [Int]
    let normalizer: RewardNormalizer
    let generator: PhiloxGenerator
    let encoder: String
    let hasContextTransform: Bool
    let pairs: RouterPairs?
  }

  private static let formatVersion = 1
  private static let manifestName = "manifest.json"
  private static let posteriorsName = "posteriors.safetensors"
  private static let contextName = "context.safetensors"

  /// Writes the folder in one step; an existing one is replaced, and a kill leaves the old or the new.
  ///
  /// - Throws: `StorageError`.
  public func save(to folder: URL) throws {
    var tensors: [String: Safetensors.Tensor] = [:]
    for (index, arm) in router.arms.enumerated() {
      for (name, tensor) in arm.posterior.tensors { tensors["arm.\(index).\(name)"] = tensor }
    }
    let manifest = try JSONText.document(
      Manifest(
        formatVersion: Self.formatVersion, rewardModels: router.arms.map(\.name), dimension: router.dimension,
        configuration: router.configuration, observationCounts: router.arms.map(\.posterior.observationCount),
        normalizer: normalizer, generator: generator, encoder: self.encoder, hasContextTransform: transform != nil,
        pairs: pairs))
    try AtomicFolder.write(to: folder, replacing: true) { temporary in
      try AtomicFile.write(Safetensors.encode(tensors), to: temporary.appendingPathComponent(Self.posteriorsName))
      if let saved = try transform?.saved() {
        let data = Safetensors.encode(saved.tensors, metadata: saved.metadata)
        try AtomicFile.write(data, to: temporary.appendingPathComponent(Self.contextName))
      }
      try AtomicFile.write(manifest, to: temporary.appendingPathComponent(Self.manifestName))
    }
  }

  /// Reads a folder that `save` wrote.
  ///
  /// - Parameters:
  ///   - rewardModels: the arms that it must have, in this order; nil takes any.
  ///   - encoder: the encoder that it must have been made behind; nil takes any.
  /// - Throws: `RoutingError.savedState` with what differs, `StorageError`.
  public init(folder: URL, rewardModels: [String]? = nil, encoder: String? = nil) throws {
    let manifestURL = folder.appendingPathComponent(Self.manifestName)
    func mismatch(_ problem: SavedStateProblem) -> RoutingError { .savedState(path: manifestURL.path, problem) }
    let manifest: Manifest
    do {
      manifest = try JSONDecoder().decode(Manifest.self, from: Data(try AtomicFile.read(manifestURL)))
    } catch let error as DecodingError {
      throw mismatch(.notADescription(of: .router, ManifestProblem(error)))
    }
    guard manifest.formatVersion == Self.formatVersion else {
      throw mismatch(.formatVersion(found: manifest.formatVersion, readable: Self.formatVersion))
    }
    let names = manifest.rewardModels
    if let rewardModels { try checkRewardModels(names, expected: rewardModels, path: manifestURL.path) }
    if let encoder, manifest.encoder != encoder {
      throw mismatch(.otherEncoder(of: .contexts, found: manifest.encoder, expected: encoder))
    }
    guard !names.isEmpty, Set(names).count == names.count, manifest.observationCounts.count == names.count,
      manifest.dimension > 0, manifest.configuration.isValid
    else { throw mismatch(.noRouter) }

    let posteriorsURL = folder.appendingPathComponent(Self.posteriorsName)
    let saved = try Safetensors.decode(Data(try AtomicFile.read(posteriorsURL)), name: posteriorsURL.path)
    let arms = try names.enumerated().map { index, name in
      ThompsonSamplingRouter.Arm(
        name: name,
        posterior: try LinearGaussianPosterior(
          saved, prefix: "arm.\(index).", path: posteriorsURL.path, dimension: manifest.dimension,
          noiseVariance: manifest.configuration.noiseVariance, observationCount: manifest.observationCounts[index]))
    }
    var transform: FittedContextTransform?
    if manifest.hasContextTransform {
      let url = folder.appendingPathComponent(Self.contextName)
      transform = try FittedContextTransform(
        try Safetensors.decode(Data(try AtomicFile.read(url)), name: url.path), path: url.path)
    }
    if let transform, transform.outputDimension != manifest.dimension {
      throw mismatch(.contextSize(router: manifest.dimension, transform: transform.outputDimension))
    }
    self.init(
      router: ThompsonSamplingRouter(
        arms: arms, dimension: manifest.dimension, configuration: manifest.configuration),
      normalizer: manifest.normalizer, generator: manifest.generator, encoder: manifest.encoder, transform: transform,
      pairs: manifest.pairs)
  }
}

extension ThompsonSamplingRouter.Configuration {
  fileprivate var isValid: Bool { noiseVariance > 0 && noiseVariance.isFinite && discount > 0 && discount <= 1 }
}

/// - Throws: `RoutingError.savedState` where a saved state has other reward models than expected, or another order of them.
func checkRewardModels(_ names: [String], expected: [String], path: String) throws(RoutingError) {
  if names != expected { throw .savedState(path: path, .otherRewardModels(found: names, expected: expected)) }
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
  fileprivate init(
    _ saved: Safetensors, prefix: String, path: String, dimension: Int, noiseVariance: Double, observationCount: Int
  ) throws {
    func values(_ name: String, _ shape: [Int?]) throws -> [Double] {
      let tensor = try saved.tensor(prefix + name, in: path)
      guard tensor.shape.count == shape.count, zip(tensor.shape, shape).allSatisfy({ $1 == nil || $0 == $1 }) else {
        throw RoutingError.savedState(
          path: path, .tensorShape(tensor: prefix + name, found: tensor.shape, expected: shape))
      }
      let values: [Double] = try tensor.values()
      guard values.allSatisfy(\.isFinite) else {
        throw RoutingError.savedState(path: path, .notFinite(tensor: prefix + name))
      }
      return values
    }
    func square(_ name: String) throws -> Matrix<Double> {
      Matrix(rows: dimension, columns: dimension, elements: try values(name, [dimension, dimension]))
    }
    let variance = try values("prior_variance", [dimension])
    let factor = try square("factor")
    guard observationCount >= 0, variance.allSatisfy({ $0 > 0 }), (0..<dimension).allSatisfy({ factor[$0, $0] > 0 })
    else { throw RoutingError.savedState(path: path, .notAPosterior(prefix: prefix)) }
    self.init(
      prior: GaussianPrior(mean: try values("prior_mean", [dimension]), variance: variance),
      noiseVariance: noiseVariance, factor: try Cholesky(upperFactor: factor),
      whitenedInformation: try values("whitened_information", [dimension]), observationCount: observationCount,
      logEvidence: try values("log_evidence", [1])[0],
      statistics: RegressionStatistics(
        flushed: try square("precision"), information: try values("information", [dimension]),
        pending: try values("pending", [nil, dimension])))
  }
}
