import NeuralNetwork

/// Trained parameters and the optimizer's moments of them: with the count of steps, all that a run goes on from.
public struct SavedParameters: Sendable, Equatable {
  public let parameters: [Parameter]
  /// `exp_avg.NAME` and `exp_avg_sq.NAME` of each parameter: see `AdamW.state`.
  public let moments: [Parameter]

  public init(parameters: [Parameter], moments: [Parameter]) {
    self.parameters = parameters
    self.moments = moments
  }

  private static let weights = "weights."
  private static let optimizer = "optimizer."

  /// Parameters and moments as the arrays of one file, named `weights.NAME`, `optimizer.exp_avg.NAME` and
  /// `optimizer.exp_avg_sq.NAME`.
  public var arrays: [Parameter] { parameters.named(Self.weights) + moments.named(Self.optimizer) }

  /// Takes what `arrays` gave out of a file's arrays, which may have others beside.
  public init(arrays: [Parameter]) {
    self.init(parameters: arrays.unnamed(Self.weights), moments: arrays.unnamed(Self.optimizer))
  }

  /// The saved values by name.
  ///
  /// - Throws: `NeuralNetworkError.savedParameters` unless the names and shapes are those of `trained`.
  func values(of trained: [Parameter]) throws(NeuralNetworkError) -> [String: [Float]] {
    var left = Dictionary(parameters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var values: [String: [Float]] = [:]
    for parameter in trained {
      guard let saved = left.removeValue(forKey: parameter.name) else {
        throw .savedParameters(tensor: parameter.name, .missing)
      }
      guard saved.shape == parameter.shape else {
        throw .savedParameters(
          tensor: parameter.name, .shape(found: saved.shape, expected: parameter.shape))
      }
      values[parameter.name] = saved.values
    }
    if let name = left.keys.min() { throw .savedParameters(tensor: name, .noParameter) }
    return values
  }
}

extension [Parameter] {
  /// The parameters with a prefix before each name.
  package func named(_ prefix: String) -> [Parameter] {
    map { Parameter(name: prefix + $0.name, shape: $0.shape, values: $0.values) }
  }

  /// The parameters whose names begin with a prefix, without it.
  package func unnamed(_ prefix: String) -> [Parameter] {
    filter { $0.name.hasPrefix(prefix) }
      .map { Parameter(name: String($0.name.dropFirst(prefix.count)), shape: $0.shape, values: $0.values) }
  }
}
