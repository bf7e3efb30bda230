/// What data or a saved state can make go wrong in routing.
public enum RoutingError: Error, Equatable, CustomStringConvertible {
  /// A context or reward holds NaN or an infinity.
  case notFinite(what: String, index: Int)
  /// A context of another size than the router's.
  case contextSize(found: Int, expected: Int)
  /// No arm of that name.
  case unknownArm(name: String, known: [String])
  /// An arm of that name is there already.
  case duplicateArm(name: String)
  /// A saved state does not fit what it is loaded for, or is damaged.
  case savedState(path: String, problem: String)
  /// Prices, their weight or a budget that routing cannot work with.
  case cost(problem: String)
  /// Contexts cannot be fitted or encoded as asked.
  case context(problem: String)
  /// An offline router cannot be trained on these data, or as asked.
  case training(problem: String)
  /// A loss or gradient of training is no longer a number; `pairs` are the ids of the batch.
  case diverged(epoch: Int, step: Int, tensor: String, pairs: [String])

  public var description: String {
    switch self {
    case .notFinite(let what, let index):
      "\(what) is not a finite number at index \(index); check the encoder and the losses"
    case .contextSize(let found, let expected):
      "the context has \(found) elements but the router takes \(expected); use the encoder that the router was made for"
    case .unknownArm(let name, let known):
      "there is no arm '\(name)'; the arms are \(known.joined(separator: ", "))"
    case .duplicateArm(let name):
      "there is an arm '\(name)' already; names of arms are unique"
    case .savedState(let path, let problem):
      "\(path): \(problem)"
    case .cost(let problem), .context(let problem), .training(let problem):
      problem
    case .diverged(let epoch, let step, let tensor, let pairs):
      "training stopped in epoch \(epoch) at step \(step): \(tensor) is not finite; lower the learning rate, or look at the "
        + "pairs of the batch: \(pairs.joined(separator: ", "))"
    }
  }
}
