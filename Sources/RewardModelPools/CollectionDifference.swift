/// How the scores in a folder differ from those that were asked for.
public enum CollectionDifference: Sendable, Equatable, CustomStringConvertible {
  /// The folder has scores of more or fewer pairs.
  case pairCount(found: Int, expected: Int)
  /// The folder has scores of as many pairs, which are others.
  case pairs(count: Int)
  /// The folder has scores of other reward models.
  case rewardModels(found: [String], expected: [String])
  /// A setting of a reward model is another; the values are JSON, nil where the setting is not there.
  case setting(_ name: String, rewardModel: String, found: String?, expected: String?)

  public var description: String {
    switch self {
    case .pairCount(let found, let expected):
      "it has \(found) pairs, not \(expected)"
    case .pairs(let count):
      "its \(count) pairs have other texts, ids or labels, or another order"
    case .rewardModels(let found, let expected):
      "its reward models are \(found.joined(separator: ", ")), not \(expected.joined(separator: ", "))"
    case .setting(let name, let rewardModel, let found, let expected):
      "the \(name) of its reward model '\(rewardModel)' is \(found ?? "not set"), not \(expected ?? "not set")"
    }
  }
}
