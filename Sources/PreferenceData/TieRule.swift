/// What a reward model's exact tie counts where it is judged by a gold label.
public enum TieRule: String, CaseIterable, Codable, Hashable, Sendable {
  /// A tie is an abstention and counts one half: what a fair coin would expect.
  case half
  /// A tie is wrong, as in JudgeBench's own metric.
  case wrong

  /// What a tie counts, between 0 for wrong and 1 for right.
  public var worth: Double {
    switch self {
    case .half: 0.5
    case .wrong: 0
    }
  }
}
