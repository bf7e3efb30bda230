import LinearAlgebra

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

/// Checks that a step left only finite numbers.
///
/// - Parameters:
///   - step: counted from 1; `batch`: ids of what the step was computed from. Both for the error's text.
/// - Throws: `NeuralNetworkError.notFiniteParameter` for the first element that is NaN or infinite.
/// - Complexity: one pass over memory.
public func requireFinite(
  _ parameters: [Parameter], step: Int, batch: [String] = [], threads: Int = BLASRuntime.usableThreads
) throws(NeuralNetworkError) {
  for parameter in parameters where !squareSum(parameter.values, threads: threads).isFinite {
    if let index = parameter.values.firstIndex(where: { !$0.isFinite }) {
      throw .notFiniteParameter(
        parameter: parameter.name, index: index, value: "\(parameter.values[index])", step: step, batch: batch)
    }
  }
}
