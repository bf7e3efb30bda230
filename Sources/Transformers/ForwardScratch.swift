import LinearAlgebra
import NeuralNetwork

/// The buffers of a forward pass, kept from call to call and enlarged when a batch needs more.
public struct ForwardScratch: Sendable {
  /// Rows that a thread takes through a layer at a time: enough to pay for streaming the weights from the cache, few enough for
  /// the inner layer to stay in it.
  public static let rowsAtATime = 128

  /// tokens x hidden size: the residual stream.
  private(set) var residual = RowBuffer(rows: 0, columns: 0)
  /// tokens x projections.
  private(set) var projections = RowBuffer(rows: 0, columns: 0)
  /// One for each thread.
  private(set) var layers: [LayerScratch] = []
  private var longest = 0

  public init() {}

  /// Bytes of all buffers.
  public var byteCount: Int {
    4 * (residual.rows * residual.columns + projections.rows * projections.columns)
      + layers.reduce(0) { $0 + $1.byteCount }
  }

  mutating func reserve<Block: TransformerBlock>(tokens: Int, longest: Int, workers: Int, blocks: [Block]) {
    guard let block = blocks.first else { return }
    let hidden = block.attention.output.outputs
    let projected = block.attention.projection.outputs
    if residual.rows < tokens || residual.columns != hidden || projections.columns != projected {
      residual = RowBuffer(rows: tokens, columns: hidden)
      projections = RowBuffer(rows: tokens, columns: projected)
    }
    if layers.count < workers || self.longest < longest || layers[0].normed.columns != hidden {
      self.longest = longest
      let inner = blocks.map(\.innerSize).max() ?? 0
      // The rounded copy holds one input of any product: at most the inner layer's columns, two to a word.
      let rounded = block.attention.projection.weight.precision == .bfloat16
      let widest = max(inner, hidden, projected)
      layers = (0..<workers).map { _ in
        LayerScratch(
          rows: Self.rowsAtATime, hiddenSize: hidden, innerSize: inner,
          roundedCount: rounded ? Self.rowsAtATime * (widest + 1) / 2 : 0,
          attentionCount: attentionScratchCount(keys: longest, headSize: block.attention.headSize))
      }
    }
  }
}
