import RemoteRewardModels
import RewardModels
import Testing

@Suite(.timeLimit(.minutes(1))) struct FaultTests {
  static let passing: [FaultyServer.Fault] = [
    .cutOff, .status(408), .status(429), .status(500), .status(503), .garbage, .notANumber, .infinite, .missingScore,
    .extraScore,
  ]

  @Test(arguments: ServerDialect.allCases, passing)
  func aFaultThatPassesIsTriedAgainAndScoresAreRight(dialect: ServerDialect, fault: FaultyServer.Fault) async throws {
    let requests = Samples.requests(pairs: 2)
    try await FaultyServer.run(dialect, .init(faults: .scripted([fault, fault]))) { server in
      let model = try Samples.model(dialect, url: server.url, retries: 2)
      #expect(try await model.scores(requests) == Samples.scores(requests))
      #expect(await server.log.entries.count == 3)
    }
  }

  @Test(arguments: passing)
  func retriesAreBounded(fault: FaultyServer.Fault) async throws {
    try await FaultyServer.run(.vllmClassify, .init(faults: .scripted([fault, fault, fault]))) { server in
      let model = try Samples.model(.vllmClassify, url: server.url, retries: 2)
      for outcome in await model.outcomes(Samples.requests(pairs: 2)) {
        let error = try #require(outcome.failure as? RemoteRewardModelError)
        #expect(error.isTransient)
        switch (fault, error) {
        case (.cutOff, .connection), (.garbage, .unusableAnswer), (.notANumber, .unusableAnswer),
          (.infinite, .unusableAnswer), (.missingScore, .unusableAnswer), (.extraScore, .unusableAnswer):
          break
        case (.status(let status, _), .refused(_, let refusal)): #expect(refusal.status == status)
        default: Issue.record("\(error)")
        }
        #expect("\(error)".contains("reward model 'judge' at \(server.url)/classify"))
      }
      #expect(await server.log.entries.count == 3)
      // The server has recovered.
      #expect(try await model.scores(Samples.requests(pairs: 2)) == Samples.scores(Samples.requests(pairs: 2)))
    }
  }

  @Test(arguments: [400, 401, 403, 404, 413, 422])
  func aRequestThatIsRefusedIsNotSentAgain(status: Int) async throws {
    try await FaultyServer.run(.vllmPooling, .init(faults: .scripted([.status(status)]))) { server in
      let model = try Samples.model(.vllmPooling, url: server.url, retries: 5)
      let error = try #require(await model.outcomes(Samples.requests(pairs: 1))[0].failure as? RemoteRewardModelError)
      guard case .refused(_, let refusal) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(refusal.status == status)
      #expect(refusal.type == "Scripted")
      #expect(refusal.message == "scripted failure")
      #expect(await server.log.entries.count == 1)
    }
  }

  /// A failed computation of text-embeddings-inference is a 4xx and not tried again, but counts against the server.
  @Test func typesThatBlameTheServerAreComparedWithoutCase() {
    for type in ["Backend", "backend", "Overloaded", "unhealthy"] {
      let refusal = ServerRefusal(status: 424, type: type, message: "", retryAfter: nil)
      #expect(refusal.isServersFault && !refusal.isTransient)
    }
    for type in ["Validation", "Tokenizer", nil] {
      let refusal = ServerRefusal(status: 422, type: type, message: "", retryAfter: nil)
      #expect(!refusal.isServersFault && !refusal.isTransient)
    }
  }

  @Test(arguments: [FaultyServer.Fault.stall, .stallInBody])
  func aServerThatStallsIsGivenUpAfterTheTimeout(fault: FaultyServer.Fault) async throws {
    try await FaultyServer.run(.tei, .init(faults: .scripted([fault]))) { server in
      let limits = CallLimits(timeout: .milliseconds(300))
      let impatient = try Samples.model(.tei, url: server.url, limits: limits, retries: 0)
      let failure = await impatient.outcomes(Samples.requests(pairs: 1))[0].failure
      guard case .timeout(_, limit: .milliseconds(300))? = failure as? RemoteRewardModelError else {
        Issue.record("\(String(describing: failure))")
        return
      }
      #expect(await server.log.entries.count <= 1)
    }
  }

  @Test(arguments: [FaultyServer.Fault.stall, .stallInBody])
  func aStalledCallIsSentAgain(fault: FaultyServer.Fault) async throws {
    let requests = Samples.requests(pairs: 1)
    try await FaultyServer.run(.tei, .init(faults: .scripted([fault]))) { server in
      // A busy machine may need more than one timeout to answer.
      let model = try Samples.model(.tei, url: server.url, limits: CallLimits(timeout: .seconds(1)), retries: 5)
      #expect(try await model.scores(requests) == Samples.scores(requests))
      #expect(await server.log.entries.count >= 2)
    }
  }

  @Test func aClosedPortIsNoConnection() async throws {
    let url = try await FaultyServer.closedURL()
    let model = try Samples.model(.sglang, url: url, retries: 2)
    for outcome in await model.outcomes(Samples.requests(pairs: 2)) {
      guard case .connection? = outcome.failure as? RemoteRewardModelError else {
        Issue.record("\(outcome)")
        continue
      }
    }
    try await model.check()
  }

  @Test func aRedirectIsNotFollowed() async throws {
    try await FaultyServer.run(.sglang, .init(faults: .scripted([.redirect]))) { server in
      let model = try Samples.model(.sglang, url: server.url)
      let error = try #require(await model.outcomes(Samples.requests(pairs: 1))[0].failure)
      #expect("\(error)".contains("redirects are not followed"))
      #expect(await server.log.entries.map(\.path) == ["/classify"])
    }
  }

  /// A refusal of one kind of text may concern one pair only: the halves are sent alone, down to the pair at fault.
  @Test func onePairAtFaultDoesNotFailTheOthersOfItsCall() async throws {
    // Four pairs, then the first two, then each of them; the second call of one pair is refused for good.
    let faults: [FaultyServer.Fault?] = [.status(422), .status(422), nil, .status(422), nil]
    try await FaultyServer.run(.tei, .init(faults: .scripted(faults))) { server in
      let model = try Samples.model(.tei, url: server.url)
      let requests = Samples.requests(pairs: 4)
      let outcomes = await model.outcomes(requests)
      let failed = outcomes.indices.filter { outcomes[$0].failure != nil }
      #expect(failed == [2, 3])
      let expected = Samples.scores(requests)
      for index in outcomes.indices where !failed.contains(index) {
        #expect(try outcomes[index].get() == expected[index])
      }
      #expect(await server.log.entries.count == 5)
    }
  }

  @Test func aFailedCallFailsItsOwnPairsOnly() async throws {
    let requests = Samples.requests(pairs: 5)
    try await FaultyServer.run(.tei, .init(faults: .scripted([nil, .status(403)]))) { server in
      let limits = CallLimits(concurrentCalls: 1, textsPerCall: 5, timeout: .seconds(20))
      let model = try Samples.model(.tei, url: server.url, limits: limits)
      let outcomes = await model.outcomes(requests)
      let failed = outcomes.indices.filter { outcomes[$0].failure != nil }
      // Calls of 4, 4 and 2 texts, of which the second to arrive fails.
      #expect([Array(0..<4), Array(4..<8), Array(8..<10)].contains(failed))
      for (index, score) in Samples.scores(requests).enumerated() where !failed.contains(index) {
        #expect(try outcomes[index].get() == score)
      }
      await #expect(throws: RemoteRewardModelError.self) {
        try await Samples.model(.tei, url: FaultyServer.closedURL(), retries: 0).scores(requests)
      }
    }
  }

  @Test func aTextThatTheTemplateRefusesFailsAlone() async throws {
    try await FaultyServer.run(.vllmClassify) { server in
      let template = try Samples.template(
        beginning: "{% if messages[1]['content'] == 'B 0' %}{{ raise_exception('no') }}{% endif %}")
      let model = try Samples.model(.vllmClassify, url: server.url, format: .chat(template))
      let outcomes = await model.outcomes(Samples.requests(pairs: 2))
      #expect(outcomes.map { $0.failure == nil } == [true, false, true, true])
      let text = "<|user|>question 1\n<|assistant|>B 1\n"
      #expect(try outcomes[3].get() == FaultyServer.score(model: "rm", text: text))
    }
  }

  @Test func retryAfterIsWaitedForUpToABound() async throws {
    let clock = ContinuousClock()
    for (bound, least) in [(Duration.seconds(5), Duration.seconds(1)), (.milliseconds(50), .milliseconds(50))] {
      try await FaultyServer.run(.tei, .init(faults: .scripted([.status(429, retryAfter: 1)]))) { server in
        let model = try HTTPRewardModel(
          name: "judge",
          configuration: HTTPRewardModel.Configuration(
            url: server.url, dialect: .tei, format: .router,
            retry: RetryPolicy(retries: 1, firstDelay: .milliseconds(1), longestRetryAfter: bound)))
        let start = clock.now
        _ = try await model.scores(Samples.requests(pairs: 1))
        #expect(start.duration(to: clock.now) >= least)
      }
    }
  }

  @Test func aServerThatFailsAtRandomStillGivesTheRightScores() async throws {
    let requests = Samples.requests(pairs: 60)
    let plan = FaultPlan.random(probability: 0.3, kinds: Self.passing, seed: 3)
    try await FaultyServer.run(.vllmClassify, .init(faults: plan)) { server in
      let limits = CallLimits(concurrentCalls: 4, textsPerCall: 4, timeout: .seconds(20))
      let model = try Samples.model(.vllmClassify, url: server.url, limits: limits, retries: 20)
      #expect(try await model.scores(requests) == Samples.scores(requests))
      #expect(await server.log.entries.count > 30)
    }
  }

  @Test func aCancelledTaskEndsWithoutAScore() async throws {
    try await FaultyServer.run(.tei, .init(faults: .scripted([.stall]))) { server in
      let model = try Samples.model(.tei, url: server.url, limits: CallLimits(timeout: .seconds(600)))
      let task = Task { try await model.scores(Samples.requests(pairs: 1)) }
      while await server.log.entries.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
    }
  }

  @Test func anAnswerBeyondTheSizeLimitFails() async throws {
    let answer = [UInt8](repeating: UInt8(ascii: " "), count: 64 << 20) + Array("[]".utf8)
    try await FaultyServer.run(.tei, .init(answer: answer)) { server in
      let model = try Samples.model(.tei, url: server.url, retries: 0)
      let error = try #require(await model.outcomes(Samples.requests(pairs: 1))[0].failure)
      #expect("\(error)".contains("larger than 64 MiB"))
    }
  }
}
