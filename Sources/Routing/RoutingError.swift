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
  case savedState(path: String, SavedStateProblem)
  /// Prices, their weight or a budget that routing cannot work with.
  case cost(CostProblem)
  /// Contexts cannot be fitted or encoded as asked.
  case context(ContextProblem)
  /// Margins cannot be calibrated, or read.
  case calibration(CalibrationProblem)
  /// An offline router cannot be trained on these data, or as asked.
  case training(TrainingProblem)
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
    case .cost(let problem):
      problem.description
    case .context(let problem):
      problem.description
    case .calibration(let problem):
      problem.description
    case .training(let problem):
      problem.description
    case .diverged(let epoch, let step, let tensor, let pairs):
      "training stopped in epoch \(epoch) at step \(step): \(tensor) is not finite; lower the learning rate, or look at the "
        + "pairs of the batch: \(pairs.joined(separator: ", "))"
    }
  }
}

/// Why routing cannot weigh prices as asked.
public enum CostProblem: Sendable, Equatable, CustomStringConvertible {
  /// The price of an arm is negative or not finite.
  case price(arm: Int, Double)
  /// The price of each arm is 0.
  case allFree
  /// The weight of a price is negative or not finite.
  case kappa(Double)
  /// The budget a pair is below the price of the cheapest arm, or not finite.
  case budget(Double, cheapest: Double)
  /// The step by which the weight of a price is changed is not positive and finite.
  case step(Double)

  public var description: String {
    switch self {
    case .price(let arm, let price):
      "the price of arm \(arm) is \(price); a price is a finite number from 0 on"
    case .allFree:
      "all prices are 0: there is no cost to be aware of"
    case .kappa(let kappa):
      "kappa is \(kappa); it is a finite number from 0 on"
    case .budget(let budget, let cheapest):
      "no choice keeps a budget of \(budget) a pair: the cheapest arm costs \(cheapest)"
    case .step(let step):
      "the step is \(step); it is a positive number"
    }
  }
}

/// Why contexts cannot be fitted or encoded as asked.
public enum ContextProblem: Sendable, Equatable, CustomStringConvertible {
  /// A projection is to be fitted to no contexts.
  case noContexts
  /// The contexts differ in `rank` directions, fewer than the coordinates of the projection.
  case tooFewDirections(components: Int, contexts: Int, rank: Int)
  /// The text of a dialogue, counted from 0, has no tokens.
  case noTokens(dialogue: Int)

  public var description: String {
    switch self {
    case .noContexts:
      "there are no contexts to fit a projection to; pass some pairs"
    case .tooFewDirections(let components, let contexts, let rank):
      "a projection to \(components) coordinates needs contexts that differ in as many directions, but the \(contexts) "
        + "contexts differ in \(rank); ask for at most \(rank), or fit on more pairs"
    case .noTokens(let dialogue):
      "dialogue \(dialogue) has no tokens; the tokenizer makes nothing of its text"
    }
  }
}
