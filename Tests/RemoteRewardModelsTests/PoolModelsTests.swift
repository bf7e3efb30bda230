import Foundation
import PreferenceData
import RemoteRewardModels
import RewardModelPools
import RewardModels
import TestSupport
import Testing
import Transformers

/// Models made of a pool file's entries, those that run here and those behind a server.
@Suite(.timeLimit(.minutes(1))) struct PoolModelsTests {
  private static let checkpoints = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("RewardModelsTests/Fixtures")

  private func entries(_ text: String) throws -> [PoolEntry] {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pool-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("pool.yaml")
    try Data(("reward_models:\n" + text).utf8).write(to: file)
    return try PoolFile(contentsOf: file).entries
  }

  @Test func aServersEntryScoresThroughTheServer() async throws {
    for dialect in ServerDialect.allCases {
      try await FaultyServer.run(dialect) { server in
        let entry = try entries(
          "  - {name: judge, kind: \(dialect.rawValue), url: '\(server.url)', template: dialogue, limits: {batch: 4}}")[
            0]
        let model = try await entry.makeRewardModel(queue: ForwardQueue())
        let requests = Samples.requests(pairs: 5)
        #expect(model.name == "judge")
        #expect(try await model.scores(requests) == Samples.scores(requests))
        // Ten texts, four a call.
        #expect(await server.log.entries.count == 3)
      }
    }
  }

  @Test func aCheckpointsEntryIsThatCheckpoint() async throws {
    let folder = Self.checkpoints.appendingPathComponent("llama-reward")
    let entry = try entries("  - {name: small, kind: transformer, path: '\(folder.path)'}")[0]
    let requests = Samples.requests(pairs: 3)
    let model = try await entry.makeRewardModel(queue: ForwardQueue())
    let direct = try TransformerRewardModel(folder: folder, name: "direct")
    #expect(try await model.scores(requests) == direct.scores(requests))
    #expect(model.name == "small" && model.tokens(in: requests[0]) == direct.tokens(in: requests[0]))
  }

  @Test func whatCannotBeMadeNamesTheEntry() async throws {
    let headless = Self.checkpoints.deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("TransformersTests/Fixtures/llama-gqa")
    let broken = try entries(
      """
        - {name: far, kind: tei, url: 'http://no-such-host.invalid:9', template: dialogue}
        - {name: headless, kind: transformer, path: '\(headless.path)', template: dialogue}
      """)
    for (entry, text) in matched(broken, ["no-such-host.invalid", "score head"]) {
      let error = await #expect(throws: PoolError.self) { try await entry.makeRewardModel(queue: ForwardQueue()) }
      let description = error.map { "\($0)" } ?? ""
      #expect(description.contains("reward model '\(entry.name)'") && description.contains(text), "\(description)")
      #expect(description.contains("line \(entry.name == "far" ? 2 : 3)"), "\(description)")
    }
  }
}
