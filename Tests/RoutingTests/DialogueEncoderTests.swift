import Foundation
import LinearAlgebra
import PreferenceData
import Randomness
import Storage
import Testing
import Transformers

@testable import Routing

/// Encoding of dialogues with a small checkpoint of random weights and a tokenizer of single characters.
@Suite struct DialogueEncoderTests {
  /// A copy of a checkpoint of `TransformersTests` that has a tokenizer.
  final class Checkpoint {
    let folder: URL

    init() throws {
      folder = FileManager.default.temporaryDirectory.appendingPathComponent("dialogue-\(UUID().uuidString)")
      let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      try FileManager.default.copyItem(
        at: tests.appendingPathComponent("TransformersTests/Fixtures/llama-gqa"), to: folder)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }
  }

  static let dialogues = [
    Dialogue(prompt: .text("which is it"), response: "this one"),
    Dialogue(prompt: .text("which is it"), response: "that"),
    Dialogue(prompt: .text("another"), response: "word"), Dialogue(prompt: .text("which is it"), response: "this one"),
  ]

  static let texts = [
    "<|user|>: which is it\n<|assistant|>: this one", "<|user|>: which is it\n<|assistant|>: that",
    "<|user|>: another\n<|assistant|>: word",
  ]

  func encoder(_ checkpoint: Checkpoint, maxTokens: Int = 64, cut: DialogueEncoder.Cut = .end) throws -> DialogueEncoder
  {
    try DialogueEncoder(folder: checkpoint.folder, maxTokens: maxTokens, cut: cut)
  }

  @Test func eachDistinctTextIsEncodedOnce() throws {
    let checkpoint = try Checkpoint()
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

  /// One file holds a published router's encoder and heads; config.json and the tokenizer lie beside it.
  @Test func aPublishedRouterJudgesByItsOwnEncoder() throws {
    let checkpoint = try Checkpoint()
    let base = try encoder(checkpoint)
    var cache = StateCache(encoder: base.fingerprint, size: base.size)
    let expected = try base.encode(Self.dialogues, cache: &cache).states
    let url = checkpoint.folder.appendingPathComponent("model.safetensors")
    var tensors: [String: Safetensors.Tensor] = [:]
    for (key, tensor) in try Safetensors.decode(Data(contentsOf: url), name: url.path).tensors {
      tensors[key.replacingOccurrences(of: "model.", with: "backbone.")] = tensor
    }
    var generator = PhiloxGenerator(seed: 1, stream: "heads")
    let network = RouterNetwork<Float>(features: 2 * base.size, dimension: 5, arms: 3, using: &generator)
    try Safetensors.encode(tensors.merging(network.tensors()) { $1 }).write(to: url)

    let (router, ignored) = try OfflineRouter.published(url, rewardModels: ["a", "b", "c"], encoder: "published")
    #expect(ignored.count == tensors.count && ignored.allSatisfy { $0.hasPrefix("backbone.") })
    let own = try encoder(checkpoint)
    var ownCache = StateCache(encoder: own.fingerprint, size: own.size)
    let states = try own.encode(Self.dialogues, cache: &ownCache).states
    #expect(states == expected && own.fingerprint != base.fingerprint)
    let features = (0..<2).map { TransformerPairEncoder.features(states.row(2 * $0), states.row(2 * $0 + 1)) }
    #expect(try router.judge(Matrix(rows: features)).arms.allSatisfy { (0..<3).contains($0) })
  }

  @Test func companyDoesNotChangeAState() throws {
    let checkpoint = try Checkpoint()
    let encoder = try encoder(checkpoint)
    var cache = StateCache(encoder: encoder.fingerprint, size: encoder.size)
    let together = try encoder.encode(Self.dialogues, cache: &cache).states
    for (i, dialogue) in Self.dialogues.enumerated() {
      var empty = StateCache(encoder: encoder.fingerprint, size: encoder.size)
      #expect(try encoder.encode([dialogue], cache: &empty).states.elements == Array(together.row(i)))
    }
  }

  @Test func partsMakeTheSameEncoder() throws {
    let checkpoint = try Checkpoint()
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
    let checkpoint = try Checkpoint()
    for cut in DialogueEncoder.Cut.allCases {
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

  @Test func contextsHaveNormOneWhateverTheOrder() throws {
    let checkpoint = try Checkpoint()
    let pairs = [("one", "two"), ("two", "one"), ("same", "same")].enumerated().map {
      PreferencePair(
        id: "\($0.offset)", prompt: .text("p"), responseA: $0.element.0, responseB: $0.element.1, label: .a)
    }
    let encoder = TransformerPairEncoder(try encoder(checkpoint))
    let contexts = try encoder.encode(pairs)
    #expect(contexts.columns == encoder.dimension)
    #expect(Array(contexts.row(0)) == Array(contexts.row(1)))
    for i in 0..<3 { #expect(abs(contexts.row(i).reduce(0) { $0 + $1 * $1 } - 1) < 1e-12) }
    #expect(contexts.row(2).suffix(encoder.encoder.size).allSatisfy { $0 == 0 })
  }

  @Test func cacheSurvivesItsFile() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("states-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let encoder = Fingerprint(high: 1, low: .max)
    let keys = (0..<5).map { Fingerprint([UInt8($0)]) }
    var one = StateCache(encoder: encoder, size: 3)
    for key in keys[..<3] { one.insert(key, [1, 2, Float(key.low & 0xff)]) }
    try one.save(in: folder)
    // Another process adds to the same file.
    var other = StateCache(encoder: encoder, size: 3)
    for key in keys[3...] { other.insert(key, [4, 5, 6]) }
    try other.save(in: folder)
    let read = try StateCache(folder: folder, encoder: encoder, size: 3)
    #expect(read.count == 5)
    for key in keys { #expect(read[key] == one[key] ?? other[key]) }

    let file = folder.appendingPathComponent("\(encoder).safetensors")
    #expect(throws: StorageError.self) { try StateCache(folder: folder, encoder: encoder, size: 4) }
    let bytes = try AtomicFile.read(file)
    try AtomicFile.write(Data(bytes.dropLast()), to: file)
    #expect(throws: StorageError.self) { try StateCache(folder: folder, encoder: encoder, size: 3) }
  }

  @Test func aForeignTokenizerIsRefused() throws {
    let checkpoint = try Checkpoint()
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
    let one = try encoder(try Checkpoint()).fingerprint
    #expect(try encoder(try Checkpoint()).fingerprint == one)
    let changed = try Checkpoint()
    let file = changed.folder.appendingPathComponent("model.safetensors")
    var bytes = try AtomicFile.read(file)
    bytes[bytes.count - 4] ^= 1
    try AtomicFile.write(Data(bytes), to: file)
    #expect(try encoder(changed).fingerprint != one)
  }
}
