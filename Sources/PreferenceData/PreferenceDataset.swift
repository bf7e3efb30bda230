/// Preference pairs with the scores that each reward model of a pool gave to them: the content of a dataset folder.
public struct PreferenceDataset: Hashable, Sendable {
  public let pairs: [PreferencePair]
  /// The pool, in arm order.
  public let rewardModels: [RewardModelDescription]
  /// `scores[arm][pair]`, complete.
  public let scores: [[ScorePair]]

  public init(pairs: [PreferencePair], rewardModels: [RewardModelDescription], scores: [[ScorePair]]) {
    precondition(scores.count == rewardModels.count, "\(rewardModels.count) models but \(scores.count) rows of scores")
    precondition(scores.allSatisfy { $0.count == pairs.count }, "each model scores each of the \(pairs.count) pairs")
    self.pairs = pairs
    self.rewardModels = rewardModels
    self.scores = scores
  }

  /// Who was right on which pair, an exact tie counting one half; O(arms x pairs) at each call.
  public var correctness: CorrectnessTable { CorrectnessTable(self) }
}
