/// What can go wrong while a network is trained.
public enum NeuralNetworkError: Error, Equatable, CustomStringConvertible {
  /// A gradient is NaN or infinite. `step` counts from 1; `batch` names what the step was computed from.
  case notFiniteGradient(parameter: String, index: Int, value: String, step: Int, batch: [String])
  /// A step left a parameter that is NaN or infinite; `step` and `batch` as above.
  case notFiniteParameter(parameter: String, index: Int, value: String, step: Int, batch: [String])
  /// A saved state of an optimizer does not belong to these parameters.
  case optimizerState(tensor: String, OptimizerStateProblem)
  /// Saved parameters are not those that are trained.
  case savedParameters(tensor: String, OptimizerStateProblem)

  public var description: String {
    switch self {
    case .notFiniteGradient(let parameter, let index, let value, let step, let batch):
      Self.diverged("the gradient of \"\(parameter)\" is \(value) at index \(index)", step, batch)
    case .notFiniteParameter(let parameter, let index, let value, let step, let batch):
      Self.diverged("after the update \"\(parameter)\" is \(value) at index \(index)", step, batch)
    case .optimizerState(let tensor, let problem):
      "the saved optimizer does not fit: tensor \"\(tensor)\" \(problem); resume with the model and settings it was saved from"
    case .savedParameters(let tensor, let problem):
      "the saved parameters do not fit: tensor \"\(tensor)\" \(problem); resume with the model they were saved from"
    }
  }

  private static func diverged(_ problem: String, _ step: Int, _ batch: [String]) -> String {
    "step \(step): \(problem)" + (batch.isEmpty ? "" : ", batch \(batch.joined(separator: ", "))")
      + "; lower the learning rate or look at the batch"
  }
}

/// How an array of a saved optimizer, or a saved parameter, does not fit those that are trained.
public enum OptimizerStateProblem: Sendable, Equatable, CustomStringConvertible {
  /// The state has two arrays of the name.
  case duplicate
  /// The state lacks the array.
  case missing
  /// The array has another shape than its parameter.
  case shape(found: [Int], expected: [Int])
  /// No trained parameter has the name.
  case noParameter

  /// What the array does wrong, to be read after its name.
  public var description: String {
    switch self {
    case .duplicate: "is there twice"
    case .missing: "is missing"
    case .shape(let found, let expected): "has shape \(found) instead of \(expected)"
    case .noParameter: "belongs to no parameter"
    }
  }
}
