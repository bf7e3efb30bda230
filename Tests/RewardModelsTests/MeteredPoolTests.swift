import PreferenceData
import RewardModels
import Testing

@Suite struct MeteredPoolTests {
  let pairs = (0..<20).map { pair("p\($0)", prompt: "question \($0)", "answer a \($0)", "other answer \($0)") }

  @Test(arguments: [1, 2, 5])
  func ensembleCallsEveryArmOnceAPairAndASingleArmIsOneCall(arms: Int) async throws {
    let ensemble = try MeteredPool((0..<arms).map { CountingModel(name: "rm\($0)") })
    for pair in pairs { _ = try await ensemble.scores(of: pair, arms: 0..<arms) }
    #expect(await ensemble.totalUsage.calls == arms * pairs.count)
    #expect(await ensemble.totalUsage.scores == 2 * arms * pairs.count)
    #expect(await ensemble.usage.map(\.calls) == [Int](repeating: pairs.count, count: arms))

    let single = try MeteredPool((0..<arms).map { CountingModel(name: "rm\($0)") })
    for (index, pair) in pairs.enumerated() { _ = try await single.scores(of: pair, arm: index % arms) }
    #expect(await single.totalUsage.calls == pairs.count)
  }

  @Test func repeatedPairCostsNothing() async throws {
    let model = CountingModel(name: "rm")
    let pool = try MeteredPool([model])
    let first = try await pool.scores(of: pairs[0], arm: 0)
    let usage = await pool.usage[0]
    #expect(try await pool.scores(of: pairs[0], arm: 0) == first)
    #expect(await pool.usage[0] == usage)
    #expect(await model.requests.count == 2)
  }

  @Test func textUnderAnotherPairIDIsNotScoredAgain() async throws {
    let model = CountingModel(name: "rm")
    let pool = try MeteredPool([model])
    _ = try await pool.scores(of: pair("first", "shared", "left"), arm: 0)
    let second = try await pool.scores(of: pair("second", "right!", "shared"), arm: 0)
    #expect(second == ScorePair(a: 6, b: 6))
    #expect(await model.requests.map(\.response) == ["shared", "left", "right!"])
    #expect(await pool.usage[0].calls == 2)
    #expect(await pool.usage[0].scores == 3)
  }

  @Test func rememberedTextsAreNeitherAskedForNorCounted() async throws {
    let model = CountingModel(name: "rm")
    let pool = try MeteredPool([CountingModel(name: "other"), model])
    await pool.remember([ScorePair(a: -1, b: -2)], of: [pair("earlier", "shared", "left")], arm: 1)
    #expect(try await pool.scores(of: pair("p", "right!", "shared"), arm: 1) == ScorePair(a: 6, b: -1))
    #expect(await model.requests.map(\.response) == ["right!"])
    let usage = await pool.usage[1]
    #expect(usage.calls == 1 && usage.scores == 1)
    // What the pool knows stays, and another arm knows nothing of it.
    await pool.remember([ScorePair(a: 0, b: 0)], of: [pair("later", "right!", "left")], arm: 1)
    #expect(try await pool.scores(of: pair("q", "right!", "left"), arm: 1) == ScorePair(a: 6, b: -2))
    #expect(try await pool.scores(of: pair("q", "shared", "left"), arm: 0) == ScorePair(a: 6, b: 4))
  }

  @Test func equalResponsesOfOnePairAreScoredOnce() async throws {
    let model = CountingModel(name: "rm")
    let pool = try MeteredPool([model])
    #expect(try await pool.scores(of: pair("p", "same", "same"), arm: 0).preferred == nil)
    #expect(await model.requests.count == 1)
  }

  @Test func anotherPromptAnotherRoleOrAnotherSpellingIsAnotherText() async throws {
    let model = CountingModel(name: "rm")
    let pool = try MeteredPool([model])
    let prompts: [Prompt] = [
      .text("hi"), .text("hi "), .messages([Message(role: "user", content: "hi")]),
      .messages([Message(role: "system", content: "hi")]), .messages([Message(role: "us", content: "erhi")]),
      .messages([]), .text(""), .text("caf\u{e9}"), .text("cafe\u{301}"),
    ]
    for (index, prompt) in prompts.enumerated() {
      let pair = PreferencePair(id: "p\(index)", prompt: prompt, responseA: "a", responseB: "b", label: nil)
      _ = try await pool.scores(of: pair, arm: 0)
    }
    #expect(await model.requests.count == 2 * prompts.count)
  }

  @Test func batchIsOneRequestOfDistinctTexts() async throws {
    let model = CountingModel(name: "rm")
    let pool = try MeteredPool([model])
    _ = try await pool.scores(of: pairs[3], arm: 0)
    let batch = [pairs[1], pairs[3], pairs[2], pairs[1]]
    let scores = try await pool.scores(of: batch, arm: 0)
    #expect(
      scores
        == batch.map { ScorePair(a: Double($0.responseA.utf8.count), b: Double($0.responseB.utf8.count)) })
    #expect(await model.batches.map(\.count) == [2, 4])
    #expect(await pool.usage[0].calls == 3)
    #expect(try await pool.scores(of: [], arm: 0).isEmpty)
  }

  @Test func concurrentRequestsShareOneScoring() async throws {
    let models = (0..<3).map { CountingModel(name: "rm\($0)") }
    let pool = try MeteredPool(models)
    try await withThrowingTaskGroup(of: (Int, [ScorePair]).self) { group in
      for task in 0..<400 {
        let index = task % pairs.count
        group.addTask { (index, try await pool.scores(of: pairs[index], arms: [2, 0, 1])) }
      }
      for try await (index, scores) in group {
        let expected = ScorePair(
          a: Double(pairs[index].responseA.utf8.count), b: Double(pairs[index].responseB.utf8.count))
        #expect(scores == [expected, expected, expected])
      }
    }
    for (arm, model) in models.enumerated() {
      #expect(await model.requests.count == 2 * pairs.count)
      #expect(await pool.usage[arm].scores == 2 * pairs.count)
      #expect(await pool.usage[arm].calls == pairs.count)
    }
  }

  @Test func armsAreAnsweredInTheOrderAsked() async throws {
    let pool = try MeteredPool((0..<3).map { arm in CountingModel(name: "rm\(arm)") { _ in Double(arm) } })
    #expect(try await pool.scores(of: pairs[0], arms: [2, 0, 2]).map(\.a) == [2, 0, 2])
    #expect(await pool.usage.map(\.calls) == [1, 0, 1])
  }

  @Test func failureIsPassedOnCountedAndForgotten() async throws {
    let pool = try MeteredPool([FailingModel(countdown: .init(2))])
    for _ in 0..<2 {
      await #expect(throws: FailingModel.Failure()) { try await pool.scores(of: pairs[0], arm: 0) }
    }
    #expect(await pool.usage[0].calls == 2)
    #expect(await pool.usage[0].scores == 0)
    #expect(try await pool.scores(of: pairs[0], arm: 0) == ScorePair(a: 1, b: 1))
    #expect(await pool.usage[0].scores == 2)
  }

  @Test func wrongNumberOfScoresIsAnError() async throws {
    let pool = try MeteredPool([FixedModel(name: "three", values: [1, 2, 3])])
    await #expect(throws: RewardModelError.wrongScoreCount(model: "three", expected: 2, found: 3)) {
      try await pool.scores(of: pairs[0], arm: 0)
    }
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func scoreThatIsNotFiniteIsAnError(score: Double) async throws {
    let pool = try MeteredPool([FixedModel(name: "odd", values: [1, score])])
    await #expect(throws: RewardModelError.scoreNotFinite(model: "odd", pairID: "p7", side: .b, value: "\(score)")) {
      try await pool.scores(of: pairs[7], arm: 0)
    }
  }

  @Test func tokensAreTheEstimateOrTheModelsOwnCount() async throws {
    struct Tokenizing: RewardModel {
      let name = "tokenizing"
      func scores(_ requests: [ScoringRequest]) -> [Double] { requests.map { _ in 0 } }
      func tokens(in request: ScoringRequest) -> Int { 1000 }
    }
    let pool = try MeteredPool([CountingModel(name: "plain"), Tokenizing()])
    _ = try await pool.scores(of: pair("p", prompt: "12345", "1234", "é"), arms: 0..<2)
    // (5 + 4) / 4 and (5 + 2) / 4, each rounded up.
    #expect(await pool.usage.map(\.tokens) == [3 + 2, 2000])
  }

  @Test func secondsLieBetweenTheModelsOwnTimeAndTheCallers() async throws {
    actor Time {
      var seconds = 0.0
      func add(_ duration: Duration) { seconds += duration / .seconds(1) }
    }
    struct Timed: RewardModel {
      let name = "timed"
      let time = Time()
      func scores(_ requests: [ScoringRequest]) async throws -> [Double] {
        await time.add(try await ContinuousClock().measure { try await Task.sleep(for: .milliseconds(2)) })
        return requests.map { _ in 0 }
      }
    }
    let model = Timed()
    let pool = try MeteredPool([model])
    let outside = try await ContinuousClock().measure {
      for pair in pairs.prefix(3) { _ = try await pool.scores(of: pair, arm: 0) }
    }
    let seconds = await pool.usage[0].seconds
    #expect(await model.time.seconds <= seconds)
    #expect(seconds <= outside / .seconds(1))
  }

  @Test func poolWithoutModelsOrWithEqualNamesIsRefused() {
    #expect(throws: RewardModelError.emptyPool) { try MeteredPool([]) }
    #expect(throws: RewardModelError.duplicateModel(name: "x")) {
      try MeteredPool([CountingModel(name: "x"), CountingModel(name: "x")])
    }
  }
}
