import Dialogues
import Foundation
import LinearAlgebra
import PreferenceData
import Storage
import TestSupport
import Testing
import Transformers

/// Encoding of dialogues with a small checkpoint of random weights and a tokenizer of single characters.
@Suite struct DialogueEncoderTests {
  static let dialogues = [
    Dialogue(prompt: .text("which is it"), response: "this one"),
    Dialogue(prompt: .text("which is it"), response: "that"),
    Dialogue(prompt: .text("another"), response: "word"), Dialogue(prompt: .text("which is it"), response: "this one"),
  ]

  static let texts = [
    "<|user|>: which is it\n<|assistant|>: this one", "<|user|>: which is it\n<|assistant|>: that",
    "<|user|>: another\n<|assistant|>: word",
  ]

  func encoder(_ checkpoint: TemporaryCopy, maxTokens: Int = 64, cut: TextCut = .end) throws -> DialogueEncoder {
    try DialogueEncoder(folder: checkpoint.folder, maxTokens: maxTokens, cut: cut)
  }

  @Test func eachDistinctTextIsEncodedOnce() throws {
    let checkpoint = try TemporaryCopy(of: Fixture.checkpoint)
    let encoder = try encoder(checkpoint)
    var cache = StateCache(encoder: encoder.fingerprint, size: encoder.size)
    let (states, report) = try encoder.encode(Self.dialogues, cache: &cache)
    let counts = Self.texts.map { $0.utf8.count }
    #expect(report.dialogues == 4)
    #expect(report.distinctDialogues == 3)
    #expect(report.tokens == counts[0] + counts[1] + counts[2])
    // "…<|assistant|>: th" is common to the first two.
    let shared = "<|user|>: which is it\n<|assistant|>: th".utf8.count
    #expect(report.computedTokens == report.tokens - shared)
    #expect(Array(states.row(0)) == Array(states.row(3)))
    #expect(cache.count == 3)
    let again = try encoder.plan(Self.dialogues, cache: cache)
    #expect(again.batches.isEmpty && again.newTokens == 0)
  }

  @Test func companyDoesNotChangeAState() throws {
    let checkpoint = try TemporaryCopy(of: Fixture.checkpoint)
    let encoder = try encoder(checkpoint)
    var cache = StateCache(encoder: encoder.fingerprint, size: encoder.size)
    let together = try encoder.encode(Self.dialogues, cache: &cache).states
    for (i, dialogue) in Self.dialogues.enumerated() {
      var empty = StateCache(encoder: encoder.fingerprint, size: encoder.size)
      #expect(try encoder.encode([dialogue], cache: &empty).states.elements == Array(together.row(i)))
    }
  }

  @Test func partsMakeTheSameEncoder() throws {
    let checkpoint = try TemporaryCopy(of: Fixture.checkpoint)
    let whole = try encoder(checkpoint, cut: .start)
    let parts = DialogueEncoder(
      model: whole.model, tokenizer: whole.tokenizer, fingerprint: whole.fingerprint, maxTokens: 64, cut: .start)
    #expect(parts.name == whole.name)
    var (one, other) = (
      StateCache(encoder: whole.fingerprint, size: whole.size), StateCache(encoder: parts.fingerprint, size: parts.size)
    )
    #expect(
      try parts.encode(Self.dialogues, cache: &one).states == whole.encode(Self.dialogues, cache: &other).states)
  }

  @Test func longTextsAreCutAndCounted() throws {
    let checkpoint = try TemporaryCopy(of: Fixture.checkpoint)
    for cut in TextCut.allCases {
      let encoder = try encoder(checkpoint, maxTokens: 16, cut: cut)
      let cache = StateCache(encoder: encoder.fingerprint, size: encoder.size)
      let report = try encoder.plan(Self.dialogues, cache: cache).report
      let texts = Self.texts
      // Cut at the end, the two answers to one prompt are the same text.
      #expect(report.distinctDialogues == (cut == .end ? 2 : 3))
      let first = texts[0].utf8.count - 16 + texts[2].utf8.count - 16
      #expect(report.truncatedTokens == (cut == .end ? first : first + texts[1].utf8.count - 16))
    }
  }

  @Test func aForeignTokenizerIsRefused() throws {
    let checkpoint = try TemporaryCopy(of: Fixture.checkpoint)
    let file = checkpoint.folder.appendingPathComponent("tokenizer.json")
    let more = (0..<60).map { "\"\($0)0\": \(100 + $0)," }.joined()
    let text = String(decoding: try AtomicFile.read(file), as: UTF8.self)
      .replacingOccurrences(of: "\"vocab\": {", with: "\"vocab\": {\(more)")
    try AtomicFile.write(Data(text.utf8), to: file)
    #expect(throws: TransformersError.vocabularyMismatch(tokenizer: 92, model: 64, folder: checkpoint.folder.path)) {
      try encoder(checkpoint)
    }
  }

  @Test func fingerprintsTellFilesApart() throws {
    let one = try encoder(try TemporaryCopy(of: Fixture.checkpoint)).fingerprint
    #expect(try encoder(try TemporaryCopy(of: Fixture.checkpoint)).fingerprint == one)
    let changed = try TemporaryCopy(of: Fixture.checkpoint)
    let file = changed.folder.appendingPathComponent("model.safetensors")
    var bytes = try AtomicFile.read(file)
    bytes[bytes.count - 4] ^= 1
    try AtomicFile.write(Data(bytes), to: file)
    #expect(try encoder(changed).fingerprint != one)
  }
}
