import LinearAlgebra
import Storage

/// Embedding rows by index, read from the mapped file when they are asked for: vocabulary x hidden size.
public struct EmbeddingTable: Sendable {
  private enum Source: Sendable {
    case file(MappedTensor)
    case memory(Matrix<Float>)
  }
  private let source: Source
  public let rows: Int
  public let columns: Int

  /// - Throws: `StorageError.unusableTensor` where the tensor holds no floats.
  init(_ tensor: MappedTensor) throws {
    _ = try tensor.floats(0..<0)
    source = .file(tensor)
    rows = tensor.shape[0]
    columns = tensor.shape[1]
  }

  public init(_ matrix: Matrix<Float>) {
    source = .memory(matrix)
    rows = matrix.rows
    columns = matrix.columns
  }

  /// Consecutive rows, row-major.
  func values(_ range: Range<Int>) -> [Float] {
    let elements = range.lowerBound * columns..<range.upperBound * columns
    switch source {
    case .memory(let matrix): return Array(matrix.elements[elements])
    case .file(let tensor):
      // Whether its type can be read was seen when the table was made.
      guard let values = try? tensor.floats(elements) else { preconditionFailure("\(tensor.name) is not readable") }
      return values
    }
  }
}
