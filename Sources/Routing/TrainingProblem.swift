/// Why an offline router cannot be trained or evaluated on some data, or as asked.
public enum TrainingProblem: Sendable, Equatable, CustomStringConvertible {
  // MARK: Data

  /// The pool has no second reward model, so that there is nothing to choose.
  case oneRewardModel(name: String)
  /// None of the pairs has a label.
  case noLabels(pairs: Int)
  /// The reward models are right and wrong on the same pairs.
  case noDisagreement(labelledPairs: Int)

  // MARK: Settings

  /// There are no epochs to train, or no pairs in a batch.
  case tooFew(epochs: Int, batchSize: Int)
  /// There are more epochs, or pairs in a batch, than any training needs.
  case tooMany(epochs: Int, batchSize: Int)
  /// The size of a context is not positive.
  case dimension(Int)
  /// The learning rate of the heads is not positive and finite.
  case learningRate(Double)
  /// The learning rate of the encoder is not positive and finite.
  case encoderLearningRate(Double)
  /// The weight decay or the clipping norm is negative or not finite.
  case decayOrClipping(weightDecay: Double, clipNorm: Double)
  /// A weight of the loss is negative or not finite.
  case lossWeights(lambda: Double, mu: Double)
  /// The warm-up is no share of the steps.
  case warmup(Double)
  /// The patience is negative.
  case patience(Int)

  // MARK: Encoders that are trained along

  /// The encoder has no trained parameter, or no learning rate.
  case nothingTrained
  /// The folder holds an adapter instead of the checkpoint that is to be tuned.
  case adapter(folder: String)
  /// More layers are to be tuned than the checkpoint has.
  case tooManyLayers(EncoderTuning, folder: String, layers: Int)
  /// A low-rank update is to have a rank above the checkpoint's hidden size.
  case rankTooHigh(EncoderTuning, folder: String, hiddenSize: Int)

  public var description: String {
    switch self {
    case .oneRewardModel(let name):
      "there is nothing to route: the pool has one reward model, '\(name)'; name two or more"
    case .noLabels(let pairs):
      "none of the \(pairs) pairs has a label; an offline router learns from pairs whose label is known"
    case .noDisagreement(let labelledPairs):
      "the reward models agree on each of the \(labelledPairs) labelled pairs: any of them is as good as another there, and "
        + "a router has nothing to learn; use more pairs or other reward models"
    case .tooFew:
      "at least one epoch and one pair a batch are needed"
    case .tooMany:
      "at most a million epochs, and a billion pairs a batch"
    case .dimension:
      "a context has at least one coordinate"
    case .learningRate(let rate):
      "the learning rate is \(rate); it is a positive number"
    case .encoderLearningRate(let rate):
      "the encoder's learning rate is \(rate); it is a positive number, or train with a frozen encoder"
    case .decayOrClipping:
      "weight decay and clipping norm are finite numbers from 0 on"
    case .lossWeights:
      "the weights of the loss, lambda and mu, are finite numbers from 0 on"
    case .warmup(let share):
      "the warm-up is a share of the steps in [0, 1), not \(share)"
    case .patience:
      "the patience is a number of epochs, 0 for no early stopping"
    case .nothingTrained:
      "nothing of the encoder is trained; use a frozen encoder then"
    case .adapter(let folder):
      "\(folder) is a LoRA adapter, which cannot be tuned further; give the checkpoint that it is for"
    case .tooManyLayers(let tuning, let folder, let layers):
      "--tune \(tuning): \(folder) has \(layers) layers; name at most these, or full"
    case .rankTooHigh(let tuning, let folder, let hiddenSize):
      "--tune \(tuning): a rank is at most the hidden size, \(hiddenSize) in \(folder)"
    }
  }
}
