import PreferenceData
import RemoteRewardModels
import RewardModels
import Testing

@Suite(.timeLimit(.minutes(1))) struct CallLimiterTests {
  private actor Order {
    private(set) var entries: [Int] = []
    func append(_ entry: Int) { entries.append(entry) }
  }

  /// Starts a call and waits until it runs or stands in the limiter's queue.
  private func begin(
    _ limiter: CallLimiter, _ work: @escaping @Sendable () async throws -> Void
  ) async throws -> Task<Void, any Error> {
    func calls() async -> Int { await limiter.running + limiter.waiting.count }
    let before = await calls()
    let task = Task { try await limiter.withSlot(work) }
    while await calls() == before { try await Task.sleep(for: .milliseconds(1)) }
    return task
  }

  @Test func noMoreCallsThanAllowedRunAtATime() async throws {
    let requests = Samples.requests(pairs: 20)
    for most in [1, 3] {
      try await FaultyServer.run(.tei, .init(latency: .milliseconds(5))) { server in
        let limits = CallLimits(concurrentCalls: most, textsPerCall: 2, timeout: .seconds(20))
        let model = try Samples.model(.tei, url: server.url, limits: limits)
        #expect(try await model.scores(requests) == Samples.scores(requests))
        #expect(await server.log.entries.count == 20)
        #expect(await server.log.mostAtOnce <= most)
      }
    }
  }

  @Test func whoeverWaitsIsServedInTheOrderOfArrival() async throws {
    let limiter = CallLimiter(CallLimits(concurrentCalls: 1))
    let order = Order()
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    let first = try await begin(limiter) { for await _ in gate {} }
    var tasks: [Task<Void, any Error>] = []
    for number in 0..<5 { tasks.append(try await begin(limiter) { await order.append(number) }) }
    open.finish()
    try await first.value
    for task in tasks { try await task.value }
    #expect(await order.entries == [0, 1, 2, 3, 4])
  }

  @Test func aWaiterThatIsCancelledLeavesNoSlotBehind() async throws {
    let limiter = CallLimiter(CallLimits(concurrentCalls: 2))
    let order = Order()
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    let holder = try await begin(limiter) { for await _ in gate {} }
    let other = try await begin(limiter) { try await Task.sleep(for: .seconds(600)) }
    let waiting = try await begin(limiter) { await order.append(1) }
    let next = try await begin(limiter) { await order.append(2) }
    waiting.cancel()
    await #expect(throws: CancellationError.self) { try await waiting.value }
    other.cancel()
    await #expect(throws: CancellationError.self) { try await other.value }
    try await next.value
    open.finish()
    try await holder.value
    #expect(await order.entries == [2])
    // Both slots are there: the one call waits inside for the other.
    let (meeting, arrive) = AsyncStream.makeStream(of: Void.self)
    async let guest: Void = limiter.withSlot { for await _ in meeting {} }
    try await limiter.withSlot { arrive.finish() }
    try await guest
  }

  @Test func ratesAreKept() async throws {
    let clock = ContinuousClock()
    let requests = Samples.requests(pairs: 5)
    // At 60,000 tokens a minute one takes a millisecond; the last call waits for the four before it.
    let tokens = requests.dropLast(2).reduce(0) { $0 + $1.estimatedTokens }
    for (limits, least) in [
      (CallLimits(requestsPerSecond: 20, textsPerCall: 2), Duration.milliseconds(200)),
      (CallLimits(tokensPerMinute: 60_000, textsPerCall: 2), .milliseconds(tokens)),
    ] {
      try await FaultyServer.run(.tei) { server in
        let model = try Samples.model(.tei, url: server.url, limits: limits)
        let start = clock.now
        #expect(try await model.scores(requests) == Samples.scores(requests))
        #expect(start.duration(to: clock.now) >= least)
      }
    }
  }

  @Test func thirtyTwoTextsAreTheMostOfATextEmbeddingsCall() async throws {
    let requests = Samples.requests(pairs: 40)
    try await FaultyServer.run(.tei) { server in
      let model = try Samples.model(
        .tei, url: server.url, limits: CallLimits(textsPerCall: 100, timeout: .seconds(20)))
      #expect(try await model.scores(requests) == Samples.scores(requests))
      let sizes = await server.log.entries.map { entry -> Int in
        guard case .object(let body) = entry.body, case .array(let inputs) = body["inputs"] else { return 0 }
        return inputs.count
      }
      #expect(sizes.sorted() == [16, 32, 32])
    }
  }

  @Test func callsAreNotCutBetweenTheResponsesOfAPair() {
    let requests = Samples.requests(pairs: 5)
    #expect(HTTPRewardModel.calls(for: requests, atMost: 32) == [0..<10])
    #expect(HTTPRewardModel.calls(for: requests, atMost: 5) == [0..<4, 4..<8, 8..<10])
    #expect(HTTPRewardModel.calls(for: requests, atMost: 2) == [0..<2, 2..<4, 4..<6, 6..<8, 8..<10])
    #expect(HTTPRewardModel.calls(for: requests, atMost: 1) == (0..<10).map { $0..<$0 + 1 })
    #expect(HTTPRewardModel.calls(for: Array(requests.dropFirst()), atMost: 4) == [0..<3, 3..<7, 7..<9])
    #expect(HTTPRewardModel.calls(for: [], atMost: 4) == [])
  }

  @Test func delaysDoubleUpToABoundAndHeedTheServer() {
    let policy = RetryPolicy(
      firstDelay: .milliseconds(100), longestDelay: .milliseconds(1000), longestRetryAfter: .seconds(10))
    func delay(_ attempt: Int, _ retryAfter: Duration? = nil, uniform: Double) -> Duration {
      policy.delay(afterAttempt: attempt, retryAfter: retryAfter, uniform: uniform)
    }
    #expect((0...4).map { delay($0, uniform: 0) } == [50, 100, 200, 400, 500].map { .milliseconds($0) })
    #expect(delay(1, uniform: 0.5) == .milliseconds(150))
    #expect(delay(10_000, uniform: 0) == .milliseconds(500))
    #expect(delay(0, .seconds(3), uniform: 0) == .seconds(3))
    #expect(delay(0, .seconds(30), uniform: 0) == .seconds(10))
    #expect(delay(0, .zero, uniform: 0) == .milliseconds(50))
  }
}
