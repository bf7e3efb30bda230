import Foundation
import LinearAlgebra
import NeuralNetwork
import Storage

/// Reads the tensors of a checkpoint by name and shape into the form that the layers compute with.
///
/// Values are checked for NaN and infinities as they are read. Pages of the file are handed back once a matrix is packed, so that loading never
/// holds a model twice.
struct CheckpointReader: Sendable {
  let tensors: CheckpointTensors
  let folder: String
  /// What stands before a layer's own key, e.g. `model.` where a head stands beside the model.
  let prefix: String
  let precision: Precision
  let allowsNonFinite: Bool

  /// - Parameter prefixes: what may stand before the keys, the first that fits `probe` is taken.
  init(
    _ tensors: CheckpointTensors, folder: URL, prefixes: [String], probe: String, precision: Precision,
    allowsNonFinite: Bool
  ) throws {
    self.tensors = tensors
    self.folder = folder.path
    self.precision = precision
    self.allowsNonFinite = allowsNonFinite
    prefix = prefixes.first { tensors[$0 + probe] != nil } ?? prefixes[0]
  }

  /// The same checkpoint under another prefix.
  init(copying other: CheckpointReader, prefix: String) {
    tensors = other.tensors
    folder = other.folder
    precision = other.precision
    allowsNonFinite = other.allowsNonFinite
    self.prefix = prefix
  }

  /// One linear map from several tensors of one input, their outputs side by side.
  ///
  /// - Parameter parts: keys without `.weight` and `.bias`, and their outputs.
  func linear(_ parts: [(key: String, outputs: Int)], inputs: Int, hasBias: Bool) throws -> Linear {
    let weights = try parts.map { try tensor(prefix + $0.key + ".weight", shape: [$0.outputs, inputs]) }
    let ends = parts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.outputs) }
    let packed = try PackedMatrix(outputs: ends[parts.count], inputs: inputs, precision: precision) {
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
    let bias = hasBias ? try parts.flatMap { try vector($0.key + ".bias", count: $0.outputs) } : nil
    return Linear(weight: packed, bias: bias)
  }

  func vector(_ key: String, count: Int) throws -> [Float] {
    let tensor = try tensor(prefix + key, shape: [count])
    return try finite(tensor, 0..<count)
  }

  /// A small matrix as it is.
  func matrix(_ key: String, rows: Int, columns: Int) throws -> Matrix<Float> {
    let tensor = try tensor(prefix + key, shape: [rows, columns])
    return Matrix(rows: rows, columns: columns, elements: try finite(tensor, 0..<rows * columns))
  }

  /// A table of embeddings, left in the file: its rows are read where they are asked for.
  func embedding(_ key: String, rows: Int, columns: Int) throws -> EmbeddingTable {
    let tensor = try tensor(prefix + key, shape: [rows, columns])
    if !allowsNonFinite { try requireFinite(tensor, 0..<tensor.count) }
    // The check has read all of it; most rows will not be needed for long.
    tensor.bytes.release()
    return try EmbeddingTable(tensor)
  }

  func has(_ key: String) -> Bool { tensors[prefix + key] != nil }

  func tensor(_ name: String, shape: [Int]) throws -> MappedTensor {
    let tensor = try tensors.tensor(name)
    guard tensor.shape == shape else {
      throw TransformersError.shape(file: folder, tensor: name, expected: shape, found: tensor.shape)
    }
    return tensor
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
