/// Spares callers the wait for a server that is down.
///
/// After `failures` failed calls in a row (each with all its retries) the breaker opens: calls fail at once. After `rest`
/// one call is let through as a trial; a success closes the breaker, a failure starts another rest.
package actor CircuitBreaker {
  package struct Pass: Sendable {
    /// Whether the call is the one that tests an open breaker.
    package let isTrial: Bool
  }

  private let configuration: CircuitBreakerConfiguration
  private let endpoint: RemoteEndpoint
  private let clock = ContinuousClock()
  private var failures = 0
  private var lastFailure = ""
  /// When the rest ends; nil while closed.
  private var restEnd: ContinuousClock.Instant?
  private var trialRuns = false

  package init(_ configuration: CircuitBreakerConfiguration, endpoint: RemoteEndpoint) {
    self.configuration = configuration
    self.endpoint = endpoint
  }

  /// Before a call. Each pass is given back by `succeeded`, `failed` or `abandoned`.
  ///
  /// - Throws: `RemoteRewardModelError.circuitOpen`.
  package func admit() throws(RemoteRewardModelError) -> Pass {
    guard let restEnd else { return Pass(isTrial: false) }
    guard clock.now >= restEnd, !trialRuns else { throw open }
    trialRuns = true
    return Pass(isTrial: true)
  }

  /// Before each attempt of a call: the breaker may have opened while it waited.
  ///
  /// - Throws: `RemoteRewardModelError.circuitOpen`.
  package func check(_ pass: Pass) throws(RemoteRewardModelError) {
    if restEnd != nil, !pass.isTrial { throw open }
  }

  package func succeeded() {
    failures = 0
    restEnd = nil
    trialRuns = false
  }

  package func failed(_ pass: Pass, _ error: RemoteRewardModelError) {
    if pass.isTrial { trialRuns = false }
    // A call from before the breaker opened tells nothing new.
    guard restEnd == nil || pass.isTrial else { return }
    failures += 1
    lastFailure = "\(error)"
    if failures >= configuration.failures { restEnd = clock.now.advanced(by: configuration.rest) }
  }

  /// The call ended without telling anything of the server.
  package func abandoned(_ pass: Pass) {
    if pass.isTrial { trialRuns = false }
  }

  private var open: RemoteRewardModelError {
    .circuitOpen(endpoint, failures: failures, rest: configuration.rest, last: lastFailure)
  }
}

/// When a server counts as down.
public struct CircuitBreakerConfiguration: Hashable, Sendable {
  /// Failed calls in a row that open the breaker.
  public var failures: Int
  /// How long calls fail at once before one is tried.
  public var rest: Duration

  public init(failures: Int = 5, rest: Duration = .seconds(30)) {
    precondition(failures > 0 && rest >= .zero, "a breaker of \(failures) failures and \(rest) rest")
    self.failures = failures
    self.rest = rest
  }
}
