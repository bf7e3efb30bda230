import Storage

/// What can go wrong with preference data whose files are readable; broken files throw `StorageError`. Rows count from 1.
public enum PreferenceDataError: Error, Equatable, CustomStringConvertible {
  case noPairs(file: String)
  case noRewardModels(file: String)
  case emptyPrompt(place: FilePlace)
  case duplicatePair(place: FilePlace, id: String, first: String)
  case duplicateScore(place: FilePlace, id: String, rewardModel: String)
  case unknownPair(place: FilePlace, id: String)
  case unknownRewardModel(place: FilePlace, name: String, known: [String])
  case duplicateRewardModel(place: FilePlace, name: String)
  case rewardModelIndex(place: FilePlace, found: Int, expected: Int)
  case missingScores(file: String, rewardModel: String, count: Int, pairs: Int, firstID: String)
  /// A selection names a reward model that the dataset does not have.
  case noSuchRewardModel(name: String, known: [String])
  case repeatedSelection(name: String)
  case emptySelection
  case scoreNotFinite(rewardModel: String, id: String)

  case tooFewGroups(found: Int, needed: Int)
  case fractionOutOfRange(Double)
  case tooFewFolds(Int)

  /// A folder is no clone of JudgeBench with reward-model outputs.
  case notJudgeBench(folder: String, missing: String)
  /// A reward model left no scores for a pair.
  case failedJudgment(place: FilePlace, id: String)
  case unequalColumns(file: String, column: String, count: Int, ids: Int)
  /// Two files disagree about what should be the same pair.
  case differs(place: FilePlace, id: String, what: String, reference: String)
  case noSharedPrompt(place: FilePlace)
  case sameModel(name: String, first: String, second: String)

  public var description: String {
    switch self {
    case .noPairs(let file):
      "\(file) holds no pairs; a dataset needs at least one"
    case .noRewardModels(let file):
      "\(file) lists zero reward models: run collect or add scores"
    case .emptyPrompt(let place):
      "\(place), field \"prompt\": the list has no messages; give at least one"
    case .duplicatePair(let place, let id, let first):
      "\(place): the pair id \"\(id)\" was given before, at \(first); ids must be unique"
    case .duplicateScore(let place, let id, let rewardModel):
      "\(place): a second score of \"\(rewardModel)\" for the pair \"\(id)\"; keep one"
    case .unknownPair(let place, let id):
      "\(place), field \"id\": no pair has the id \"\(id)\"; add the pair or remove the score"
    case .unknownRewardModel(let place, let name, let known):
      "\(place), field \"reward_model\": \"\(name)\" is not listed in rms.json (\(known.joined(separator: ", "))); add it "
        + "there or remove the score"
    case .duplicateRewardModel(let place, let name):
      "\(place): the reward model \"\(name)\" is listed twice; names must be unique"
    case .rewardModelIndex(let place, let found, let expected):
      "\(place), field \"index\": found \(found), expected \(expected); the models must be listed in order from 0"
    case .missingScores(let file, let rewardModel, let count, let pairs, let firstID):
      "\(file): \"\(rewardModel)\" lacks scores for \(count) of \(pairs) pairs, the first is \"\(firstID)\"; add them, or "
        + "select other reward models"
    case .noSuchRewardModel(let name, let known):
      "there is no reward model \"\(name)\"; the dataset has \(known.joined(separator: ", "))"
    case .repeatedSelection(let name):
      "the reward model \"\(name)\" is selected twice"
    case .emptySelection:
      "no reward model is selected"
    case .scoreNotFinite(let rewardModel, let id):
      "the score of \"\(rewardModel)\" for the pair \"\(id)\" is NaN or infinite; compute it again or remove the pair"
    case .tooFewGroups(let found, let needed):
      "the pairs have \(found) different prompts or groups, but the split needs at least \(needed); pairs of one group, or of "
        + "one prompt where they have no group, stay together"
    case .fractionOutOfRange(let fraction):
      "a held-out fraction of \(fraction) is not between 0 and 1"
    case .tooFewFolds(let count):
      "\(count) folds cannot hold anything out; use at least 2"
    case .notJudgeBench(let folder, let missing):
      "\(folder) is not a clone of JudgeBench with reward-model outputs: it has no \(missing)"
    case .failedJudgment(let place, let id):
      "\(place), field \"judgments\": the reward model gave no two finite scores for the pair \"\(id)\"; judge it again "
        + "or remove the file"
    case .unequalColumns(let file, let column, let count, let ids):
      "\(file): column \"\(column)\" has \(count) rows, but \"id\" has \(ids)"
    case .differs(let place, let id, let what, let reference):
      "\(place): \(what) of the pair \"\(id)\" differs from that in \(reference); the files must score the same pairs"
    case .noSharedPrompt(let place):
      "\(place): the chosen and the rejected text share no beginning that could be the prompt; give message lists or a "
        + "prompt field"
    case .sameModel(let name, let first, let second):
      "\(first) and \(second) both hold scores of the reward model \"\(name)\"; give one of them"
    }
  }
}
