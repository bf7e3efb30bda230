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

  public init(weight: PackedMatrix, bias: [Float]? = nil) {
    precondition(
      bias == nil || bias?.count == weight.outputs, "\(bias?.count ?? 0) biases for \(weight.outputs) outputs")
    self.weight = weight
    self.bias = bias
  }

  public var inputs: Int { weight.inputs }
  public var outputs: Int { weight.outputs }

  /// y = x W' + b, or y += x W' + b; on the calling thread.
  public func forward(_ x: RowBlock, accumulating: Bool = false, into y: RowBlock, scratch: LayerScratch) {
    product(x, weight, bias: bias, accumulating: accumulating, into: y, scratch: scratch.rounded)
  }
}
