import LinearAlgebra
import NeuralNetwork

/// What a layer keeps of its forward pass for its backward pass, one row a token.
struct LayerTape: Sendable {
  /// Queries and keys before their norms; without columns where there are none.
  let raw: RowBuffer
  /// Queries, keys and values as attention takes them.
  let projections: RowBuffer
  let attended: RowBuffer
  /// tokens x heads.
  let logSums: RowBuffer
  /// The residual stream after attention: a decoder's before its second norm, an encoder's before its first.
  let middle: RowBuffer
  /// The inner layer before its activation.
  let inner: RowBuffer
  /// An encoder's sum before its last norm; without columns in a decoder.
  let last: RowBuffer

  init<Block: TrainableBlock>(_ block: Block, tokens: Int) {
    let attention = block.attention
    let hidden = attention.output.outputs
    raw = RowBuffer(rows: tokens, columns: attention.queryNorm == nil ? 0 : attention.rotatedColumns)
    projections = RowBuffer(rows: tokens, columns: attention.projection.outputs)
    attended = RowBuffer(rows: tokens, columns: attention.output.inputs)
    logSums = RowBuffer(rows: tokens, columns: attention.heads)
    middle = RowBuffer(rows: tokens, columns: hidden)
    inner = RowBuffer(rows: tokens, columns: block.innerSize)
    last = RowBuffer(rows: tokens, columns: block.normalizesLast ? hidden : 0)
  }
}

/// The gradients within one layer, and what its weights' gradients need; used for one layer after another.
struct LayerGradients: Sendable {
  /// The gradients by the layer's output, and by its input.
  var upper: RowBuffer
  var lower: RowBuffer
  /// The gradient by the residual stream after attention.
  let middle: RowBuffer
  let attended: RowBuffer
  let projections: RowBuffer
  let inner: RowBuffer
  /// The inputs of the maps, computed anew: of the projections (a decoder's), of the inner layer, of its second map.
  let attentionInput: RowBuffer
  let innerInput: RowBuffer
  let product: RowBuffer
  /// One row for each block of rows, so that threads do not meet: for each of the block's `normSizes`.
  let norms: [RowBuffer]
  /// The gradients of the block's four maps, over all rows; none where the weights are not trained.
  let linears: [LinearGradient]

  init<Block: TrainableBlock>(_ block: Block, tokens: Int, ranges: Int, trainsWeights: Bool) {
    let attention = block.attention
    let hidden = attention.output.outputs
    upper = RowBuffer(rows: tokens, columns: hidden)
    lower = RowBuffer(rows: tokens, columns: hidden)
    middle = RowBuffer(rows: tokens, columns: hidden)
    attended = RowBuffer(rows: tokens, columns: attention.output.inputs)
    projections = RowBuffer(rows: tokens, columns: attention.projection.outputs)
    inner = RowBuffer(rows: tokens, columns: block.innerSize)
    attentionInput = RowBuffer(rows: tokens, columns: block.normalizesLast ? 0 : hidden)
    innerInput = RowBuffer(rows: tokens, columns: hidden)
    product = RowBuffer(rows: tokens, columns: block.linears[3].inputs)
    norms = block.normSizes.map { RowBuffer(rows: ranges, columns: $0) }
    linears = trainsWeights ? block.linears.map { LinearGradient($0) } : []
  }
}

/// The memory of a model's training steps, kept from step to step and enlarged when a batch needs more. Models whose layers
/// have other parts (biases, norms of heads) need one each.
public struct TrainingScratch: Sendable {
  /// The inputs of the trained layers and the last one's output; before them, the input of those that are not trained.
  private(set) var inputs: [RowBuffer] = []
  /// One a trained layer, or a single one where layers are computed anew.
  private(set) var tapes: [LayerTape] = []
  var gradients: LayerGradients?
  private(set) var layers: [LayerScratch] = []
  /// One a thread.
  private(set) var attention: [RowBuffer] = []
  private var tokens = 0
  private var longest = 0
  private var ranges = 0

  public init() {}

  mutating func reserve<Block: TrainableBlock>(
    _ blocks: [Block], trained: Int, trainsWeights: Bool, isCheckpointing: Bool, tokens: Int, longest: Int,
    ranges: Int, workers: Int
  ) {
    let block = blocks[0]
    let hidden = block.attention.output.outputs
    let count = isCheckpointing ? 1 : max(trained, 1)
    let isFitting =
      tokens <= self.tokens && inputs.count == trained + 2 && tapes.count == count
      && tapes[0].projections.columns == block.attention.projection.outputs && inputs[0].columns == hidden
      && tapes[0].inner.columns == block.innerSize
    if !isFitting {
      // The old memory goes before the new comes.
      (inputs, tapes, gradients) = ([], [], nil)
      inputs = (0..<trained + 2).map { _ in RowBuffer(rows: tokens, columns: hidden) }
      tapes = (0..<count).map { _ in LayerTape(block, tokens: tokens) }
      self.tokens = tokens
    }
    if trained > 0, gradients == nil || ranges > self.ranges || gradients?.linears.isEmpty == trainsWeights {
      gradients = nil
      gradients = LayerGradients(
        blocks[blocks.count - 1], tokens: self.tokens, ranges: ranges, trainsWeights: trainsWeights)
      self.ranges = ranges
    }
    guard layers.count < workers || longest > self.longest || !isFitting else { return }
    self.longest = max(longest, self.longest)
    let headSize = block.attention.headSize
    layers = (0..<workers).map { _ in
      LayerScratch(
        rows: ForwardScratch.rowsAtATime, hiddenSize: hidden, innerSize: block.innerSize, roundedCount: 0,
        attentionCount: attentionScratchCount(keys: self.longest, headSize: headSize))
    }
    attention = (0..<workers).map { _ in
      RowBuffer(rows: 1, columns: attentionGradientScratchCount(keys: self.longest, headSize: headSize))
    }
  }
}
