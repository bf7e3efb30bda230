import Foundation
import LinearAlgebra
import Randomness
import Storage

/// A trained offline router: contexts h of pair features, an embedding E_bt[n] of each reward model, and how likely each is right.
///
/// Saved as a folder of `manifest.json` (names and order of the reward models, encoder, d, settings, seeds, format version) and
/// `router.safetensors` with the published router's tensor names.
public struct OfflineRouter: Sendable, Equatable {
  /// How it was trained.
  public struct Training: Sendable, Equatable, Codable {
    public let training: OfflineTraining
    public let set: RouterTrainingSet.Configuration
    /// The epoch whose weights these are.
    public let epoch: Int
    /// nil for a router that was saved before they were kept.
    public let pairs: RouterPairs?
  }

  package let network: RouterNetwork<Float>
  /// Names in arm order.
  public let rewardModels: [String]
  /// Names the encoder behind the features; a router is worth nothing behind another one.
  public let encoder: String
  /// nil for weights from elsewhere.
  public let training: Training?

  package init(network: RouterNetwork<Float>, rewardModels: [String], encoder: String, training: Training?) {
    precondition(rewardModels.count == network.armCount, "\(rewardModels.count) names for \(network.armCount) arms")
    self.network = network
    self.rewardModels = rewardModels
    self.encoder = encoder
    self.training = training
  }

  /// A router whose weights are drawn as training begins with them: it costs what a trained one costs and knows nothing.
  public static func random(
    featureCount: Int, dimension: Int, rewardModels: [String], encoder: String, seed: UInt64
  ) -> OfflineRouter {
    var generator = PhiloxGenerator(seed: seed, stream: "router-head")
    return OfflineRouter(
      network: RouterNetwork<Float>(
        features: featureCount, dimension: dimension, arms: rewardModels.count, using: &generator),
      rewardModels: rewardModels, encoder: encoder, training: nil)
  }

  /// F, the size of the pair features that it takes.
  public var featureCount: Int { network.featureCount }
  /// d, the size of a context and of an embedding.
  public var dimension: Int { network.dimension }

  /// E_bt[n] = v_n / |v_n|, one row a reward model: the prior means of an online router over `contexts`.
  public var embeddings: Matrix<Double> { Self.widened(network.comparison.directions) }

  /// h, one row of norm 1 a pair.
  ///
  /// - Throws: `RoutingError.contextSize`, `RoutingError.notFinite`.
  public func contexts(_ features: Matrix<Float>) throws(RoutingError) -> Matrix<Double> {
    Self.widened(try forward(features))
  }

  /// What is expected of each model on each pair: scores to route by, of a router contexts x E_bt, and the probability that it is right.
  public struct Judgement: Sendable, Equatable {
    /// B x K.
    public let scores: Matrix<Double>
    /// B x K. Those of a classification head trained on balanced labels are not calibrated to the pool's accuracies.
    public let probabilities: Matrix<Double>

    public init(scores: Matrix<Double>, probabilities: Matrix<Double>) {
      precondition(
        scores.rows == probabilities.rows && scores.columns == probabilities.columns,
        "\(scores.rows) x \(scores.columns) scores, \(probabilities.rows) x \(probabilities.columns) probabilities")
      self.scores = scores
      self.probabilities = probabilities
    }

    /// The arm of the highest score of each pair; of equals the first.
    public var arms: [Int] { (0..<scores.rows).map { scores.row($0).firstHighest } }
  }

  /// - Throws: `RoutingError.contextSize`, `RoutingError.notFinite`.
  public func judge(_ features: Matrix<Float>) throws(RoutingError) -> Judgement {
    let scores = network.scores(contexts: try forward(features))
    let logits = Self.widened(scores.logits)
    return Judgement(
      scores: Self.widened(scores.comparison),
      probabilities: Matrix(rows: logits.rows, columns: logits.columns, elements: logits.elements.map(logistic)))
  }

  private func forward(_ features: Matrix<Float>) throws(RoutingError) -> Matrix<Float> {
    guard features.columns == featureCount else {
      throw .contextSize(found: features.columns, expected: featureCount)
    }
    if let bad = features.elements.firstIndex(where: { !$0.isFinite }) {
      throw .notFinite(what: "the feature vector of pair \(bad / featureCount)", index: bad % featureCount)
    }
    return network.encoder.forward(features).contexts
  }

  private static func widened(_ matrix: Matrix<Float>) -> Matrix<Double> {
    Matrix(rows: matrix.rows, columns: matrix.columns, elements: matrix.elements.map(Double.init))
  }

  /// Names the weights, so that what was learnt behind them is not used behind others.
  public var fingerprint: Fingerprint { Fingerprint(Safetensors.encode(network.tensors())) }
}

// MARK: Saving

extension OfflineRouter {
  private struct Manifest: Codable {
    let kind: String
    let formatVersion: Int
    let rewardModels: [String]
    let encoder: String
    let featureCount: Int
    let dimension: Int
    let training: Training?
  }

  private static let kind = "offline-router"
  private static let formatVersion = 1
  private static let manifestName = "manifest.json"
  private static let tensorsName = "router.safetensors"
  /// A checkpoint that was trained along, or an adapter to one.
  public static let encoderName = "encoder"
  /// Where a training run keeps its best router.
  public static let bestName = "best"

  /// The folder of a router's files: this one, or `best` in that of a training run; nil where neither holds an offline router.
  private static func location(_ folder: URL) -> URL? {
    struct Kind: Decodable { let kind: String? }
    return [folder, folder.appendingPathComponent(bestName)].first { candidate in
      guard let bytes = try? AtomicFile.read(candidate.appendingPathComponent(manifestName)) else { return false }
      return (try? JSONDecoder().decode(Kind.self, from: Data(bytes)))?.kind == kind
    }
  }

  /// The folder in a router's folder with the encoder that was trained along; nil where there is none.
  public static func encoderFolder(_ folder: URL) -> URL? {
    let encoder = location(folder)?.appendingPathComponent(encoderName)
    return encoder.flatMap { FileManager.default.fileExists(atPath: $0.path) ? $0 : nil }
  }

  /// Whether a folder holds an offline router rather than something else, or nothing.
  public static func exists(at folder: URL) -> Bool { location(folder) != nil }

  /// Writes the folder in one step; an existing one is replaced, and a kill leaves the old or the new.
  ///
  /// - Parameter saveEncoder: writes the encoder that was trained with the router into the folder that it is given, and names it.
  /// - Throws: `StorageError`.
  public func save(to folder: URL, encoder saveEncoder: ((URL) throws -> String)? = nil) throws {
    try AtomicFolder.write(to: folder, replacing: true) { temporary in
      let manifest = try JSONText.document(
        Manifest(
          kind: Self.kind, formatVersion: Self.formatVersion, rewardModels: rewardModels,
          encoder: saveEncoder?(temporary) ?? self.encoder, featureCount: featureCount, dimension: dimension,
          training: training))
      try AtomicFile.write(
        Safetensors.encode(network.tensors()), to: temporary.appendingPathComponent(Self.tensorsName))
      try AtomicFile.write(manifest, to: temporary.appendingPathComponent(Self.manifestName))
    }
  }

  /// Reads a folder that `save` wrote, or the best router of a training run's folder.
  ///
  /// - Parameters:
  ///   - rewardModels: the models that it must route, in this order; nil takes any.
  ///   - encoder: the encoder that it must have been trained behind; nil takes any.
  /// - Throws: `RoutingError.savedState` with what differs, `StorageError`.
  public init(folder: URL, rewardModels: [String]? = nil, encoder: String? = nil) throws {
    guard let location = Self.location(folder) else {
      throw RoutingError.savedState(path: folder.path, .noOfflineRouter)
    }
    let url = location.appendingPathComponent(Self.manifestName)
    func mismatch(_ problem: SavedStateProblem) -> RoutingError { .savedState(path: url.path, problem) }
    let manifest: Manifest
    do {
      manifest = try JSONDecoder().decode(Manifest.self, from: Data(try AtomicFile.read(url)))
    } catch let error as DecodingError {
      throw mismatch(.notADescription(of: .offlineRouter, ManifestProblem(error)))
    }
    guard manifest.formatVersion == Self.formatVersion else {
      throw mismatch(.formatVersion(found: manifest.formatVersion, readable: Self.formatVersion))
    }
    if let rewardModels { try checkRewardModels(manifest.rewardModels, expected: rewardModels, path: url.path) }
    if let encoder, manifest.encoder != encoder {
      throw mismatch(.otherEncoder(of: .features, found: manifest.encoder, expected: encoder))
    }
    let file = try SafetensorsFile(mapping: location.appendingPathComponent(Self.tensorsName))
    let network = try RouterNetwork<Float>.load(file).network
    guard network.featureCount == manifest.featureCount, network.dimension == manifest.dimension,
      network.armCount == manifest.rewardModels.count, Set(manifest.rewardModels).count == network.armCount
    else { throw mismatch(.otherSizes(tensors: Self.tensorsName)) }
    self.init(
      network: network, rewardModels: manifest.rewardModels, encoder: manifest.encoder, training: manifest.training)
  }

  /// The heads of a published router's checkpoint. Its encoder (`backbone.*`) is loaded apart: with config.json and
  /// tokenizer.json beside the file, its folder is a checkpoint for `DialogueEncoder` and `TrainableTransformer`.
  ///
  /// - Returns: the router, and the names of the tensors that are none of its own.
  /// - Throws: `StorageError`, `RoutingError.savedState`.
  public static func published(
    _ url: URL, rewardModels: [String], encoder: String
  ) throws -> (router: OfflineRouter, ignored: [String]) {
    let (network, ignored) = try RouterNetwork<Float>.load(SafetensorsFile(mapping: url))
    guard network.armCount == rewardModels.count else {
      throw RoutingError.savedState(
        path: url.path, .rewardModelCount(found: network.armCount, expected: rewardModels.count))
    }
    return (
      OfflineRouter(network: network, rewardModels: rewardModels, encoder: encoder, training: nil), ignored
    )
  }
}

extension RouterNetwork<Float> {
  /// The weights by the published router's names, behind a prefix.
  package func tensors(prefix: String = "") -> [String: Safetensors.Tensor] {
    Dictionary(
      uniqueKeysWithValues: parameters.map { (prefix + $0.name, .init(self[keyPath: $0.path], shape: $0.shape)) })
  }

  /// A network from a file's tensors.
  ///
  /// - Returns: the network, and the names of the tensors that are none of it.
  /// - Throws: `StorageError`; `RoutingError.savedState` for shapes that do not fit each other and values that are not finite.
  static func load(
    _ file: SafetensorsFile, prefix: String = ""
  ) throws -> (network: RouterNetwork<Float>, ignored: [String]) {
    let path = file.file.path
    func damaged(_ problem: SavedStateProblem) -> RoutingError { .savedState(path: path, problem) }
    let weight = try file.tensor(prefix + "shared_mlp.0.weight")
    let vectors = try file.tensor(prefix + "bt_vectors")
    guard weight.shape.count == 2, vectors.shape.count == 2, (weight.shape + vectors.shape).allSatisfy({ $0 > 0 })
    else { throw damaged(.notMatrices([weight.name, vectors.name])) }
    var network = RouterNetwork<Float>(features: weight.shape[1], dimension: weight.shape[0], arms: vectors.shape[0])
    var own: Set<String> = []
    for parameter in network.parameters {
      let tensor = try file.tensor(prefix + parameter.name)
      guard tensor.shape == parameter.shape else {
        throw damaged(.tensorShape(tensor: tensor.name, found: tensor.shape, expected: parameter.shape))
      }
      if let bad = try tensor.firstNonFinite() {
        throw damaged(.notFiniteElement(tensor: tensor.name, index: bad.index, value: "\(bad.value)"))
      }
      network[keyPath: parameter.path] = try tensor.floats()
      own.insert(tensor.name)
    }
    return (network, file.tensorNames.filter { !own.contains($0) })
  }
}
