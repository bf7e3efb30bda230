import Foundation
import LinearAlgebra
import NeuralNetwork
import Storage

/// Reads the tensors of a checkpoint, by name, into the form that the layers compute with.
///
/// Values are checked for NaN and infinities as they are read. Pages of the file are handed back once a matrix is
/// packed, so that loading never holds a model twice.
struct CheckpointReader: WeightReader, Sendable {
  let tensors: CheckpointTensors
  let layout: CheckpointLayout
  let folder: String
  /// What stands before the keys.
  let prefix: String
  let precision: Precision
  let allowsNonFinite: Bool

  /// - Throws: `StorageError.missingTensor`, `StorageError.unusableTensor` or `TransformersError.shape` for the first
  ///   tensor that is not as
  ///   needed: before any weight is read, which takes long.
  init(
    _ tensors: CheckpointTensors, _ configuration: TransformerConfiguration, folder: URL, precision: Precision,
    allowsNonFinite: Bool
  ) throws {
    let shapes = tensors.tensorNames.map { ($0, tensors[$0]?.shape ?? []) }
    layout = CheckpointLayout(configuration, found: Dictionary(uniqueKeysWithValues: shapes))
    for need in layout.needs { try need.check(try tensors.tensor(need.name), folder: folder.path) }
    self.tensors = tensors
    self.folder = folder.path
    self.precision = precision
    self.allowsNonFinite = allowsNonFinite
    prefix = layout.prefix
  }

  private init(unprefixing other: CheckpointReader) {
    tensors = other.tensors
    layout = other.layout
    folder = other.folder
    precision = other.precision
    allowsNonFinite = other.allowsNonFinite
    prefix = ""
  }

  var unprefixed: CheckpointReader { CheckpointReader(unprefixing: self) }

  func linear(_ keys: [String]) throws -> Linear {
    let weights = try keys.map { try tensor($0 + ".weight") }
    let inputs = weights[0].shape[1]
    let ends = weights.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.shape[0]) }
    let packed = try PackedMatrix(outputs: ends[keys.count], inputs: inputs, precision: precision) {
      (rows) throws(any Error) -> [Float] in
      var values: [Float] = []
      for (part, weight) in weights.enumerated() {
        let own = rows.clamped(to: ends[part]..<ends[part + 1])
        if own.isEmpty { continue }
        let range = (own.lowerBound - ends[part]) * inputs..<(own.upperBound - ends[part]) * inputs
        let read = try finite(weight, range)
        if own == rows { values = read } else { values += read }
      }
      return values
    }
    for weight in weights { weight.bytes.release() }
    let bias = needs(keys[0] + ".bias") ? try keys.flatMap { try vector($0 + ".bias") } : nil
    return Linear(weight: packed, bias: bias)
  }

  func vector(_ key: String) throws -> [Float] {
    let tensor = try tensor(key)
    return try finite(tensor, 0..<tensor.count)
  }

  func matrix(_ key: String) throws -> Matrix<Float> {
    let tensor = try tensor(key)
    return Matrix(
      rows: tensor.shape[0], columns: tensor.shape[1], elements: try finite(tensor, 0..<tensor.count))
  }

  /// A table of embeddings, left in the file: its rows are read where they are asked for.
  func embedding(_ key: String) throws -> EmbeddingTable {
    let tensor = try tensor(key)
    if !allowsNonFinite { try requireFinite(tensor, 0..<tensor.count) }
    // The check has read all of it; most rows will not be needed for long.
    tensor.bytes.release()
    return try EmbeddingTable(tensor)
  }

  func needs(_ key: String) -> Bool { layout[prefix + key] != nil }

  /// All values of a tensor of the layout, by its full name.
  func values(_ name: String) throws -> [Float] {
    let tensor = try tensors.tensor(name)
    defer { tensor.bytes.release() }
    return try finite(tensor, 0..<tensor.count)
  }

  /// A tensor of the layout, which `init` found to be there with the layout's shape.
  private func tensor(_ key: String) throws -> MappedTensor {
    precondition(needs(key), "\(prefix + key) is read, but is not among the needed tensors")
    return try tensors.tensor(prefix + key)
  }

  private func finite(_ tensor: MappedTensor, _ range: Range<Int>) throws -> [Float] {
    if !allowsNonFinite { try requireFinite(tensor, range) }
    return try tensor.floats(range)
  }

  private func requireFinite(_ tensor: MappedTensor, _ range: Range<Int>) throws {
    guard let (index, value) = try tensor.firstNonFinite(range) else { return }
    throw TransformersError.notFinite(file: folder, tensor: tensor.name, index: index, value: "\(value)")
  }
}
