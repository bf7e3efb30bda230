/// What data or settings can make go wrong in a study.
public enum StudyError: Error, Equatable, CustomStringConvertible {
  /// A dataset without a pair.
  case noPairs
  /// The reward models are right and wrong together on every pair.
  case noDisagreement
  /// Pairs without a gold label cannot be judged.
  case unlabelled(count: Int, firstID: String)
  /// One reward model alone leaves nothing to choose.
  case oneRewardModel
  /// A setting that cannot be; `expected` is what it has to be.
  case setting(name: String, expected: String, found: String)
  /// A normaliser that compares the pairs of a step, in steps of one pair.
  case batchNormalizerOfOne
  /// A method that starts from offline data, in a study without any.
  case missingPrior(method: String)
  /// A method that weighs prices, in a study that knows none.
  case missingPrices
  /// Sub-pools of more reward models than there are.
  case poolTooLarge(size: Int, rewardModels: Int)
  /// More sub-pools than a study goes through.
  case tooManyPools(count: Int, limit: Int)
  /// Too few pairs without a common text for a study that times each once.
  case tooFewDistinctPairs(found: Int, needed: Int)
  /// A pool wider than the recorded one, and no leave to widen it by synthetic copies.
  case poolTooNarrow(wanted: Int, recorded: Int)
  /// Models that do not fit into this machine's memory.
  case tooLarge(models: Int, neededBytes: Int, availableBytes: Int)

  public var description: String {
    switch self {
    case .noPairs:
      "there is nothing to study: the dataset has no pair"
    case .noDisagreement:
      "there is nothing to study: the reward models are right and wrong together on every pair, so none is better to ask"
    case .unlabelled(let count, let firstID):
      "\(count) pairs have no gold label, the first of them '\(firstID)'; a study judges choices by labels, so leave them out"
    case .oneRewardModel:
      "reward models: one alone leaves nothing to choose; give at least two"
    case .setting(let name, let expected, let found):
      "\(name): \(expected), not \(found)"
    case .batchNormalizerOfOne:
      "normalizer: 'batch' compares the pairs of one step: set a batch of 2 or more"
    case .missingPrior(let method):
      "methods: '\(method)' needs a prior from offline data"
    case .missingPrices:
      "prices: routing by cost needs the price of each reward model"
    case .poolTooLarge(let size, let rewardModels):
      "pools of \(size) out of \(rewardModels) reward models do not exist"
    case .tooManyPools(let count, let limit):
      "\(count) sub-pools are too many, \(limit) is the limit; name fewer reward models"
    case .tooFewDistinctPairs(let found, let needed):
      "\(needed) pairs without a common text are needed, and the data have \(found)"
    case .poolTooNarrow(let wanted, let recorded):
      "N = \(wanted) is larger than the pool of \(recorded) reward models; choose at most \(recorded), or widen the pool by synthetic "
        + "copies"
    case .tooLarge(let models, let needed, let available):
      "\(models) reward models of this shape take \(Self.gibibytes(needed)) GiB, and this machine has \(Self.gibibytes(available)); "
        + "take a smaller shape, fewer, or bfloat16"
    }
  }

  private static func gibibytes(_ bytes: Int) -> Double { (Double(bytes) / 1_073_741_824 * 10).rounded() / 10 }
}
