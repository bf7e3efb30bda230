/// What can go wrong when routers, reward models and pairs meet.
public enum AlignmentError: Error, Equatable, CustomStringConvertible {
  /// Every reward model that could label the pair failed.
  case nobodyLabels(pairID: String, failures: [ArmFailure])

  public var description: String {
    switch self {
    case .nobodyLabels(let pairID, let failures):
      "no reward model could label pair '\(pairID)': "
        + failures.map { "\($0.rewardModel): \($0.problem)" }.joined(separator: "; ")
    }
  }
}
