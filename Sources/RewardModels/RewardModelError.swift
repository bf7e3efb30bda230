import PreferenceData

/// What can go wrong between a pool and its reward models.
public enum RewardModelError: Error, Equatable, CustomStringConvertible {
  /// A pool of no models.
  case emptyPool
  /// Two models of a pool have one name.
  case duplicateModel(name: String)
  /// Two pairs of a recording have one id.
  case duplicatePair(id: String)
  /// A recording does not hold the pair.
  case unknownPair(model: String, pairID: String)
  /// A model returned more or fewer scores than it was asked for.
  case wrongScoreCount(model: String, expected: Int, found: Int)
  /// A model returned NaN or an infinity, as `value` says.
  case scoreNotFinite(model: String, pairID: String, side: ResponseSide, value: String)
  /// A checkpoint classifies, and does not score.
  case severalLabels(folder: String, labels: Int)
  /// A model may read hardly any tokens.
  case tooFewTokens(model: String, limit: Int, least: Int)
  /// A dialogue of which the tokenizer makes nothing.
  case noTokens(model: String, pairID: String, side: ResponseSide)
  /// An arm has no scores to standardise by.
  case noCalibrationScores(arm: Int)
  /// A score to standardise by is NaN or an infinity, as `value` says.
  case calibrationNotFinite(arm: Int, value: String)

  public var description: String {
    switch self {
    case .emptyPool:
      "a pool needs at least one reward model"
    case .duplicateModel(let name):
      "two reward models of the pool are named '\(name)'; give each its own name"
    case .duplicatePair(let id):
      "two pairs of the recording have the id '\(id)'; give each its own id"
    case .unknownPair(let model, let pairID):
      "the recording of reward model '\(model)' holds no pair '\(pairID)'; it scores only the pairs of its dataset"
    case .wrongScoreCount(let model, let expected, let found):
      "reward model '\(model)' returned \(found) scores for \(expected) responses; it must return one each, in order"
    case .scoreNotFinite(let model, let pairID, let side, let value):
      "reward model '\(model)' scored response \(side.rawValue) of pair '\(pairID)' as \(value); a score must be finite"
    case .severalLabels(let folder, let labels):
      "the score head of \(folder) has \(labels) labels; a reward model has one"
    case .tooFewTokens(let model, let limit, let least):
      "reward model '\(model)' may read \(limit) tokens of a text; allow at least \(least)"
    case .noTokens(let model, let pairID, let side):
      "response \(side.rawValue) of pair '\(pairID)' has no tokens for reward model '\(model)'; is its text empty?"
    case .noCalibrationScores(let arm):
      "the calibration scores of arm \(arm) cannot be used: there are none; pass at least one scored pair"
    case .calibrationNotFinite(let arm, let value):
      "the calibration scores of arm \(arm) cannot be used: \(value) is among them; a score must be finite"
    }
  }
}
