import LinearAlgebra
import NeuralNetwork

/// A layer in training: the steps of `TransformerBlock`, which keep what the backward pass needs, and that pass.
///
/// All of them concern the rows of `range` alone; attention stands between the first and the second of either direction.
protocol TrainableBlock: TransformerBlock {
  /// Whether the layer ends with a norm.
  var normalizesLast: Bool { get }
  /// Projections, attention's output, the inner layer's first and second map.
  var linears: [Linear] { get }
  /// The sizes of the norms' weights and biases, in the order of `LayerKeys.norms`.
  var normSizes: [Int] { get }

  /// Projects a layer's input `x` into the tape.
  func project(_ x: RowBuffer, _ range: Range<Int>, keeping tape: LayerTape, scratch: LayerScratch)
  /// The rest of the layer after attention; `output` is nil where only the tape is wanted.
  func complete(
    _ x: RowBuffer, _ range: Range<Int>, keeping tape: LayerTape, into output: RowBuffer?, scratch: LayerScratch)
  /// Goes from the gradient by the output to that by attention's result; `part` numbers the range.
  func completeBackward(_ range: Range<Int>, part: Int, _ tape: LayerTape, _ gradients: LayerGradients)
  /// Goes from the gradient by the projections, turned back, to that by the input; `skip` is the gradient that reaches it past
  /// attention, nil for none.
  func projectBackward(
    _ x: RowBuffer, _ range: Range<Int>, part: Int, skip: RowBuffer?, _ tape: LayerTape, _ gradients: LayerGradients)
  /// The input of the projections as it was: `x` or what the norm made of it.
  func attentionInput(_ x: RowBuffer, _ gradients: LayerGradients) -> RowBuffer
}

extension DecoderBlock: TrainableBlock {
  var normalizesLast: Bool { false }
  var linears: [Linear] { [attention.projection, attention.output, feedForward.gateUp, feedForward.down] }
  var normSizes: [Int] {
    [inputNorm, postAttentionNorm, attention.queryNorm, attention.keyNorm].compactMap { $0?.weight.count }
  }

  func project(_ x: RowBuffer, _ range: Range<Int>, keeping tape: LayerTape, scratch: LayerScratch) {
    let normed = scratch.normed[0..<range.count]
    inputNorm.forward(x[range], into: normed)
    attention.project(
      normed, into: tape.projections[range], keeping: attention.queryNorm == nil ? nil : tape.raw[range],
      scratch: scratch)
  }

  func complete(
    _ x: RowBuffer, _ range: Range<Int>, keeping tape: LayerTape, into output: RowBuffer?, scratch: LayerScratch
  ) {
    let middle = tape.middle[range]
    middle.copy(x[range])
    attention.output.forward(tape.attended[range], accumulating: true, into: middle, scratch: scratch)
    let normed = scratch.normed[0..<range.count]
    postAttentionNorm.forward(middle, into: normed)
    feedForward.gateUp.forward(normed, into: tape.inner[range], scratch: scratch)
    guard let output else { return }
    output[range].copy(middle)
    let product = scratch.inner[0..<range.count].columns(0..<feedForward.down.inputs)
    feedForward.finish(tape.inner[range], product: product, addingTo: output[range], scratch: scratch)
  }

  func completeBackward(_ range: Range<Int>, part: Int, _ tape: LayerTape, _ gradients: LayerGradients) {
    let x = tape.middle[range]
    let middle = gradients.middle[range]
    let upper = gradients.upper[range]
    postAttentionNorm.forward(x, into: gradients.innerInput[range])
    feedForward.backward(
      inner: tape.inner[range], upper, product: gradients.product[range], innerGradient: gradients.inner[range],
      into: middle)
    postAttentionNorm.backward(
      x, middle, skip: upper, into: middle, weightGradient: gradients.norms[1][part..<part + 1])
    attention.output.backward(middle, into: gradients.attended[range])
  }

  func projectBackward(
    _ x: RowBuffer, _ range: Range<Int>, part: Int, skip: RowBuffer?, _ tape: LayerTape, _ gradients: LayerGradients
  ) {
    if attention.queryNorm != nil {
      let norms = gradients.norms[2...].map { $0[part..<part + 1] }
      attention.normalizeBackward(gradients.projections[range], raw: tape.raw[range], normGradients: norms)
    }
    let lower = gradients.lower[range]
    attention.projection.backward(gradients.projections[range], into: lower)
    inputNorm.forward(x[range], into: gradients.attentionInput[range])
    inputNorm.backward(
      x[range], lower, skip: skip?[range], into: lower, weightGradient: gradients.norms[0][part..<part + 1])
  }

  func attentionInput(_ x: RowBuffer, _ gradients: LayerGradients) -> RowBuffer { gradients.attentionInput }
}

extension EncoderBlock: TrainableBlock {
  var normalizesLast: Bool { true }
  var linears: [Linear] { [attention.projection, attention.output, feedForward.up, feedForward.down] }
  var normSizes: [Int] { [attentionNorm, attentionNorm, outputNorm, outputNorm].map(\.weight.count) }

  func project(_ x: RowBuffer, _ range: Range<Int>, keeping tape: LayerTape, scratch: LayerScratch) {
    attention.project(x[range], into: tape.projections[range], scratch: scratch)
  }

  func complete(
    _ x: RowBuffer, _ range: Range<Int>, keeping tape: LayerTape, into output: RowBuffer?, scratch: LayerScratch
  ) {
    let middle = tape.middle[range]
    middle.copy(x[range])
    attention.output.forward(tape.attended[range], accumulating: true, into: middle, scratch: scratch)
    let last = tape.last[range]
    attentionNorm.forward(middle, into: last)
    feedForward.up.forward(last, into: tape.inner[range], scratch: scratch)
    let product = scratch.inner[0..<range.count].columns(0..<feedForward.down.inputs)
    feedForward.finish(tape.inner[range], product: product, addingTo: last, scratch: scratch)
    if let output { outputNorm.forward(last, into: output[range]) }
  }

  func completeBackward(_ range: Range<Int>, part: Int, _ tape: LayerTape, _ gradients: LayerGradients) {
    let norms = gradients.norms.map { $0[part..<part + 1] }
    let middle = gradients.middle[range]
    let upper = gradients.upper[range]
    outputNorm.backward(tape.last[range], upper, into: upper, weightGradient: norms[2], biasGradient: norms[3])
    attentionNorm.forward(tape.middle[range], into: gradients.innerInput[range])
    middle.copy(upper)
    feedForward.backward(
      inner: tape.inner[range], upper, product: gradients.product[range], innerGradient: gradients.inner[range],
      addingTo: middle)
    attentionNorm.backward(
      tape.middle[range], middle, into: middle, weightGradient: norms[0], biasGradient: norms[1])
    attention.output.backward(middle, into: gradients.attended[range])
  }

  func projectBackward(
    _ x: RowBuffer, _ range: Range<Int>, part: Int, skip: RowBuffer?, _ tape: LayerTape, _ gradients: LayerGradients
  ) {
    let lower = gradients.lower[range]
    if let skip { lower.copy(skip[range]) }
    attention.projection.backward(gradients.projections[range], accumulating: skip != nil, into: lower)
  }

  func attentionInput(_ x: RowBuffer, _ gradients: LayerGradients) -> RowBuffer { x }
}
