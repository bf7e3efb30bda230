import Foundation
import Storage

/// A training state as a folder: `state.json` (settings, position, history) and `state.safetensors` (weights, best weights, both
/// moments). Loaded, training goes on bit for bit as if nothing had happened.
extension OfflineTrainingState {
  private struct Manifest: Codable {
    let formatVersion: Int
    let settings: [String: String]
    let steps: Int
    let bestEpoch: Int
    let bestAccuracy: Double
    let history: [EpochReport]
  }

  private static let formatVersion = 1
  private static let manifestName = "state.json"
  private static let tensorsName = "state.safetensors"
  private static var parts: [(prefix: String, path: WritableKeyPath<OfflineTrainingState, RouterNetwork<Float>>)] {
    [
      ("weights.", \.network), ("best.", \.best), ("first_moment.", \.firstMoment),
      ("second_moment.", \.secondMoment),
    ]
  }

  /// Writes the folder in one step; an existing one is replaced, and a kill leaves the old or the new.
  ///
  /// - Parameter settings: all that the run depends on, as texts: settings, data, encoder.
  /// - Throws: `StorageError`.
  public func save(to folder: URL, settings: [String: String]) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let manifest = try encoder.encode(
      Manifest(
        formatVersion: Self.formatVersion, settings: settings, steps: steps, bestEpoch: bestEpoch,
        bestAccuracy: bestAccuracy, history: history))
    let tensors = Self.parts.flatMap { part in
      self[keyPath: part.path].parameters.map { parameter in
        (
          description: Safetensors.TensorDescription(
            name: part.prefix + parameter.name, dtype: .f32, shape: parameter.shape),
          values: self[keyPath: part.path][keyPath: parameter.path]
        )
      }
    }
    let values = Dictionary(uniqueKeysWithValues: tensors.map { ($0.description.name, $0.values) })
    try AtomicFolder.write(to: folder, replacing: true) { temporary in
      try SafetensorsWriter.write(
        to: temporary.appendingPathComponent(Self.tensorsName), tensors: tensors.map(\.description)
      ) { tensor, output in try output.append(values[tensor.name] ?? []) }
      try AtomicFile.write(manifest, to: temporary.appendingPathComponent(Self.manifestName))
    }
  }

  /// Reads a folder that `save` wrote.
  ///
  /// - Parameter settings: those of the run that is to go on.
  /// - Throws: `RoutingError.savedState` with each setting that differs, or where the folder is damaged; `StorageError`.
  public init(folder: URL, settings: [String: String]) throws {
    let url = folder.appendingPathComponent(Self.manifestName)
    func refused(_ problem: String) -> RoutingError { .savedState(path: url.path, problem: problem) }
    let manifest: Manifest
    do {
      manifest = try JSONDecoder().decode(Manifest.self, from: Data(try AtomicFile.read(url)))
    } catch let error as DecodingError {
      throw refused("it is not the state of a training run: \(error.explanation)")
    }
    guard manifest.formatVersion == Self.formatVersion else {
      throw refused("it has format \(manifest.formatVersion), and format \(Self.formatVersion) is what can be read")
    }
    let differences = Set(settings.keys).union(manifest.settings.keys).sorted().filter {
      settings[$0] != manifest.settings[$0]
    }
    guard differences.isEmpty else {
      let list = differences.map {
        "\($0) was \(manifest.settings[$0] ?? "not set") and is \(settings[$0] ?? "not set")"
      }
      throw refused(
        "the run was started with other settings: \(list.joined(separator: "; ")); resume it with the old ones, or train anew "
          + "into another folder")
    }
    let file = try SafetensorsFile(mapping: folder.appendingPathComponent(Self.tensorsName))
    self.init(network: try RouterNetwork<Float>.load(file, prefix: Self.parts[0].prefix).network)
    for part in Self.parts {
      self[keyPath: part.path] = try RouterNetwork<Float>.load(file, prefix: part.prefix).network
    }
    guard Self.parts.allSatisfy({ self[keyPath: $0.path].sizes == network.sizes }), manifest.steps >= 0,
      (0...manifest.history.count).contains(manifest.bestEpoch)
    else { throw refused("its parts do not fit each other; the folder is damaged") }
    (steps, bestEpoch, bestAccuracy) = (manifest.steps, manifest.bestEpoch, manifest.bestAccuracy)
    history = manifest.history
  }
}

extension RouterNetwork {
  fileprivate var sizes: [Int] { [featureCount, dimension, armCount] }
}
