import Dialogues
import PreferenceData
import Randomness
import RewardModels
import Testing

/// What a pool remembers where more texts come than its capacity holds.
@Suite struct MeteredPoolMemoryTests {
  let pairs = (0..<40).map { pair("p\($0)", prompt: "question \($0)", "answer a \($0)", "other answer \($0)") }

  private func expected(_ pair: PreferencePair) -> ScorePair {
    ScorePair(a: Double(pair.responseA.utf8.count), b: Double(pair.responseB.utf8.count))
  }

  @Test(arguments: [2, 3, 8, 9, 32]) func aPoolRemembersNoMoreThanItsCapacity(capacity: Int) async throws {
    let models = (0..<2).map { CountingModel(name: "rm\($0)") }
    let pool = try MeteredPool(models, capacity: capacity)
    for pair in pairs {
      for scores in try await pool.scores(of: pair, arms: 0..<2) { #expect(scores == expected(pair)) }
      #expect(await pool.rememberedScores.allSatisfy { (1...capacity).contains($0) })
    }
    // More texts in one call than are remembered.
    #expect(try await pool.scores(of: pairs, arm: 0) == pairs.map(expected))
    #expect(await pool.rememberedScores[0] <= capacity)
    await pool.remember(pairs.map(expected), of: pairs, arm: 1)
    #expect(await pool.rememberedScores[1] <= capacity)
    #expect(await models[1].requests.count == 2 * pairs.count)
  }

  @Test func aForgottenTextIsAskedForAgainAndCounted() async throws {
    let model = CountingModel(name: "rm")
    let pool = try MeteredPool([model], capacity: 8)
    for pair in pairs { _ = try await pool.scores(of: pair, arm: 0) }
    let before = await pool.usage[0]
    #expect(before.calls == pairs.count && before.scores == 2 * pairs.count)
    // The last half of the capacity, four texts, is remembered.
    for pair in pairs.suffix(2) { #expect(try await pool.scores(of: pair, arm: 0) == expected(pair)) }
    #expect(await pool.usage[0] == before)
    #expect(try await pool.scores(of: pairs[0], arm: 0) == expected(pairs[0]))
    let after = await pool.usage[0]
    #expect(after.calls == before.calls + 1 && after.scores == before.scores + 2 && after.tokens > before.tokens)
    #expect(await model.requests.count { $0.pairID == "p0" } == 4)
  }

  @Test func aTextInUseIsNotForgotten() async throws {
    let model = CountingModel(name: "rm")
    let pool = try MeteredPool([model], capacity: 8)
    for pair in pairs {
      _ = try await pool.scores(of: pair, arm: 0)
      #expect(try await pool.scores(of: pairs[0], arm: 0) == expected(pairs[0]))
    }
    #expect(await model.requests.count == 2 * pairs.count)
    #expect(await pool.usage[0].calls == pairs.count)
  }

  /// What one request found stays found for it, even where using it makes the pool forget the rest.
  @Test func oneRequestAsksOnceForEachText() async throws {
    let model = CountingModel(name: "rm")
    let pool = try MeteredPool([model], capacity: 2)
    _ = try await pool.scores(of: pairs[0], arm: 0)
    let list = [pairs[0], pairs[1], pairs[0], pairs[2], pairs[1], pairs[0]]
    #expect(try await pool.scores(of: list, arm: 0) == list.map(expected))
    #expect(await model.batches.map(\.count) == [2, 4])
  }

  @Test func callsUnderWayAreNotForgotten() async throws {
    let model = SlowModel()
    let pool = try MeteredPool([model], capacity: 2)
    let slow = pair("slow", prompt: "slow", "one", "three")
    let first = Task { try await pool.scores(of: slow, arm: 0) }
    while await model.record.batches.isEmpty { await Task.yield() }
    // Many times the capacity passes by.
    for pair in pairs { #expect(try await pool.scores(of: pair, arm: 0) == expected(pair)) }
    let second = Task { try await pool.scores(of: [slow, pair("new", prompt: "new", "x", "yy")], arm: 0) }
    while await model.record.batches.count < pairs.count + 2 { await Task.yield() }
    #expect(await model.record.batches.last?.map(\.pairID) == ["new", "new"])
    await model.gate.open()
    #expect(try await first.value == ScorePair(a: 3, b: 5))
    #expect(try await second.value == [ScorePair(a: 3, b: 5), ScorePair(a: 1, b: 2)])
    #expect(await pool.usage[0].scores == 2 * pairs.count + 4)
    #expect(await pool.rememberedScores[0] <= 2)
  }

  @Test func concurrentRequestsGetTheirScoresFromASmallMemory() async throws {
    let model = CountingModel(name: "rm")
    let pool = try MeteredPool([model], capacity: 4)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for task in 0..<400 {
        let pair = pairs[task % pairs.count]
        group.addTask {
          let scores = try await pool.scores(of: pair, arm: 0)
          #expect(scores == expected(pair))
        }
      }
      try await group.waitForAll()
    }
    #expect(await model.requests.count >= 2 * pairs.count)
    #expect(await pool.usage[0].scores == model.requests.count)
  }

  /// A stream of pairs whose texts come again and again, as in a replay: each arm is asked once for each.
  @Test func theDefaultForgetsNothingOfAReplay() async throws {
    let models = (0..<3).map { CountingModel(name: "rm\($0)") }
    let pool = try MeteredPool(models)
    var generator = PhiloxGenerator(seed: 1, stream: "pool-replay")
    func draw(_ count: Int) -> Int { Int(generator.nextUniform() * Double(count)) }
    var asked = models.map { _ in Set<Dialogue>() }
    var usage = models.map { _ in Usage() }
    for number in 0..<3000 {
      let pair = pair("p\(number)", prompt: "question \(draw(60))", "a\(draw(12))", "a\(draw(12))")
      let arm = draw(3)
      let new = Dialogue.both(of: [pair]).count { asked[arm].insert($0).inserted }
      usage[arm].scores += new
      usage[arm].calls += new > 0 ? 1 : 0
      #expect(try await pool.scores(of: pair, arm: arm) == expected(pair))
    }
    #expect(await pool.usage.map(\.scores) == usage.map(\.scores))
    #expect(await pool.usage.map(\.calls) == usage.map(\.calls))
    #expect(await pool.rememberedScores == asked.map(\.count))
    #expect(usage.map(\.scores).allSatisfy { (100...720).contains($0) })
  }
}

/// Answers by the response's length, but not to the prompt "slow" before its gate opens.
private struct SlowModel: RewardModel {
  actor Gate {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func pass() async {
      if !isOpen { await withCheckedContinuation { waiting.append($0) } }
    }

    func open() {
      isOpen = true
      for continuation in waiting { continuation.resume() }
      waiting = []
    }
  }

  let name = "slow"
  let record = CountingModel.Record()
  let gate = Gate()

  func scores(_ requests: [ScoringRequest]) async throws -> [Double] {
    await record.append(requests)
    if requests.contains(where: { $0.dialogue.prompt == .text("slow") }) { await gate.pass() }
    return requests.map { Double($0.response.utf8.count) }
  }
}
