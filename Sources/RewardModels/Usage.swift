/// What reward models were made to do.
public struct Usage: Hashable, Sendable, Codable {
  /// Pairs a model was asked about: one call for one pair, whether one or both responses had to be scored. A pair whose
  /// two scores were known costs none.
  public var calls = 0
  /// Of these, the pairs that the model failed to score.
  public var failures = 0
  /// Responses that a model scored.
  public var scores = 0
  /// Tokens of the scored responses with their prompts (the prompt counts for each response), as
  /// `RewardModel.tokens(in:)` tells them: an estimate unless the model counts.
  public var tokens = 0
  /// Wall-clock time of the calls, failed ones too. Calls that overlap count each for itself.
  public var seconds = 0.0

  public init(calls: Int = 0, failures: Int = 0, scores: Int = 0, tokens: Int = 0, seconds: Double = 0) {
    self.calls = calls
    self.failures = failures
    self.scores = scores
    self.tokens = tokens
    self.seconds = seconds
  }

  public static func + (left: Usage, right: Usage) -> Usage {
    Usage(
      calls: left.calls + right.calls, failures: left.failures + right.failures,
      scores: left.scores + right.scores, tokens: left.tokens + right.tokens, seconds: left.seconds + right.seconds)
  }

  /// What was added since `earlier`.
  public static func - (later: Usage, earlier: Usage) -> Usage {
    Usage(
      calls: later.calls - earlier.calls, failures: later.failures - earlier.failures,
      scores: later.scores - earlier.scores, tokens: later.tokens - earlier.tokens,
      seconds: later.seconds - earlier.seconds)
  }

  public static func += (left: inout Usage, right: Usage) { left = left + right }
}
