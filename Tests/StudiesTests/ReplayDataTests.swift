import Dialogues
import Foundation
import LinearAlgebra
import PreferenceData
import Randomness
import Routing
import Studies
import Testing

@Suite struct ReplayDataTests {
  private var dataset: PreferenceDataset {
    var generator = PhiloxGenerator(seed: 3, stream: "replay-data")
    return SyntheticWorld(.init(pairs: 120, rewardModels: 3)).dataset(using: &generator)
  }

  private let encoder = HashedPairEncoder(dimension: 32)

  private func withFolder<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("replay-data-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder)
  }

  @Test func offlinePairsAreNotReplayed() async throws {
    let data = try await ReplayData(dataset, encoder: encoder, prior: .evidence(fraction: 0.25))
    let study = try data.study()
    #expect(abs(data.online.pairs.count - 90) <= 5 && study.dataset.pairs.count == data.online.pairs.count)
    #expect(study.available == [.priorMeans, .posteriors])
    // The evidence's means are those of its posteriors; variances are the settings'.
    let posteriors = try #require(study.offlinePosteriors)
    #expect(study.offlinePriors?.map(\.mean) == posteriors.map(\.mean))
    #expect(study.offlinePriors?.map(\.variance) == study.priors.map(\.variance))
    #expect(try await ReplayData(dataset, encoder: encoder).study().available == [])
  }

  /// A trained router enters the loop: its contexts are h, its prior means E_bt; saved, the online router brings the head along.
  @Test func aTrainedRouterEntersTheLoopAndIsSavedWithIt() async throws {
    try await withFolder { folder in
      var training = RouterTraining()
      training.training.epochs = 2
      var trainer = try await training.prepare(dataset, encoder: .frozen(encoder)).trainer
      while !trainer.isFinished { try trainer.runEpoch() }
      let trained = trainer.router(encoder: encoder.name)
      let url = folder.appendingPathComponent("trained")
      try trained.save(to: url)

      let data = try await ReplayData(dataset, encoder: encoder, prior: .router(url))
      #expect(data.encoder.head == .trained(trained) && data.encoder.dimension == trained.dimension)
      #expect(data.warnings.count == 1, "it knows these pairs")
      var settings = ReplayConfiguration()
      settings.seeds = 1
      let study = try data.study(configuration: settings)
      let embeddings = (0..<3).map { Array(trained.embeddings.row($0)) }
      #expect(study.offlinePriors?.map(\.mean) == embeddings)
      #expect(
        study.world.contexts
          == (try trained.contexts(try await encoder.features(dataset.pairs, onEvent: { _ in }))))

      var saved: RouterState?
      _ = try await study.run(.thompsonPrior) { _, router in
        guard let router = router as? any SavableRouter else { return }
        saved = RouterState(
          router: router, normalizer: RewardNormalizer(.none), generator: PhiloxGenerator(seed: 1, stream: "s"),
          encoder: encoder.name, head: data.encoder.head, pairs: data.learntPairs)
      }
      let online = folder.appendingPathComponent("online")
      try #require(saved).save(to: online)
      let read = try RouterState(folder: online, encoder: encoder.name)
      #expect(read.encoder == encoder.name && read.head == .trained(trained))
      #expect(try read.contextEncoder(encoder, path: online.path).name == data.encoder.name)
      // Taken up as the prior of another replay, it sees pairs as before.
      let again = try await ReplayData(dataset, encoder: encoder, prior: .router(online))
      #expect(again.encoder.head == data.encoder.head)
      #expect(try again.study().world.contexts == study.world.contexts)
      #expect(throws: RoutingError.self) { try RouterState(folder: online, encoder: "hashed-64") }
    }
  }

  @Test func subPoolsAreAllOfTheirSizes() throws {
    #expect(try SubPools.all(of: 3, sizes: nil) == [[0, 1, 2]])
    #expect(try SubPools.all(of: 3, sizes: 2...3) == [[0, 1], [0, 2], [1, 2], [0, 1, 2]])
    #expect(throws: StudyError.poolTooLarge(size: 4, rewardModels: 3)) { try SubPools.all(of: 3, sizes: 4...4) }
    #expect(throws: StudyError.tooManyPools(count: 184_756, limit: 1000)) { try SubPools.all(of: 20, sizes: 10...10) }
  }

  /// As many as asked for, the same as thinning all of them, also where all of them are too many to be made.
  @Test func spreadSubPoolsAreEvenlyThinned() throws {
    for (count, size) in [(5, 2), (7, 3), (8, 8), (9, 4)] {
      let all = try SubPools.all(of: count, sizes: size...size)
      let spread = SubPools.spread(of: count, size: size, most: 12)
      #expect(spread == (all.count <= 12 ? all : (0..<12).map { all[$0 * (all.count - 1) / 11] }))
    }
    let wide = SubPools.spread(of: 64, size: 32, most: 12)
    #expect(wide.count == 12 && Set(wide).count == 12 && wide[0] == Array(0..<32) && wide[11] == Array(32..<64))
    #expect(wide.allSatisfy { $0.count == 32 && $0 == $0.sorted() && Set($0).count == 32 })
  }

  @Test func aSweepHasARowForEachVarianceAndKind() async throws {
    var settings = ReplayConfiguration()
    settings.seeds = 1
    let data = try await ReplayData(dataset, encoder: encoder, prior: .evidence(fraction: 0.3))
    var runs = 0
    let (study, outcomes) = try await PriorVarianceSweep.run(data, configuration: settings) { _, _, _ in runs += 1 }
    #expect(runs == PriorVarianceSweep.runs(seeds: 1) && runs == 2 * PriorVarianceSweep.variances.count)
    #expect(outcomes.count == study.dataset.rewardModels.count + 4 + runs)
    #expect(Set(outcomes.map(\.title)).count == outcomes.count)
  }
}

@Suite struct AccuracyReportTests {
  private let pairs = (0..<6).map {
    PreferencePair(
      id: "\($0)", domain: $0 < 4 ? "x" : nil, prompt: .text("\($0 / 2)"), responseA: "a", responseB: "b", label: .a)
  }

  @Test func rowsDomainsAndRestrictionsAreMeansOverTheirPairs() throws {
    var generator = PhiloxGenerator(seed: 1, stream: "bootstrap")
    let report = AccuracyReport(
      [
        .init(name: "half", correctness: [1, 0, 1, 0, 1, 0]), .init(name: "all", correctness: [1, 1, 1, 1, 1, 1]),
      ], pairs: pairs,
      subsets: [[true, true, true, true, true, true], [true, false, true, false, true, false]] + [
        [Bool](repeating: false, count: 6)
      ], bestSingle: [1, 0, 1, 0, 1, 0], restriction: [true, false, false, false, false, true], using: &generator)
    #expect(report.pairCounts == [6, 3, 0] && report.domains == ["x", PreferenceDataset.noDomain])
    #expect(report.rows[0][.all]?.value == 0.5 && report.rows[0][.anyCorrect]?.value == 1)
    #expect(report.rows[0][.disagreement] == nil)
    #expect(report.rows[0].toBestSingle == Estimate(value: 0, low: 0, high: 0))
    #expect(report.rows[1].toBestSingle?.value == 0.5 && report.rows[1].toMajority == nil)
    #expect(report.rows[0].byDomain == [0.5, 0.5])
    let restricted = try #require(report.restrictedRow)
    #expect(restricted[.all]?.value == 0.5 && restricted.byDomain == [1, 0])
  }

  /// Pairs of one prompt stand or fall together, also where one is a conversation of a single user message.
  @Test func promptsAreDrawnWhole() throws {
    let mixed = (0..<40).map { index in
      let text = "\(index / 2)"
      return PreferencePair(
        id: "\(index)",
        prompt: index % 2 == 0 ? .text(text) : .messages([Message(role: "user", content: text)]), responseA: "a",
        responseB: "b", label: .a)
    }
    var generator = PhiloxGenerator(seed: 1, stream: "bootstrap")
    // Each prompt has one right and one wrong pair: whatever is drawn, half is right.
    let report = AccuracyReport(
      [.init(name: "half", correctness: mixed.indices.map { Double($0 % 2) })], pairs: mixed,
      subsets: [[Bool](repeating: true, count: 40)], bestSingle: mixed.map { _ in 0 }, using: &generator)
    #expect(report.rows[0][.all] == Estimate(value: 0.5, low: 0.5, high: 0.5))
  }
}
