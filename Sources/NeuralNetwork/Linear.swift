import LinearAlgebra

/// A linear map y = x W' + b.
///
/// - weight: W, outputs x inputs, packed for the product kernel.
/// - x is rows x inputs, y rows x outputs. 2 rows inputs outputs operations.
///
/// Several maps of one input (queries, keys and values; gate and up) are packed as one whose outputs lie side by side:
/// the input is then read once.
public struct Linear: Sendable {
  public let weight: PackedMatrix
  public let bias: [Float]?
  /// W', packed for the product of `backward`; nil where the map is not trained.
  public let transposed: PackedMatrix?

  public init(weight: PackedMatrix, bias: [Float]? = nil, transposed: PackedMatrix? = nil) {
    precondition(
      bias == nil || bias?.count == weight.outputs, "\(bias?.count ?? 0) biases for \(weight.outputs) outputs")
    precondition(
      transposed.map { $0.outputs == weight.inputs && $0.inputs == weight.outputs } ?? true,
      "the transpose of \(weight.outputs) x \(weight.inputs) has another shape")
    self.weight = weight
    self.bias = bias
    self.transposed = transposed
  }

  /// The map with weights that lie in memory: rows of W, one array after another.
  ///
  /// - Parameter memory: what the weights are packed into; nil for new memory.
  public init(training parts: [[Float]], bias: [Float]?, inputs: Int, memory: PackedMemory? = nil) {
    self.init(
      weight: PackedMatrix(parts, inputs: inputs, memory: memory), bias: bias,
      transposed: PackedMatrix(transposing: parts, columns: inputs, memory: memory))
  }

  public var inputs: Int { weight.inputs }
  public var outputs: Int { weight.outputs }

  /// y = x W' + b, or y += x W' + b; on the calling thread.
  public func forward(_ x: RowBlock, accumulating: Bool = false, into y: RowBlock, scratch: LayerScratch) {
    product(x, weight, bias: bias, accumulating: accumulating, into: y, scratch: scratch.rounded)
  }

  /// dx = dy W, or dx += dy W; on the calling thread. The gradients by W and b are those of `LinearGradient`.
  ///
  /// - Precondition: `transposed` is there.
  public func backward(_ gradient: RowBlock, accumulating: Bool = false, into inputGradient: RowBlock) {
    guard let transposed else { preconditionFailure("a map without its transpose has no backward pass") }
    product(gradient, transposed, accumulating: accumulating, into: inputGradient)
  }
}
