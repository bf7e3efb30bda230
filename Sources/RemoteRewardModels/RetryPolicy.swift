import Randomness

/// How often a failed call is sent again, and after how long.
///
/// Attempt i (from 0) is followed by a wait of min(`firstDelay` 2^i, `longestDelay`) times a factor drawn uniformly from
/// [1/2, 1), so that callers that failed together do not come back together. Where the server says how long to wait
/// (`Retry-After` in seconds), the wait is at least that, up to `longestRetryAfter`.
public struct RetryPolicy: Hashable, Sendable {
  /// The attempts after the first.
  public var retries: Int
  public var firstDelay: Duration
  public var longestDelay: Duration
  public var longestRetryAfter: Duration

  public init(
    retries: Int = 4, firstDelay: Duration = .milliseconds(500), longestDelay: Duration = .seconds(30),
    longestRetryAfter: Duration = .seconds(120)
  ) {
    precondition(retries >= 0, "\(retries) retries")
    precondition(
      min(firstDelay, longestDelay, longestRetryAfter) >= .zero,
      "negative delay among \(firstDelay), \(longestDelay), \(longestRetryAfter)")
    self.retries = retries
    self.firstDelay = firstDelay
    self.longestDelay = longestDelay
    self.longestRetryAfter = longestRetryAfter
  }

  /// The wait after the attempt of this index; `uniform` in [0, 1).
  package func delay(afterAttempt attempt: Int, retryAfter: Duration?, uniform: Double) -> Duration {
    // From 2^30 on the longest delay holds in any case.
    let backoff = min(firstDelay * (1 << min(attempt, 30)), longestDelay) * (0.5 + uniform / 2)
    guard let retryAfter else { return backoff }
    return max(backoff, min(retryAfter, longestRetryAfter))
  }
}

/// The jitter of one model's retries.
actor Jitter {
  private var generator: PhiloxGenerator

  init(seed: UInt64) { generator = PhiloxGenerator(seed: seed, stream: "retry jitter") }

  func next() -> Double { generator.nextUniform() }
}
