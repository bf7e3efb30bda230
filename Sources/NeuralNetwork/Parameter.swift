/// A named array of numbers that training moves: a weight, a bias, a table.
///
/// Gradients of several parameters are `[[Float]]` in the parameters' order, each as long as its parameter's `values`.
public struct Parameter: Sendable, Equatable {
  /// The key in the checkpoint.
  public let name: String
  /// Extents, outermost first.
  public let shape: [Int]
  /// Row-major.
  public var values: [Float]

  public init(name: String, shape: [Int], values: [Float]) {
    precondition(
      shape.reduce(1, *) == values.count, "\"\(name)\" of shape \(shape) does not have \(values.count) values")
    self.name = name
    self.shape = shape
    self.values = values
  }
}
