/// What data or settings can make go wrong when routers, reward models and pairs meet.
public enum AlignmentError: Error, Equatable, CustomStringConvertible {
  /// No pair is left to replay.
  case noPairs(reason: String)
  /// Pairs without a gold label cannot be judged.
  case unlabelled(count: Int, firstID: String)
  /// A setting that does not fit the others or the data.
  case setting(name: String, problem: String)
  /// Every reward model that could label the pair failed.
  case nobodyLabels(pairID: String, failures: [ArmFailure])

  public var description: String {
    switch self {
    case .noPairs(let reason):
      "there is nothing to replay: \(reason)"
    case .unlabelled(let count, let firstID):
      "\(count) pairs have no gold label, the first of them '\(firstID)'; a replay judges choices by labels, so leave them out"
    case .setting(let name, let problem):
      "\(name): \(problem)"
    case .nobodyLabels(let pairID, let failures):
      "no reward model could label pair '\(pairID)': "
        + failures.map { "\($0.rewardModel): \($0.problem)" }.joined(separator: "; ")
    }
  }
}
