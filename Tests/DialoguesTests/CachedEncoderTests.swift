import Dialogues
import Foundation
import TestSupport
import Testing

@Suite struct CachedEncoderTests {
  private func run(
    _ encoder: CachedEncoder
  ) async throws -> (states: [Float], progress: [Int], report: ReadingReport?) {
    var progress: [Int] = []
    var report: ReadingReport?
    let states = try await encoder.states(of: DialogueEncoderTests.dialogues) { event in
      switch event {
      case .progress(let tokens, _): progress.append(tokens)
      case .finished(let found): report = found
      }
    }
    return (states.elements, progress, report)
  }

  @Test func statesAreThoseOfTheEncoderAndAreComputedOnce() async throws {
    let checkpoint = try TemporaryCopy(of: Fixture.checkpoint)
    let encoder = try DialogueEncoder(folder: checkpoint.folder, maxTokens: 64)
    var cache = StateCache(encoder: encoder.fingerprint, size: encoder.size)
    let expected = try encoder.encode(DialogueEncoderTests.dialogues, cache: &cache)

    let folder = checkpoint.folder.appendingPathComponent("states")
    let cached = CachedEncoder(encoder, cacheFolder: folder, workers: 1)
    let first = try await run(cached)
    #expect(first.states == expected.states.elements)
    #expect(first.progress == [expected.report.tokens])
    #expect(first.report?.computedTokens == expected.report.computedTokens && first.report?.knownDialogues == 0)
    #expect(try StateCache(folder: folder, encoder: encoder.fingerprint, size: encoder.size).count == 3)

    let second = try await run(cached)
    #expect(second.states == first.states && second.progress.isEmpty)
    #expect(second.report?.knownDialogues == 3 && second.report?.computedTokens == 0)
    // Without a folder everything is computed again.
    let third = try await run(CachedEncoder(encoder))
    #expect(third.states == first.states && third.report?.knownDialogues == 0)
  }
}
