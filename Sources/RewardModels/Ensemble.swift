import PreferenceData

/// A way to make one verdict of the scores of several reward models: what an O(N) method does and a router saves.
public protocol Ensemble: Sendable {
  /// Names the mechanism in reports.
  var name: String { get }

  /// Which response the models together prefer. `scores` holds one element an arm, nil where the model failed: those that
  /// answered, at least one, make the verdict. O(arms).
  func verdict(scores: [ScorePair?]) -> Verdict
}

/// Which response is preferred, or that none is.
public enum Verdict: Hashable, Sendable {
  case preferred(ResponseSide)
  case tie

  /// The response that scores strictly higher.
  public init(_ scores: ScorePair) {
    self = scores.preferred.map(Verdict.preferred) ?? .tie
  }

  /// The probability that the verdict agrees with `label` where a tie is broken by a fair coin: 1, 0, or one half for a tie.
  public func correctness(label: ResponseSide) -> Double {
    switch self {
    case .preferred(let side): side == label ? 1 : 0
    case .tie: 0.5
    }
  }

  /// The preferred response; a tie is broken by a fair coin, one word of `generator`, which is drawn for a tie only.
  public func side(using generator: inout some RandomNumberGenerator) -> ResponseSide {
    switch self {
    case .preferred(let side): side
    case .tie: generator.next() >> 63 == 0 ? .a : .b
    }
  }
}
