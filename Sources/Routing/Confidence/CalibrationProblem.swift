/// Why margins cannot be calibrated, or read.
public enum CalibrationProblem: Sendable, Equatable, CustomStringConvertible {
  /// The margin of a model on a pair is NaN or an infinity; the pair is nil where it is not known.
  case margin(rewardModel: String, pair: String?, value: String)
  /// None of the pairs has a label.
  case noLabels(pairs: Int)

  public var description: String {
    switch self {
    case .margin(let rewardModel, let pair, let value):
      "the margin of \"\(rewardModel)\"\(pair.map { " on the pair \"\($0)\"" } ?? "") is \(value); a margin is the finite "
        + "difference of two scores: compute them again, or leave the pair out"
    case .noLabels(let pairs):
      "none of the \(pairs) pairs has a label; confidence is calibrated on pairs whose label is known"
    }
  }
}
