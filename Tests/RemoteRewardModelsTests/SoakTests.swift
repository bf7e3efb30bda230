import Alignment
import Dialogues
import LinearAlgebra
import PreferenceData
import Randomness
import RemoteRewardModels
import RewardModels
import Routing
import TestSupport
import Testing

/// Ten thousand routed pairs against servers that fail a fifth of the calls.
@Suite(.timeLimit(.minutes(5))) struct SoakTests {
  private static let dialects: [ServerDialect] = [.vllmClassify, .tei, .openRLHF, .sglang]
  private static let faults: [FaultyServer.Fault] = [
    .status(500), .status(429), .garbage, .notANumber, .missingScore, .extraScore, .cutOff,
  ]

  private func pair(_ number: Int) -> PreferencePair {
    PreferencePair(
      id: "p\(number)", prompt: .text("question \(number)"), responseA: "answer \(number)",
      responseB: "other \(number)",
      label: number % 2 == 0 ? .a : .b)
  }

  /// What the server of an arm says of a pair when nothing fails.
  private func scores(of pair: PreferencePair, arm: Int) -> ScorePair {
    let values = ResponseSide.allCases.map { side in
      FaultyServer.score(model: "arm-\(arm)", text: RouterTemplate.text(of: Dialogue(pair, side: side)))
    }
    return ScorePair(a: values[0], b: values[1])
  }

  /// No pair is lost, no comparison mixes the scores of two models, and the dataset is that of a run without faults but for
  /// the replaced arms.
  @Test func noPairIsLostAndNoScoresAreMixed() async throws {
    try await withServers(Self.dialects[...], faults: 0.2) { urls in
      let models = try zip(Self.dialects, urls).enumerated().map { arm, server in
        try HTTPRewardModel(
          name: "arm-\(arm)",
          configuration: .init(
            url: server.1, dialect: server.0, model: "arm-\(arm)", format: .router,
            limits: CallLimits(concurrentCalls: 4, textsPerCall: 8, timeout: .seconds(20)),
            retry: RetryPolicy(retries: 1, firstDelay: .milliseconds(1), longestDelay: .milliseconds(2)),
            breaker: CircuitBreakerConfiguration(failures: 4, rest: .milliseconds(20)), seed: UInt64(arm)))
      }
      let annotator = PreferenceAnnotator(pool: try MeteredPool(models))
      var generator = PhiloxGenerator(seed: 1, stream: "decisions")
      let router = UniformRouter(armCount: models.count)
      let pairs = (0..<10_000).map(pair)
      var (labelled, replaced, replacements) = (0, 0, 0)
      for begin in stride(from: 0, to: pairs.count, by: 500) {
        let batch = Array(pairs[begin..<begin + 500])
        let decisions = router.select(contexts: Matrix(rows: batch.count, columns: 0), using: &generator)
        let annotations = try await annotator.annotate(batch, by: decisions.map { .routed($0) })
        for (pair, (decision, annotation)) in matched(batch, matched(decisions, annotations)) {
          // The arms that failed are the first of the Thompson order, and the next one gave both scores.
          let order = decision.armsByScore
          #expect(annotation.failures.map(\.arm) == Array(order.prefix(annotation.failures.count)))
          let arm = try #require(annotation.arm)
          #expect(arm == order[annotation.failures.count])
          #expect(annotation.scores == scores(of: pair, arm: arm))
          labelled += 1
          if annotation.failures.isEmpty { #expect(arm == decision.arm) } else { replaced += 1 }
          replacements += annotation.failures.count
        }
      }
      #expect(labelled == 10_000)
      // A call fails for good where both attempts do: 4 % of them, and of the pairs about as many.
      #expect(replaced > 100 && replaced < 2000, "\(replaced) pairs replaced")
      let usage = await annotator.pool.totalUsage
      #expect(usage.failures == replacements)
      #expect(usage.calls == 10_000 + replacements)
      // Two responses a pair; none of them twice.
      #expect(usage.scores == 20_000)
    }
  }

  /// Runs one server a dialect, and gives `body` their addresses.
  private func withServers(
    _ dialects: ArraySlice<ServerDialect>, faults probability: Double, urls: [String] = [],
    _ body: @escaping @Sendable ([String]) async throws -> Void
  ) async throws {
    guard let dialect = dialects.first else { return try await body(urls) }
    let settings = FaultyServer.Settings(
      model: "arm-\(urls.count)",
      faults: .random(probability: probability, kinds: Self.faults, seed: UInt64(urls.count + 1)))
    let rest = dialects.dropFirst()
    try await FaultyServer.run(dialect, settings) { server in
      try await withServers(rest, faults: probability, urls: urls + [server.url], body)
    }
  }
}
