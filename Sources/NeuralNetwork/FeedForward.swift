import LinearAlgebra

/// The gated inner layer of Llama: x += (activation(x_n W_gate') * (x_n W_up')) W_down', SwiGLU where the activation is
/// SiLU.
///
/// - gateUp: hidden to 2 x intermediate, gate first; down: intermediate to hidden.
///
/// Source: Shazeer, "GLU Variants Improve Transformer" (arXiv 2002.05202), eq. 6.
public struct GatedFeedForward: Sendable {
  public let gateUp: Linear
  public let down: Linear
  public let activation: Activation

  public init(gateUp: Linear, down: Linear, activation: Activation) {
    precondition(
      gateUp.outputs == 2 * down.inputs && gateUp.inputs == down.outputs,
      "gate and up give \(gateUp.outputs), down takes \(down.inputs)")
    self.gateUp = gateUp
    self.down = down
    self.activation = activation
  }

  /// Adds to `residual` what the layer makes of `x`.
  public func forward(_ x: RowBlock, addingTo residual: RowBlock, scratch: LayerScratch) {
    let inner = scratch.inner[0..<x.rows].columns(0..<gateUp.outputs)
    gateUp.forward(x, into: inner, scratch: scratch)
    let product = inner.columns(0..<down.inputs)
    activateGated(activation, inner, into: product)
    down.forward(product, accumulating: true, into: residual, scratch: scratch)
  }
}

/// The inner layer of BERT: x += activation(x W_up' + b) W_down' + b.
///
/// - up: hidden to intermediate; down: intermediate to hidden.
public struct FeedForward: Sendable {
  public let up: Linear
  public let down: Linear
  public let activation: Activation

  public init(up: Linear, down: Linear, activation: Activation) {
    precondition(
      up.outputs == down.inputs && up.inputs == down.outputs, "up gives \(up.outputs), down takes \(down.inputs)")
    self.up = up
    self.down = down
    self.activation = activation
  }

  /// Adds to `x` what the layer makes of it.
  public func forward(addingTo x: RowBlock, scratch: LayerScratch) {
    let inner = scratch.inner[0..<x.rows].columns(0..<up.outputs)
    up.forward(x, into: inner, scratch: scratch)
    activate(activation, inner, into: inner)
    down.forward(inner, accumulating: true, into: x, scratch: scratch)
  }
}
