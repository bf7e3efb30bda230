import Foundation
import PreferenceData
import RewardModelPools
import RewardModels
import Storage
import Testing

@Suite(.timeLimit(.minutes(1))) struct ScoreCollectionTests {
  private let names = ["m0", "m1", "m2"]
  /// Labels are missing, and response A of each pair but the first is response B of the one before.
  private let pairs = (0..<14).map { index in
    PreferencePair(
      id: "p\(index)", domain: index % 2 == 0 ? "even" : nil, prompt: .text("question"), responseA: "r\(index)",
      responseB: "r\(index + 1)", label: nil)
  }

  private var expected: PreferenceDataset {
    PreferenceDataset(
      pairs: pairs, rewardModels: names.map { RewardModelDescription(name: $0, parameters: 7) },
      scores: names.map { name in
        pairs.map { pair in
          ScorePair(
            a: FakeModel.score(name, pair.prompt.text, pair.responseA),
            b: FakeModel.score(name, pair.prompt.text, pair.responseB))
        }
      })
  }

  private func member(_ model: FakeModel, url: String = "http://h", inFlight: Int = 1) -> ScoreCollection.Member {
    ScoreCollection.Member(
      RewardModelDescription(name: model.name, parameters: 7),
      identity: ["kind": .string("fake"), "url": .string(url)],
      pricePerThousandTokens: 2, chunksInFlight: inFlight, makeModel: { model })
  }

  /// Runs the whole pool, of which `m1` fails some pairs.
  private func collect(
    _ folder: URL, _ log: CallLog, failing: Set<String> = [], chunkSize: Int = 4, inFlight: Int = 1
  ) async throws -> CollectionReport {
    let members = names.map { name in
      member(FakeModel(name: name, log: log, failing: name == "m1" ? failing : []), inFlight: inFlight)
    }
    return try await ScoreCollection(pairs, members: members, folder: folder, chunkSize: chunkSize).run()
  }

  private func opening(_ folder: URL, pairs: [PreferencePair]? = nil, _ members: [ScoreCollection.Member]) throws {
    _ = try ScoreCollection(pairs ?? self.pairs, members: members, folder: folder)
  }

  private func members(_ names: [String]? = nil, url: String = "http://h") -> [ScoreCollection.Member] {
    (names ?? self.names).map { member(FakeModel(name: $0, log: CallLog()), url: url) }
  }

  /// The files that the dataset comes to when it is written at once.
  private func expectedFiles(in folder: URL) throws -> [String: Data] {
    let direct = folder.appendingPathComponent("direct")
    try expected.write(to: direct, replacing: true)
    return try contents(direct)
  }

  private let journal = "scores.journal.jsonl"

  @Test(arguments: [1, 4, 100], [1, 3]) func writesTheDatasetFolderOfAllScores(
    chunkSize: Int, inFlight: Int
  ) async throws {
    try await withTemporaryFolder { folder in
      let out = folder.appendingPathComponent("new/out")
      let log = CallLog()
      let report = try await collect(out, log, chunkSize: chunkSize, inFlight: inFlight)
      #expect(report.isComplete && report.pairs == 14)
      #expect(report.models.map(\.name) == names)
      #expect(report.models.allSatisfy { $0.scored == 14 && $0.reused == 0 && $0.failed == 0 })
      // 15 distinct texts, each of "question" and a short response: three tokens by estimate.
      #expect(report.models.allSatisfy { $0.usage.scores == 15 && $0.usage.tokens == 45 && $0.cost == 0.09 })
      #expect(await log.asked.count == 3 * 15)
      #expect(try contents(out) == expectedFiles(in: folder))
      #expect(try PreferenceDataset(folder: out) == expected)
    }
  }

  @Test func modelsRunConcurrently() async throws {
    try await withTemporaryFolder { folder in
      let meeting = Meeting(3)
      let log = CallLog()
      let members = names.map { member(FakeModel(name: $0, log: log, meet: { await meeting.join() })) }
      // No call returns before each of the three models was called.
      let report = try await ScoreCollection(pairs, members: members, folder: folder).run()
      #expect(report.isComplete)
    }
  }

  @Test func severalChunksOfOneModelAreInFlight() async throws {
    try await withTemporaryFolder { folder in
      let meeting = Meeting(3)
      let model = FakeModel(name: "m0", log: CallLog(), meet: { await meeting.join() })
      let report = try await ScoreCollection(
        pairs, members: [member(model, inFlight: 3)], folder: folder, chunkSize: 4
      ).run()
      #expect(report.isComplete)
    }
  }

  @Test func progressCountsEveryPairOfEveryModel() async throws {
    try await withTemporaryFolder { folder in
      let log = CallLog()
      let collection = try ScoreCollection(pairs, members: members(), folder: folder, chunkSize: 5)
      #expect(collection.missing == 42 && !collection.isFinished)
      _ = try await collection.run { await log.add(Array(repeating: "", count: $0)) }
      #expect(await log.asked.count == 42)
    }
  }

  /// Cancelled after k pairs, and run again: nothing is scored twice, and the files are those of one run.
  @Test(arguments: [0, 1, 7, 20, 41]) func aStoppedRunGoesOnWhereItWas(limit: Int) async throws {
    try await withTemporaryFolder { folder in
      let out = folder.appendingPathComponent("out")
      let log = CallLog()
      let canceller = Canceller(after: limit)
      let members = names.map { member(FakeModel(name: $0, log: log)) }
      let task = Task {
        try await ScoreCollection(pairs, members: members, folder: out, chunkSize: 1).run {
          await canceller.advance(by: $0)
        }
      }
      await canceller.watch(task)
      if case .failure(let error) = await task.result { #expect(error is CancellationError) }
      let report = try await collect(out, log, chunkSize: 3)
      #expect(report.isComplete)
      let asked = await log.asked
      #expect(Set(asked.map { $0.prefix(2) }).count == 3)
      // A text is asked for by whichever of its two pairs comes first.
      let texts = asked.map { request in
        let parts = request.split(separator: "/")
        let index = Int(parts[1].dropFirst()) ?? 0
        return "\(parts[0]) r\(parts[2] == "A" ? index : index + 1)"
      }
      #expect(Set(texts).count == texts.count && texts.count == 45)
      #expect(try contents(out) == expectedFiles(in: folder))
    }
  }

  @Test func failedPairsAreReportedAndOnlyTheseAreTriedAgain() async throws {
    try await withTemporaryFolder { folder in
      let out = folder.appendingPathComponent("out")
      let report = try await collect(out, CallLog(), failing: ["p11", "p3"])
      #expect(!report.isComplete)
      #expect(report.models.map(\.failed) == [0, 2, 0] && report.models.map(\.scored) == [14, 12, 14])
      #expect(report.models[1].firstFailure?.pairID == "p3")
      #expect(report.models[1].firstFailure?.message == "no answer for p3")
      #expect(report.models[0].firstFailure == nil)
      #expect(Set(try contents(out).keys) == [journal, "collect.json"])
      #expect(throws: (any Error).self) { try PreferenceDataset(folder: out) }

      let log = CallLog()
      let again = try await collect(out, log)
      #expect(again.isComplete && again.models.map(\.reused) == [14, 12, 14])
      #expect(again.models.map(\.scored) == [0, 2, 0] && again.models[0].usage == Usage())
      // Both texts of p3 and p11 are in other pairs too, whose scores are known.
      #expect(await log.asked == [])
      #expect(try contents(out) == expectedFiles(in: folder))
    }
  }

  /// A crash may cut the last line anywhere.
  @Test func aJournalThatEndsAnywhereInItsLastLineIsGoneOnWith() async throws {
    try await withTemporaryFolder { folder in
      let files = try expectedFiles(in: folder)
      let out = folder.appendingPathComponent("out")
      _ = try await collect(out, CallLog(), failing: ["p13"])
      let (journalFile, manifestFile) = (
        out.appendingPathComponent(journal), out.appendingPathComponent("collect.json")
      )
      let (lines, manifest) = (try Data(contentsOf: journalFile), try Data(contentsOf: manifestFile))
      let start = (lines.dropLast().lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
      let last = try #require(try JSONSerialization.jsonObject(with: lines[start...]) as? [String: Any])
      let lost = try #require(last["reward_model"] as? String)
      for end in start..<lines.count {
        try FileManager.default.removeItem(at: out)
        try write("", to: journalFile)
        try lines[..<end].write(to: journalFile)
        try manifest.write(to: manifestFile)
        let log = CallLog()
        let members = names.map { member(FakeModel(name: $0, log: log)) }
        let collection = try ScoreCollection(pairs, members: members, folder: out)
        #expect(collection.droppedBytes == end - start)
        // p13 of m1, and the cut line's pair.
        #expect(collection.missing == 2)
        let report = try await collection.run()
        #expect(report.models.filter { $0.scored > 0 }.map(\.name).contains(lost))
        #expect(await log.asked.count <= 4)
        #expect(try contents(out) == files)
      }
    }
  }

  @Test func aKillWhileTheFolderIsFinishedCostsNothing() async throws {
    try await withTemporaryFolder { folder in
      let out = folder.appendingPathComponent("out")
      _ = try await collect(out, CallLog(), failing: ["p3"])
      let unfinished = try contents(out)
      _ = try await collect(out, CallLog())
      let finished = try contents(out)
      let scores = finished["scores.jsonl"]
      // Before collect.json is removed, and before the journal is.
      for left in [[journal: scores, "collect.json": unfinished["collect.json"]], [journal: scores]] {
        for (name, data) in left { try #require(data).write(to: out.appendingPathComponent(name)) }
        let log = CallLog()
        let report = try await collect(out, log)
        #expect(report.isComplete && report.models.allSatisfy { $0.reused == 14 })
        #expect(await log.asked.isEmpty)
        #expect(try contents(out) == finished)
      }
    }
  }

  @Test func aFinishedFolderIsLeftAsItIs() async throws {
    try await withTemporaryFolder { folder in
      let out = folder.appendingPathComponent("out")
      _ = try await collect(out, CallLog())
      let before = try contents(out)
      let log = CallLog()
      let collection = try ScoreCollection(pairs, members: members(), folder: out)
      #expect(collection.isFinished && collection.missing == 0)
      #expect(try await collect(out, log).models.allSatisfy { $0.reused == 14 && $0.scored == 0 })
      #expect(await log.asked.isEmpty)
      for (pairs, members, text) in [
        (Array(pairs.dropLast()), members(), "it has 14 pairs, not 13"),
        (pairs.reversed(), members(), "other texts, ids or labels"),
        (pairs, members(["m0", "m2"]), "its reward models are m0, m1, m2, not m0, m2"),
      ] {
        let error = try #require(throws: PoolError.self) { try opening(out, pairs: pairs, members) }
        #expect(error.description.contains("dataset folder already") && error.description.contains(text), "\(error)")
      }
      #expect(try contents(out) == before)
    }
  }

  @Test func anUnfinishedFolderTakesNoOtherModelsOrPairs() async throws {
    try await withTemporaryFolder { folder in
      let out = folder.appendingPathComponent("out")
      _ = try await collect(out, CallLog(), failing: ["p3"])
      let before = try contents(out)
      var changed = pairs
      changed[2] = PreferencePair(
        id: "p2", domain: "even", prompt: .text("question?"), responseA: "r2", responseB: "r3", label: nil)
      for (pairs, members, text) in [
        (Array(pairs.dropLast()), members(), "it has 14 pairs, not 13"),
        (changed, members(), "its 14 pairs have other"),
        (pairs, members(["m1", "m0", "m2"]), "its reward models are m0, m1, m2, not m1, m0, m2"),
        (
          pairs, members(url: "http://other"),
          "the url of its reward model 'm0' is \"http://h\", not \"http://other\""
        ),
      ] {
        let error = try #require(throws: PoolError.self) { try opening(out, pairs: pairs, members) }
        #expect(error.description.contains("another run") && error.description.contains(text), "\(error)")
      }
      #expect(try contents(out) == before)
      try FileManager.default.removeItem(at: out.appendingPathComponent("collect.json"))
      let error = try #require(throws: PoolError.self) { try opening(out, members()) }
      #expect(error.description.contains("without the collect.json"))
    }
  }

  @Test func twoRunsDoNotShareAFolder() async throws {
    try await withTemporaryFolder { folder in
      let first = try ScoreCollection(pairs, members: members(), folder: folder)
      #expect(throws: PoolError.busy(folder: folder.path)) { try opening(folder, members()) }
      #expect(try await first.run().isComplete)
      #expect(try ScoreCollection(pairs, members: members(), folder: folder).isFinished)
    }
  }

  @Test func aFolderOfOtherFilesIsRefused() async throws {
    try await withTemporaryFolder { folder in
      try write("text", to: folder.appendingPathComponent("notes.txt"))
      #expect(throws: PoolError.foreignFile(folder: folder.path, name: "notes.txt")) { try opening(folder, members()) }
      #expect(try contents(folder).count == 1)
    }
  }

  @Test func aModelThatCannotBeMadeStopsTheRunBeforeAnyIsAsked() async throws {
    try await withTemporaryFolder { folder in
      let log = CallLog()
      let broken = ScoreCollection.Member(
        RewardModelDescription(name: "broken"), identity: [:], makeModel: { throw FakeModel.Failure(pairID: "all") })
      let out = folder.appendingPathComponent("out")
      await #expect(throws: FakeModel.Failure.self) {
        try await ScoreCollection(pairs, members: [member(FakeModel(name: "m0", log: log)), broken], folder: out).run()
      }
      #expect(await log.asked.isEmpty)
      // Nothing was scored, so another pool may have the folder.
      let report = try await collect(out, log)
      #expect(report.isComplete)
    }
  }

  @Test func aJournalWithABrokenLineIsRefusedWithItsNumber() async throws {
    try await withTemporaryFolder { folder in
      _ = try await collect(folder, CallLog(), failing: ["p3"])
      let file = folder.appendingPathComponent(journal)
      let lines = try Data(contentsOf: file)
      try (Data("{\"id\": \"p0\"}\n".utf8) + lines).write(to: file)
      let error = try #require(throws: StorageError.self) { try opening(folder, members()) }
      #expect(error.description.contains("\(journal) line 1") && error.description.contains("reward_model"))
      // A second score of a pair is as bad as half of one.
      try (lines + lines).write(to: file)
      #expect(throws: PreferenceDataError.self) { try opening(folder, members()) }
    }
  }
}
