import Dialogues
import Foundation
import LinearAlgebra
import PreferenceData
import Randomness
import Routing
import Storage
import TestSupport
import Testing
import Transformers

/// Pair features of a small checkpoint of random weights with a tokenizer of single characters.
@Suite struct TransformerPairEncoderTests {
  static let dialogues = [
    Dialogue(prompt: .text("which is it"), response: "this one"),
    Dialogue(prompt: .text("which is it"), response: "that"),
    Dialogue(prompt: .text("another"), response: "word"), Dialogue(prompt: .text("which is it"), response: "this one"),
  ]

  private func checkpoint() throws -> TemporaryCopy {
    try TemporaryCopy(of: TestFolders.url("TransformersTests/Fixtures/llama-gqa"))
  }

  private func encoder(_ checkpoint: TemporaryCopy) throws -> DialogueEncoder {
    try DialogueEncoder(folder: checkpoint.folder, maxTokens: 64)
  }

  /// One file holds a published router's encoder and heads; config.json and the tokenizer lie beside it.
  @Test func aPublishedRouterJudgesByItsOwnEncoder() throws {
    let checkpoint = try checkpoint()
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
    let arms = try router.judge(PairFeatures.rows(states)).arms
    #expect(arms.count == 2 && arms.allSatisfy { (0..<3).contains($0) })
  }

  @Test func contextsHaveNormOneWhateverTheOrder() async throws {
    let checkpoint = try checkpoint()
    let pairs = [("one", "two"), ("two", "one"), ("same", "same")].enumerated().map {
      PreferencePair(
        id: "\($0.offset)", prompt: .text("p"), responseA: $0.element.0, responseB: $0.element.1, label: .a)
    }
    let encoder = TransformerPairEncoder(try encoder(checkpoint))
    let contexts = try await encoder.encode(pairs) { _ in }
    #expect(contexts.columns == encoder.dimension)
    #expect(Array(contexts.row(0)) == Array(contexts.row(1)))
    for i in 0..<3 { #expect(abs(contexts.row(i).reduce(0) { $0 + $1 * $1 } - 1) < 1e-12) }
    #expect(contexts.row(2).suffix(encoder.dimension / 2).allSatisfy { $0 == 0 })
  }
}
