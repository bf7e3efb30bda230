import RemoteRewardModels
import RewardModels
import Testing

@Suite(.timeLimit(.minutes(1))) struct CircuitBreakerTests {
  let endpoint = RemoteEndpoint(model: "judge", url: "http://127.0.0.1")

  @Test func breakerOpensFailsAtOnceAndCloses() async throws {
    let requests = Samples.requests(pairs: 1)
    let failures = [FaultyServer.Fault?](repeating: .status(500), count: 6)
    try await FaultyServer.run(.tei, .init(faults: .scripted(failures))) { server in
      let rest = Duration.milliseconds(400)
      let model = try Samples.model(
        .tei, url: server.url, retries: 1, breaker: CircuitBreakerConfiguration(failures: 2, rest: rest))
      func sent() async -> Int { await server.log.entries.count }

      for _ in 0..<2 { #expect(await model.outcomes(requests).allSatisfy { $0.failure != nil }) }
      #expect(await sent() == 4)
      let clock = ContinuousClock()
      let opened = clock.now
      let error = try #require(await model.outcomes(requests)[0].failure)
      if opened.duration(to: clock.now) < rest / 2 {
        #expect("\(error)".contains("2 calls in a row failed"))
        #expect("\(error)".contains("500"))
        #expect(await sent() == 4)
      }
      // The trial fails, with its retry, and the breaker stays open.
      try await Task.sleep(for: rest)
      guard case .refused? = await model.outcomes(requests)[0].failure as? RemoteRewardModelError else {
        Issue.record("no trial")
        return
      }
      #expect(await sent() == 6)
      try await Task.sleep(for: rest)
      for _ in 0..<3 { #expect(try await model.scores(requests) == Samples.scores(requests)) }
      #expect(await sent() == 9)
    }
  }

  @Test func oneTrialRunsAtATime() async throws {
    let breaker = CircuitBreaker(CircuitBreakerConfiguration(failures: 1, rest: .zero), endpoint: endpoint)
    let failure = RemoteRewardModelError.connection(endpoint, cause: "down")
    let early = try await breaker.admit()
    await breaker.failed(try await breaker.admit(), failure)
    await #expect(throws: RemoteRewardModelError.self) { try await breaker.check(early) }
    let trial = try await breaker.admit()
    #expect(trial.isTrial)
    try await breaker.check(trial)
    await #expect(throws: RemoteRewardModelError.self) { _ = try await breaker.admit() }
    await breaker.abandoned(trial)
    let second = try await breaker.admit()
    #expect(second.isTrial)
    await breaker.succeeded()
    #expect(try await !breaker.admit().isTrial)
    try await breaker.check(early)
  }

  @Test func aSuccessBetweenFailuresStartsTheCountAnew() async throws {
    let breaker = CircuitBreaker(CircuitBreakerConfiguration(failures: 2, rest: .seconds(600)), endpoint: endpoint)
    let failure = RemoteRewardModelError.connection(endpoint, cause: "down")
    for _ in 0..<3 {
      await breaker.failed(try await breaker.admit(), failure)
      await breaker.succeeded()
    }
    await breaker.failed(try await breaker.admit(), failure)
    await breaker.failed(try await breaker.admit(), failure)
    await #expect(throws: RemoteRewardModelError.self) { _ = try await breaker.admit() }
  }

  @Test func requestsThatAServerRefusesDoNotOpenTheBreaker() async throws {
    let faults = [FaultyServer.Fault?](repeating: .status(400), count: 5)
    try await FaultyServer.run(.tei, .init(faults: .scripted(faults))) { server in
      let model = try Samples.model(
        .tei, url: server.url, breaker: CircuitBreakerConfiguration(failures: 2, rest: .seconds(600)))
      for _ in 0..<5 { _ = await model.outcomes(Samples.requests(pairs: 1)) }
      #expect(try await model.scores(Samples.requests(pairs: 1)).count == 2)
    }
  }

  @Test func callsThatWaitWhenTheBreakerOpensAreNotSent() async throws {
    let faults = [FaultyServer.Fault?](repeating: .garbage, count: 50)
    try await FaultyServer.run(.tei, .init(faults: .scripted(faults))) { server in
      let limits = CallLimits(concurrentCalls: 1, textsPerCall: 2, timeout: .seconds(20))
      let model = try Samples.model(
        .tei, url: server.url, limits: limits, retries: 0,
        breaker: CircuitBreakerConfiguration(failures: 3, rest: .seconds(600)))
      let outcomes = await model.outcomes(Samples.requests(pairs: 40))
      #expect(outcomes.allSatisfy { $0.failure != nil })
      // A few more may be under way while the third failure is counted.
      #expect((3..<10).contains(await server.log.entries.count))
    }
  }
}
