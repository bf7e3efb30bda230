import LinearAlgebra

/// What one thread needs beside a layer's input and output; made once for a network and used for every layer and call.
public struct LayerScratch: Sendable {
  /// Rows that are worked on at a time.
  public let rows: Int
  /// rows x hidden size: the input of a sublayer after its norm.
  public let normed: RowBuffer
  /// rows x widest inner layer (gate and up side by side).
  public let inner: RowBuffer
  /// Inputs rounded to bfloat16; nil where everything is float32.
  public let rounded: RowBuffer?
  /// The room for attention over the longest sequence.
  public let attention: RowBuffer

  public init(rows: Int, hiddenSize: Int, innerSize: Int, roundedCount: Int, attentionCount: Int) {
    self.rows = rows
    normed = RowBuffer(rows: rows, columns: hiddenSize)
    inner = RowBuffer(rows: rows, columns: innerSize)
    rounded = roundedCount > 0 ? RowBuffer(rows: 1, columns: roundedCount) : nil
    attention = RowBuffer(rows: 1, columns: attentionCount)
  }

  /// Bytes of all buffers.
  public var byteCount: Int {
    [normed, inner, rounded, attention].reduce(0) { $0 + 4 * ($1?.rows ?? 0) * ($1?.columns ?? 0) }
  }
}
