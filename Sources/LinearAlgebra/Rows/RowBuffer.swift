import Foundation

/// Memory for the rows of activations that kernels read and write in place, several threads at once.
///
/// Unlike `Matrix` it is a reference: the scratch of a network, made once and used again. It does not guard its rows:
/// callers that run side by side must write to rows (or columns) of their own. Start values are 0.
public final class RowBuffer: Sendable {
  public let rows: Int
  public let columns: Int
  /// An integer, because a stored pointer would not be Sendable; each access makes the pointer anew.
  private let address: UInt

  public init(rows: Int, columns: Int) {
    precondition(rows >= 0 && columns >= 0, "a buffer of \(rows) x \(columns) does not exist")
    self.rows = rows
    self.columns = columns
    // Lines of the cache; a page of its own would cost small buffers dear.
    let bytes = max(rows * columns * MemoryLayout<Float>.stride, 64)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    memset(memory, 0, bytes)
    address = UInt(bitPattern: memory)
  }

  public convenience init(_ matrix: Matrix<Float>) {
    self.init(rows: matrix.rows, columns: matrix.columns)
    matrix.elements.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { pointer.update(from: base, count: source.count) }
    }
  }

  deinit { UnsafeMutableRawPointer(bitPattern: address)?.deallocate() }

  /// All of it.
  public var all: RowBlock { self[0..<rows] }

  /// Some of its rows.
  public subscript(rows: Range<Int>) -> RowBlock {
    RowBlock(buffer: self, firstRow: 0, rows: self.rows, firstColumn: 0, columns: columns).rows(rows)
  }

  var pointer: UnsafeMutablePointer<Float> { UnsafeMutablePointer(bitPattern: address)! }
}

/// A rectangle of a `RowBuffer`: the operand of the row kernels.
public struct RowBlock: Sendable {
  public let buffer: RowBuffer
  public let firstRow: Int
  public let rows: Int
  public let firstColumn: Int
  public let columns: Int

  /// Rows of this block, counted from its first.
  public func rows(_ range: Range<Int>) -> RowBlock {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of a block of \(rows)")
    return RowBlock(
      buffer: buffer, firstRow: firstRow + range.lowerBound, rows: range.count, firstColumn: firstColumn,
      columns: columns)
  }

  /// Columns of this block, counted from its first.
  public func columns(_ range: Range<Int>) -> RowBlock {
    precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns \(range) of a block of \(columns)")
    return RowBlock(
      buffer: buffer, firstRow: firstRow, rows: rows, firstColumn: firstColumn + range.lowerBound, columns: range.count)
  }

  /// A copy of the values.
  public var matrix: Matrix<Float> {
    Matrix(rows: rows, columns: columns, elements: (0..<rows).flatMap { row($0) })
  }

  /// A copy of row `i`.
  public func row(_ i: Int) -> [Float] {
    precondition(i >= 0 && i < rows, "row \(i) of a block of \(rows)")
    return [Float](UnsafeBufferPointer(start: pointer + i * stride, count: columns))
  }

  /// Row `i` takes these values.
  public func setRow(_ i: Int, to values: some Sequence<Float>) {
    precondition(i >= 0 && i < rows, "row \(i) of a block of \(rows)")
    let row = UnsafeMutableBufferPointer(start: pointer + i * stride, count: columns)
    let (rest, end) = row.update(from: values)
    precondition(end == columns, "\(end) values for a row of \(columns)")
    var left = rest
    precondition(left.next() == nil, "more than \(columns) values for a row")
  }

  /// Row `i` takes the values of a row of another block.
  public func copyRow(_ i: Int, from source: RowBlock, _ j: Int) {
    precondition(columns == source.columns, "a row of \(source.columns) copied to one of \(columns)")
    precondition(i >= 0 && i < rows && j >= 0 && j < source.rows, "row \(j) of \(source.rows) to row \(i) of \(rows)")
    (pointer + i * stride).update(from: source.pointer + j * source.stride, count: columns)
  }

  /// All rows take the values of those of another block.
  public func copy(_ source: RowBlock) {
    precondition(rows == source.rows, "\(source.rows) rows copied to \(rows)")
    for i in 0..<rows { copyRow(i, from: source, i) }
  }

  /// All values become 0.
  public func clear() {
    for i in 0..<rows { (pointer + i * stride).update(repeating: 0, count: columns) }
  }

  /// Adds the values of a row of another block to row `i`.
  public func addRow(_ i: Int, from source: RowBlock, _ j: Int) {
    precondition(columns == source.columns, "a row of \(source.columns) added to one of \(columns)")
    precondition(i >= 0 && i < rows && j >= 0 && j < source.rows, "row \(j) of \(source.rows) to row \(i) of \(rows)")
    let (target, values) = (pointer + i * stride, source.pointer + j * source.stride)
    for k in 0..<columns { target[k] += values[k] }
  }

  /// Adds row after row to the values of an array from `start` on.
  public func add(to values: inout [Float], at start: Int = 0) {
    precondition(start >= 0 && start + rows * columns <= values.count, "\(rows) rows do not fit from \(start) on")
    values.withUnsafeMutableBufferPointer { target in
      for i in 0..<rows {
        let row = pointer + i * stride
        let first = start + i * columns
        for j in 0..<columns { target[first + j] += row[j] }
      }
    }
  }

  /// The distance between the starts of two rows, in floats.
  var stride: Int { buffer.columns }
  var pointer: UnsafeMutablePointer<Float> { buffer.pointer + firstRow * stride + firstColumn }
}
