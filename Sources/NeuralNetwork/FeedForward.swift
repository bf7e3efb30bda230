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
    finish(inner, product: inner.columns(0..<down.inputs), addingTo: residual, scratch: scratch)
  }

  /// Adds to `residual` what follows from `inner`, gate and up side by side; `product`, rows x intermediate, may be
  /// its first half.
  public func finish(_ inner: RowBlock, product: RowBlock, addingTo residual: RowBlock, scratch: LayerScratch) {
    activateGated(activation, inner, into: product)
    down.forward(product, accumulating: true, into: residual, scratch: scratch)
  }

  /// The gradient by x from that by the result, in rows. `product` takes the input of `down` anew, `innerGradient` the
  /// gradient by gate and up: with them the gradients by the weights are those of `LinearGradient`.
  public func backward(
    inner: RowBlock, _ gradient: RowBlock, product: RowBlock, innerGradient: RowBlock, into inputGradient: RowBlock
  ) {
    activateGated(activation, inner, into: product)
    let productGradient = innerGradient.columns(0..<down.inputs)
    down.backward(gradient, into: productGradient)
    activateGatedGradient(activation, inner, gradient: productGradient, into: innerGradient)
    gateUp.backward(innerGradient, into: inputGradient)
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
    finish(inner, product: inner, addingTo: x, scratch: scratch)
  }

  /// Adds to `x` what follows from `inner`; `product` may be `inner`.
  public func finish(_ inner: RowBlock, product: RowBlock, addingTo x: RowBlock, scratch: LayerScratch) {
    activate(activation, inner, into: product)
    down.forward(product, accumulating: true, into: x, scratch: scratch)
  }

  /// Adds to `inputGradient`, which already is the gradient past the layer; otherwise as in `GatedFeedForward`.
  public func backward(
    inner: RowBlock, _ gradient: RowBlock, product: RowBlock, innerGradient: RowBlock, addingTo inputGradient: RowBlock
  ) {
    activate(activation, inner, into: product)
    down.backward(gradient, into: innerGradient)
    activateGradient(activation, inner, gradient: innerGradient, into: innerGradient)
    up.backward(innerGradient, accumulating: true, into: inputGradient)
  }
}
