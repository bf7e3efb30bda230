import Dialogues
import PreferenceData
import RewardModels
import Storage

/// A reward model behind a server.
///
/// A list of requests goes out in calls of a few texts, several at a time within the limits. A call that fails is tried
/// again where that may help; what fails for good fails its own requests only, and never becomes a score.
public struct HTTPRewardModel: RewardModel {
  public struct Configuration: Sendable {
    /// The server's address; without a path it gets the dialect's own.
    public var url: String
    public var dialect: ServerDialect
    /// The model's name at the server (vLLM and SGLang); nil where it serves one.
    public var model: String?
    /// What makes the text that the server scores; nil sends it the turns, one dialogue a call, and the server has the template. Only
    /// vLLM takes turns.
    public var format: TextFormat?
    public var token: BearerToken?
    /// Lets the server cut a text that is too long (vLLM and text-embeddings-inference) instead of refusing the call.
    public var truncates: Bool
    public var limits: CallLimits
    public var retry: RetryPolicy
    public var breaker: CircuitBreakerConfiguration
    /// Seeds the jitter of the retries.
    public var seed: UInt64

    public init(
      url: String, dialect: ServerDialect, model: String? = nil, format: TextFormat?, token: BearerToken? = nil,
      truncates: Bool = false, limits: CallLimits = CallLimits(), retry: RetryPolicy = RetryPolicy(),
      breaker: CircuitBreakerConfiguration = CircuitBreakerConfiguration(), seed: UInt64 = 0
    ) {
      self.url = url
      self.dialect = dialect
      self.model = model
      self.format = format
      self.token = token
      self.truncates = truncates
      self.limits = limits
      self.retry = retry
      self.breaker = breaker
      self.seed = seed
    }
  }

  public let name: String
  public let configuration: Configuration
  /// What is likely wrong with the settings though it works.
  public let warnings: [String]
  private let form: RequestForm
  private let connection: ServerConnection
  private let limiter: CallLimiter
  private let breaker: CircuitBreaker
  private let jitter: Jitter

  /// Sends nothing.
  ///
  /// - Throws: `RemoteRewardModelError.invalidURL`; `.messagesNotTaken` for messages to a server that takes texts.
  public init(name: String, configuration: Configuration) throws(RemoteRewardModelError) {
    if configuration.format == nil, !configuration.dialect.takesMessages {
      throw .messagesNotTaken(model: name, dialect: configuration.dialect)
    }
    let url = try ServerURL(configuration.url, model: name, dialect: configuration.dialect)
    self.name = name
    self.configuration = configuration
    warnings = (configuration.format?.warnings(dialect: configuration.dialect) ?? []).map {
      "reward model '\(name)': \($0)"
    }
    form = RequestForm(
      dialect: configuration.dialect, model: configuration.model,
      addsSpecialTokens: configuration.format?.addsSpecialTokens ?? false,
      truncates: configuration.truncates)
    connection = ServerConnection(url: url, token: configuration.token, timeout: configuration.limits.timeout)
    limiter = CallLimiter(configuration.limits)
    breaker = CircuitBreaker(configuration.breaker, endpoint: url.endpoint)
    jitter = Jitter(seed: configuration.seed)
  }

  /// `warnings`, which concern the text of every request.
  public func warnings(for requests: [ScoringRequest]) -> [String] { warnings }

  /// Checks before any work that the server's host has an address; sends it nothing.
  ///
  /// - Throws: `RemoteRewardModelError.unresolvedHost`.
  public func check() async throws(RemoteRewardModelError) {
    try await connection.url.resolve()
  }

  /// - Throws: the first failure among the outcomes.
  public func scores(_ requests: [ScoringRequest]) async throws -> [Double] {
    try await outcomes(requests).map { try $0.get() }
  }

  /// A failure is a `RemoteRewardModelError`, a `DialogueError` of the template, or a `CancellationError`.
  public func outcomes(_ requests: [ScoringRequest]) async -> [ScoringOutcome] {
    let calls = Self.calls(for: requests, atMost: textsPerCall)
    return await withTaskGroup(of: (Int, [ScoringOutcome]).self) { group in
      for (index, range) in calls.enumerated() {
        group.addTask { (index, await call(requests[range])) }
      }
      var outcomes = [[ScoringOutcome]](repeating: [], count: calls.count)
      for await (index, part) in group { outcomes[index] = part }
      return outcomes.flatMap { $0 }
    }
  }

  private var textsPerCall: Int {
    if configuration.format == nil { return 1 }
    return min(configuration.limits.textsPerCall, configuration.dialect.mostTextsPerCall)
  }

  /// Cuts a list into parts of at most `limit`, and not between two neighbours of one pair unless the limit is 1.
  package static func calls(for requests: [ScoringRequest], atMost limit: Int) -> [Range<Int>] {
    var calls: [Range<Int>] = []
    var start = 0
    while start < requests.count {
      var end = min(start + limit, requests.count)
      if end < requests.count, end - start > 1, requests[end - 1].pairID == requests[end].pairID { end -= 1 }
      calls.append(start..<end)
      start = end
    }
    return calls
  }

  /// Sends what can be written as text; the other requests fail by themselves. Where the server finds fault with a call of
  /// several pairs, one text may be at fault, so its halves are sent alone.
  private func call(_ requests: ArraySlice<ScoringRequest>) async -> [ScoringOutcome] {
    let withPrompt = configuration.dialect == .openRLHF
    let inputs = requests.map { request in
      Result { try ModelInput(request, format: configuration.format, withPrompt: withPrompt) }
    }
    let sendable = inputs.compactMap { try? $0.get() }
    let scores: Result<[Double], any Error>
    do {
      scores = .success(try await send(sendable, tokens: requests.reduce(0) { $0 + $1.estimatedTokens }))
    } catch {
      if Self.mayBlameOneText(error), let middle = Self.middle(of: requests) {
        return await call(requests[..<middle]) + call(requests[middle...])
      }
      scores = .failure(error)
    }
    var sent = 0
    return inputs.map { input in
      input.flatMap { _ in
        defer { sent += 1 }
        return scores.map { $0[sent] }
      }
    }
  }

  private static func mayBlameOneText(_ error: any Error) -> Bool {
    guard case RemoteRewardModelError.refused(_, let refusal) = error else { return false }
    return [400, 413, 422].contains(refusal.status)
  }

  /// Where a list of several pairs is cut in two between pairs; nil for one pair.
  private static func middle(of requests: ArraySlice<ScoringRequest>) -> Int? {
    let cuts = requests.indices.dropFirst().filter { requests[$0].pairID != requests[$0 - 1].pairID }
    return cuts.isEmpty ? nil : cuts[cuts.count / 2]
  }

  /// One call with its retries, if the breaker lets it.
  private func send(_ inputs: [ModelInput], tokens: Int) async throws -> [Double] {
    if inputs.isEmpty { return [] }
    let body = form.body(inputs).utf8()
    let pass = try await breaker.admit()
    do {
      let scores = try await scores(of: body, count: inputs.count, tokens: tokens, pass)
      await breaker.succeeded()
      return scores
    } catch let error as RemoteRewardModelError {
      switch error {
      case .circuitOpen: break
      case _ where error.isServersFault: await breaker.failed(pass, error)
      // A server that finds fault with the request is there.
      default: await breaker.succeeded()
      }
      throw error
    } catch {
      await breaker.abandoned(pass)
      throw error
    }
  }

  /// Attempts until one succeeds, the retries are spent, or trying again cannot help.
  private func scores(
    of body: [UInt8], count: Int, tokens: Int, _ pass: CircuitBreaker.Pass
  ) async throws -> [Double] {
    var attempt = 0
    while true {
      do {
        return try await limiter.withSlot {
          try await breaker.check(pass)
          try await limiter.pace(tokens: tokens)
          let answer = try await connection.post(body)
          do throws(UnusableAnswer) {
            return try configuration.dialect.scores(in: answer, count: count)
          } catch {
            throw connection.unusable(error.problem)
          }
        }
      } catch let error as RemoteRewardModelError where error.isTransient && attempt < configuration.retry.retries {
        var retryAfter: Duration?
        if case .refused(_, let refusal) = error { retryAfter = refusal.retryAfter }
        try await Task.sleep(
          for: configuration.retry.delay(
            afterAttempt: attempt, retryAfter: retryAfter, uniform: await jitter.next()))
        attempt += 1
      }
    }
  }
}
