import Foundation
import NeuralNetwork
import Storage
import Transformers

/// A training run as a folder: `state.json` (settings, position, history), `state.safetensors` (the heads' weights, best weights and
/// moments) and, where an encoder is trained, `encoder.safetensors` (its trained parameters and their moments). Taken up, training goes
/// on bit for bit as if nothing had happened.
extension OfflineTrainer {
  private struct Manifest: Codable {
    let formatVersion: Int
    let settings: [String: String]
    let steps: Int
    let bestEpoch: Int
    let bestAccuracy: Double
    let history: [EpochReport]
    let progress: EpochProgress
  }

  private static let formatVersion = 2
  private static let manifestName = "state.json"
  private static let headsName = "state.safetensors"
  private static let encoderName = "encoder.safetensors"
  private static let weights = "weights."
  private static let best = "best."
  private static let optimizer = "optimizer."

  /// Writes the folder in one step; an existing one is replaced, and a kill leaves the old or the new.
  ///
  /// - Parameter settings: all that the run depends on, as texts: settings, data, encoder.
  /// - Throws: `StorageError`.
  public func save(to folder: URL, settings: [String: String]) throws {
    let manifest = try JSONText.document(
      Manifest(
        formatVersion: Self.formatVersion, settings: settings, steps: state.steps, bestEpoch: state.bestEpoch,
        bestAccuracy: state.bestAccuracy, history: state.history, progress: state.progress))
    let heads =
      state.network.arrays.named(Self.weights) + state.best.arrays.named(Self.best)
      + state.optimizer.state.named(Self.optimizer)
    try AtomicFolder.write(to: folder, replacing: true) { temporary in
      try ParameterFile(heads).write(to: temporary.appendingPathComponent(Self.headsName))
      if let saved = self.encoder?.saved {
        try ParameterFile(saved.parameters.named(Self.weights) + saved.optimizer.named(Self.optimizer))
          .write(to: temporary.appendingPathComponent(Self.encoderName))
      }
      try AtomicFile.write(manifest, to: temporary.appendingPathComponent(Self.manifestName))
    }
  }

  /// - Parameters:
  ///   - saved: the settings that a run was started with.
  ///   - url: the file that names them.
  /// - Throws: `RoutingError.savedState` with each setting that differs.
  public static func requireSame(
    _ settings: [String: String], as saved: [String: String], in url: URL
  ) throws(RoutingError) {
    let differences = Set(settings.keys).union(saved.keys).sorted().filter { settings[$0] != saved[$0] }
    guard !differences.isEmpty else { return }
    throw .savedState(
      path: url.path,
      .otherSettings(differences.map { SettingDifference(name: $0, saved: saved[$0], current: settings[$0]) }))
  }

  /// Takes up a folder that `save` wrote.
  ///
  /// - Parameter settings: those of the run that is to go on.
  /// - Throws: `RoutingError.savedState` with each setting that differs, or where the folder is damaged; `StorageError`.
  public mutating func resume(from folder: URL, settings: [String: String]) throws {
    let url = folder.appendingPathComponent(Self.manifestName)
    func refused(_ problem: SavedStateProblem) -> RoutingError { .savedState(path: url.path, problem) }
    let manifest: Manifest
    do {
      let bytes = Data(try AtomicFile.read(url))
      let version = try JSONDecoder().decode(Version.self, from: bytes).formatVersion
      guard version == Self.formatVersion else {
        throw refused(.formatVersion(found: version, readable: Self.formatVersion))
      }
      manifest = try JSONDecoder().decode(Manifest.self, from: bytes)
    } catch let error as DecodingError {
      throw refused(.notADescription(of: .trainingRun, ManifestProblem(error)))
    }
    try Self.requireSame(settings, as: manifest.settings, in: url)
    guard (0...manifest.history.count).contains(manifest.bestEpoch),
      (0..<stepsPerEpoch).contains(manifest.progress.steps),
      manifest.steps == manifest.history.count * stepsPerEpoch + manifest.progress.steps
    else { throw refused(.contradictoryPosition) }
    do {
      let headsURL = folder.appendingPathComponent(Self.headsName)
      let file = try SafetensorsFile(mapping: headsURL)
      let heads = try ParameterFile(contentsOf: headsURL)
      var next = state
      for (prefix, path) in [(Self.weights, \OfflineTrainingState.network), (Self.best, \.best)] {
        let network = try RouterNetwork<Float>.load(file, prefix: prefix).network
        guard network.arrays.map(\.shape) == state.network.arrays.map(\.shape) else {
          throw refused(.otherWeightSizes)
        }
        next[keyPath: path] = network
      }
      try next.optimizer.restore(heads.parameters.unnamed(Self.optimizer), stepCount: manifest.steps)
      if encoder != nil {
        let saved = try ParameterFile(contentsOf: folder.appendingPathComponent(Self.encoderName)).parameters
        try encoder?.restore(
          saved.unnamed(Self.weights), optimizer: saved.unnamed(Self.optimizer), steps: manifest.steps)
      }
      (next.bestEpoch, next.bestAccuracy) = (manifest.bestEpoch, manifest.bestAccuracy)
      (next.history, next.progress) = (manifest.history, manifest.progress)
      state = next
    } catch let error as NeuralNetworkError {
      throw refused(.optimizer(error))
    }
    takePosition()
  }

  private struct Version: Decodable { let formatVersion: Int }
}

extension [Parameter] {
  /// With a prefix before each name.
  fileprivate func named(_ prefix: String) -> [Parameter] {
    map { Parameter(name: prefix + $0.name, shape: $0.shape, values: $0.values) }
  }

  /// Those behind a prefix, without it.
  fileprivate func unnamed(_ prefix: String) -> [Parameter] {
    filter { $0.name.hasPrefix(prefix) }
      .map { Parameter(name: String($0.name.dropFirst(prefix.count)), shape: $0.shape, values: $0.values) }
  }
}
