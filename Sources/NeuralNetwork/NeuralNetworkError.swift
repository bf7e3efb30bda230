/// What can go wrong while a network is trained.
public enum NeuralNetworkError: Error, Equatable, CustomStringConvertible {
  /// A gradient is NaN or infinite. `step` counts from 1; `batch` names what the step was computed from.
  case notFiniteGradient(parameter: String, index: Int, value: String, step: Int, batch: [String])
  /// A saved state of an optimizer does not belong to these parameters.
  case optimizerState(tensor: String, problem: String)

  public var description: String {
    switch self {
    case .notFiniteGradient(let parameter, let index, let value, let step, let batch):
      "step \(step): the gradient of \"\(parameter)\" is \(value) at index \(index)"
        + (batch.isEmpty ? "" : ", batch \(batch.joined(separator: ", "))")
        + "; lower the learning rate or look at the batch"
    case .optimizerState(let tensor, let problem):
      "the saved optimizer does not fit: tensor \"\(tensor)\" \(problem); resume with the model and settings it was saved from"
    }
  }
}
