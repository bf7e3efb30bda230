import LinearAlgebra
import NeuralNetwork

/// The buffers of a forward pass, kept from call to call and enlarged when a batch needs more.
public struct ForwardScratch: Sendable {
  /// Rows that a thread takes through a layer at a time: enough to pay for streaming the weights from the cache, few
  /// enough for the inner layer to stay in it.
  public static let rowsAtATime = 192

  /// tokens x hidden size: the residual stream.
  private(set) var residual = RowBuffer(rows: 0, columns: 0)
  /// tokens x projections.
  private(set) var projections = RowBuffer(rows: 0, columns: 0)
  /// One for each thread.
  private(set) var layers: [LayerScratch] = []

  public init() {}

  /// Bytes of all buffers.
  public var byteCount: Int {
    4 * (residual.rows * residual.columns + projections.rows * projections.columns)
      + layers.reduce(0) { $0 + $1.byteCount }
  }

  /// The bytes that a batch takes in a new scratch.
  ///
  /// - Parameters:
  ///   - tokens: of the batch.
  ///   - longest: tokens of its longest text.
  public static func byteCount(
    _ configuration: TransformerConfiguration, tokens: Int, longest: Int, workers: Int, precision: Precision
  ) -> Int {
    let projected = (configuration.numAttentionHeads + 2 * configuration.numKeyValueHeads) * configuration.headDim
    let needs = Needs(
      hidden: configuration.hiddenSize, projected: projected,
      inner: configuration.intermediateSize * (configuration.isCausal ? 2 : 1), headSize: configuration.headDim,
      longest: longest, precision: precision)
    let layer = rowsAtATime * (needs.hidden + needs.inner) + needs.rounded + needs.attention
    return 4 * (tokens * (needs.hidden + needs.projected) + workers * layer)
  }

  mutating func reserve<Block: TransformerBlock>(tokens: Int, longest: Int, workers: Int, blocks: [Block]) {
    guard let block = blocks.first else { return }
    let needs = Needs(
      hidden: block.attention.output.outputs, projected: block.attention.projection.outputs,
      inner: blocks.map(\.innerSize).max() ?? 0, headSize: block.attention.headSize, longest: longest,
      precision: block.attention.projection.weight.precision)
    if residual.rows < tokens || residual.columns != needs.hidden || projections.columns != needs.projected {
      residual = RowBuffer(rows: tokens, columns: needs.hidden)
      projections = RowBuffer(rows: tokens, columns: needs.projected)
    }
    guard layers.count < workers || !needs.areMet(by: layers[0]) else { return }
    layers = (0..<workers).map { _ in
      LayerScratch(
        rows: Self.rowsAtATime, hiddenSize: needs.hidden, innerSize: needs.inner, roundedCount: needs.rounded,
        attentionCount: needs.attention)
    }
  }

  /// Columns of a network's buffers, and the floats of those without rows.
  private struct Needs {
    let hidden: Int
    let projected: Int
    let inner: Int
    let rounded: Int
    let attention: Int

    init(hidden: Int, projected: Int, inner: Int, headSize: Int, longest: Int, precision: Precision) {
      self.hidden = hidden
      self.projected = projected
      self.inner = inner
      // The rounded copy holds one input of any product: at most the inner layer's columns, two to a word.
      let widest = max(inner, hidden, projected)
      rounded = precision == .bfloat16 ? ForwardScratch.rowsAtATime * (widest + 1) / 2 : 0
      attention = attentionScratchCount(keys: longest, headSize: headSize)
    }

    /// One scratch may serve several models in turn, so each buffer is looked at.
    func areMet(by scratch: LayerScratch) -> Bool {
      scratch.normed.columns == hidden && scratch.inner.columns >= inner
        && scratch.rounded?.columns ?? 0 >= rounded && scratch.attention.columns >= attention
    }
  }
}
