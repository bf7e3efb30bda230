import LinearAlgebra
import NeuralNetwork

/// One layer of a transformer, cut where rows meet: what comes before attention and what follows it concern each row alone.
public protocol TransformerBlock: Sendable {
  var attention: SelfAttention { get }
  /// The widest inner layer, in columns.
  var innerSize: Int { get }

  /// Queries, keys and values of rows of the residual stream.
  func project(_ x: RowBlock, into qkv: RowBlock, scratch: LayerScratch)

  /// Takes the attention's result, heads side by side, and completes the layer in place.
  func complete(_ x: RowBlock, attended: RowBlock, scratch: LayerScratch)
}

/// A layer of Llama and its sisters: norms before attention and before the inner layer, no norm after.
///
///     x += Attention(RMSNorm(x));  x += FeedForward(RMSNorm(x))
public struct DecoderBlock: TransformerBlock {
  public let inputNorm: RMSNorm
  public let attention: SelfAttention
  public let postAttentionNorm: RMSNorm
  public let feedForward: GatedFeedForward

  public init(
    inputNorm: RMSNorm, attention: SelfAttention, postAttentionNorm: RMSNorm, feedForward: GatedFeedForward
  ) {
    self.inputNorm = inputNorm
    self.attention = attention
    self.postAttentionNorm = postAttentionNorm
    self.feedForward = feedForward
  }

  public var innerSize: Int { feedForward.gateUp.outputs }

  public func project(_ x: RowBlock, into qkv: RowBlock, scratch: LayerScratch) {
    let normed = scratch.normed[0..<x.rows]
    inputNorm.forward(x, into: normed)
    attention.project(normed, into: qkv, scratch: scratch)
  }

  public func complete(_ x: RowBlock, attended: RowBlock, scratch: LayerScratch) {
    attention.output.forward(attended, accumulating: true, into: x, scratch: scratch)
    let normed = scratch.normed[0..<x.rows]
    postAttentionNorm.forward(x, into: normed)
    feedForward.forward(normed, addingTo: x, scratch: scratch)
  }
}

/// A layer of BERT: norms after each sum.
///
///     x = LayerNorm(x + Attention(x));  x = LayerNorm(x + FeedForward(x))
public struct EncoderBlock: TransformerBlock {
  public let attention: SelfAttention
  public let attentionNorm: LayerNorm
  public let feedForward: FeedForward
  public let outputNorm: LayerNorm

  public init(attention: SelfAttention, attentionNorm: LayerNorm, feedForward: FeedForward, outputNorm: LayerNorm) {
    self.attention = attention
    self.attentionNorm = attentionNorm
    self.feedForward = feedForward
    self.outputNorm = outputNorm
  }

  public var innerSize: Int { feedForward.up.outputs }

  public func project(_ x: RowBlock, into qkv: RowBlock, scratch: LayerScratch) {
    attention.project(x, into: qkv, scratch: scratch)
  }

  public func complete(_ x: RowBlock, attended: RowBlock, scratch: LayerScratch) {
    attention.output.forward(attended, accumulating: true, into: x, scratch: scratch)
    attentionNorm.forward(x, into: x)
    feedForward.forward(addingTo: x, scratch: scratch)
    outputNorm.forward(x, into: x)
  }
}
