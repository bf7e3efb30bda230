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

  /// Writes the folder in one step; an existing one is replaced, and a kill leaves the old or the new.
  ///
  /// - Parameter settings: all that the run depends on, as texts: settings, data, encoder.
  /// - Throws: `StorageError`.
  public func save(to folder: URL, settings: [String: String]) throws {
    let manifest = try JSONText.document(
      Manifest(
        formatVersion: Self.formatVersion, settings: settings, steps: state.steps, bestEpoch: state.bestEpoch,
        bestAccuracy: state.bestAccuracy, history: state.history, progress: state.progress))
    let heads = optimizer.savedHeads.arrays + state.best.arrays.named(Self.best)
    try AtomicFolder.write(to: folder, replacing: true) { temporary in
      try ParameterFile(heads).write(to: temporary.appendingPathComponent(Self.headsName))
      if let encoder = optimizer.savedTransformer {
        try ParameterFile(encoder.arrays).write(to: temporary.appendingPathComponent(Self.encoderName))
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
      func heads(_ prefix: String) throws -> RouterNetwork<Float> {
        let network = try RouterNetwork<Float>.load(file, prefix: prefix).network
        guard network.arrays.map(\.shape) == self.network.arrays.map(\.shape) else {
          throw refused(.otherWeightSizes)
        }
        return network
      }
      let (network, best) = (try heads(Self.weights), try heads(Self.best))
      let moments = SavedParameters(arrays: try ParameterFile(contentsOf: headsURL).parameters).moments
      let encoder =
        optimizer.isFrozen
        ? nil
        : SavedParameters(
          arrays: try ParameterFile(contentsOf: folder.appendingPathComponent(Self.encoderName)).parameters)
      try optimizer.restore(
        heads: SavedParameters(parameters: network.arrays, moments: moments), transformer: encoder,
        stepCount: manifest.steps)
      state.best = best
      (state.steps, state.bestEpoch, state.bestAccuracy) = (manifest.steps, manifest.bestEpoch, manifest.bestAccuracy)
      (state.history, state.progress) = (manifest.history, manifest.progress)
    } catch let error as NeuralNetworkError {
      throw refused(.optimizer(error))
    }
    takePosition()
  }

  private struct Version: Decodable { let formatVersion: Int }
}
