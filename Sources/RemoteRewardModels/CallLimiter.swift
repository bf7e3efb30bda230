/// What a server is asked at most.
public struct CallLimits: Hashable, Sendable {
  /// Calls that run at a time.
  public var concurrentCalls: Int
  /// Calls that begin in a second, at least 1e-6; nil for no limit.
  public var requestsPerSecond: Double?
  /// Tokens (`ScoringRequest.estimatedTokens`) of the calls that begin in a minute; nil for no limit.
  public var tokensPerMinute: Int?
  /// Texts in one call. Both responses of a pair go in one call, unless this is 1.
  public var textsPerCall: Int
  /// How long one attempt may take, from connecting to the last byte of the answer.
  public var timeout: Duration

  public init(
    concurrentCalls: Int = 8, requestsPerSecond: Double? = nil, tokensPerMinute: Int? = nil, textsPerCall: Int = 32,
    timeout: Duration = .seconds(60)
  ) {
    precondition(concurrentCalls > 0 && textsPerCall > 0, "\(concurrentCalls) calls at a time of \(textsPerCall) texts")
    precondition((requestsPerSecond ?? 1) >= 1e-6, "\(requestsPerSecond ?? 0) requests a second")
    precondition((tokensPerMinute ?? 1) > 0, "\(tokensPerMinute ?? 0) tokens a minute")
    precondition(timeout > .zero, "a timeout of \(timeout)")
    self.concurrentCalls = concurrentCalls
    self.requestsPerSecond = requestsPerSecond
    self.tokensPerMinute = tokensPerMinute
    self.textsPerCall = textsPerCall
    self.timeout = timeout
  }
}

/// Keeps the calls to one server within limits. Who waits is served in the order of arrival.
///
/// Rates hold by spacing: after a call of t tokens the next begins no sooner than max(1 / requestsPerSecond,
/// 60 t / tokensPerMinute) seconds later. Nothing is saved up, so there are no bursts.
package actor CallLimiter {
  private let limits: CallLimits
  private let clock = ContinuousClock()
  package private(set) var running = 0
  private var nextStart: ContinuousClock.Instant
  /// Who waits for a call to end, by ticket.
  package private(set) var waiting: [Int: CheckedContinuation<Void, any Error>] = [:]
  /// The next ticket to hand out, and the next to serve.
  private var issued = 0
  private var served = 0

  package init(_ limits: CallLimits) {
    self.limits = limits
    nextStart = clock.now
  }

  /// Runs `call` as one of the concurrent calls.
  ///
  /// - Throws: what `call` throws; `CancellationError` if the task is cancelled while it waits.
  package func withSlot<Value: Sendable>(_ call: @Sendable () async throws -> Value) async throws -> Value {
    try await enter()
    defer { leave() }
    return try await call()
  }

  /// Waits until a call of this many tokens may begin.
  ///
  /// - Throws: `CancellationError`; the call's share of the rates is spent then too.
  func pace(tokens: Int) async throws {
    let now = clock.now
    let start = max(now, nextStart)
    let byRequests = limits.requestsPerSecond.map { 1 / $0 } ?? 0
    let byTokens = limits.tokensPerMinute.map { 60 * Double(tokens) / Double($0) } ?? 0
    nextStart = start.advanced(by: .seconds(max(byRequests, byTokens)))
    if start > now { try await clock.sleep(until: start) }
  }

  private func enter() async throws {
    if running < limits.concurrentCalls {
      running += 1
      return
    }
    let ticket = issued
    issued += 1
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        // A cancellation from here on finds the ticket.
        if Task.isCancelled {
          continuation.resume(throwing: CancellationError())
        } else {
          waiting[ticket] = continuation
        }
      }
    } onCancel: {
      Task { await self.withdraw(ticket) }
    }
  }

  /// Hands the slot to whoever waits longest.
  private func leave() {
    while served < issued {
      defer { served += 1 }
      if let next = waiting.removeValue(forKey: served) { return next.resume() }
    }
    running -= 1
  }

  /// Nothing, if the slot was handed over already: then the call runs and ends by itself.
  private func withdraw(_ ticket: Int) {
    waiting.removeValue(forKey: ticket)?.resume(throwing: CancellationError())
  }
}
