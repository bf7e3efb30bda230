import Foundation
import LinearAlgebra
import Storage
import Transformers

/// Pooled states by the text that they belong to, for one encoder; kept in a file from run to run.
///
/// The file is a safetensors: `keys` [n, 2] (I64, the bits of the fingerprints) and `states` [n, size] (F32), with the
/// encoder's fingerprint as metadata. It is replaced in one step, and what another process has added meanwhile is kept.
public struct StateCache: Sendable {
  public let encoder: Fingerprint
  public let size: Int
  private var states: [Fingerprint: [Float]] = [:]

  /// An empty cache.
  public init(encoder: Fingerprint, size: Int) {
    self.encoder = encoder
    self.size = size
  }

  /// The cache of an encoder in a folder of caches; empty where there is none yet.
  ///
  /// - Throws: `StorageError` where the file is damaged: remove it then, it only saves time.
  public init(folder: URL, encoder: Fingerprint, size: Int) throws {
    self.init(encoder: encoder, size: size)
    try merge(url(in: folder))
  }

  /// `${XDG_CACHE_HOME:-~/.cache}/bayesianrouter/states`.
  public static var defaultFolder: URL {
    let environment = ProcessInfo.processInfo.environment
    let base =
      environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : URL(fileURLWithPath: $0) }
      ?? FileManager.default.homeDirectoryForCurrentUser.appendingPathComponent(".cache")
    return base.appendingPathComponent("bayesianrouter").appendingPathComponent("states")
  }

  public var count: Int { states.count }

  public subscript(key: Fingerprint) -> [Float]? { states[key] }

  public mutating func insert(_ key: Fingerprint, _ state: [Float]) {
    precondition(state.count == size, "a state of \(state.count) in a cache of \(size)")
    states[key] = state
  }

  /// Keeps the states of a batch's texts, a row each.
  mutating func insert(_ states: Matrix<Float>, of batch: TextBatch, _ plan: DialoguePlan) {
    for (row, text) in batch.texts.enumerated() { insert(Self.key(plan.ids[text]), Array(states.row(row))) }
  }

  /// Names a text by the tokens that a model reads of it.
  package static func key(_ ids: [Int32]) -> Fingerprint {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(4 * ids.count)
    for id in ids {
      for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: id >> Int32(shift))) }
    }
    return Fingerprint(bytes)
  }

  /// Writes the cache to its file in `folder`, which is made where it is missing.
  public mutating func save(in folder: URL) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let target = url(in: folder)
    try merge(target)
    let keys = states.keys.sorted { ($0.high, $0.low) < ($1.high, $1.low) }
    let tensors: [String: Safetensors.Tensor] = [
      "keys": .init(keys.flatMap { [Int64(bitPattern: $0.high), Int64(bitPattern: $0.low)] }, shape: [keys.count, 2]),
      "states": .init(keys.flatMap { states[$0] ?? [] }, shape: [keys.count, size]),
    ]
    try AtomicFile.write(Safetensors.encode(tensors, metadata: ["encoder": encoder.description]), to: target)
  }

  private func url(in folder: URL) -> URL { folder.appendingPathComponent("\(encoder).safetensors") }

  private mutating func merge(_ url: URL) throws {
    guard FileManager.default.fileExists(atPath: url.path) else { return }
    let file = try SafetensorsFile(mapping: url)
    let keys = try file.tensor("keys")
    let values = try file.tensor("states")
    guard file.metadata["encoder"] == encoder.description, keys.shape.count == 2, keys.shape[1] == 2,
      values.shape == [keys.shape[0], size], keys.dtype == .i64
    else {
      throw StorageError.invalidSafetensors(
        name: url.path, reason: "it is no cache of this encoder; remove it, it only saves time")
    }
    let words = try keys.integers().map { UInt64(bitPattern: $0) }
    let floats = try values.floats()
    for row in 0..<keys.shape[0] {
      let key = Fingerprint(high: words[2 * row], low: words[2 * row + 1])
      if states[key] == nil { states[key] = Array(floats[row * size..<(row + 1) * size]) }
    }
  }
}
