import Foundation
import LinearAlgebra
import Storage
import Testing
import Transformers

/// Checkpoints of published routers: the encoder's tensors are named `backbone.…`, heads stand beside them, and config.json is
/// that of the encoder's base model.
@Suite struct RouterCheckpointTests {
  /// Fixtures with and without a prefix of their own, and with heads, tied or not.
  private static let names = ["llama-gqa", "llama-untied-bias", "llama-score", "llama-base", "bert-mean", "bert-score"]

  private func withRouter<Result>(_ name: String, _ body: (CheckpointCopy) throws -> Result) throws -> Result {
    try CheckpointCopy.with(name) { copy in
      try copy.edit { tensors in
        var renamed: [String: Safetensors.Tensor] = [
          "shared_mlp.0.weight": .init([Float](repeating: 1, count: 8), shape: [2, 4]),
          "bt_vectors": .init([Float](repeating: 1, count: 6), shape: [3, 2]),
        ]
        for (key, tensor) in tensors where !["lm_head.weight", "score.weight"].contains(key) {
          if key.hasPrefix("classifier.") { continue }
          let prefix = ["model.", "bert."].first(where: key.hasPrefix) ?? ""
          renamed["backbone." + key.dropFirst(prefix.count)] = tensor
        }
        tensors = renamed
      }
      return try body(copy)
    }
  }

  @Test(arguments: names)
  func theEncoderIsThatOfItsBaseModel(name: String) throws {
    let reference = try ParityTests.Reference(name)
    let batch = TokenBatch(reference.sequences)
    var scratch = ForwardScratch()
    let expected = try reference.model.hiddenStates(batch, scratch: &scratch)
    try withRouter(name) { copy in
      let model = try copy.load()
      #expect(try model.hiddenStates(batch, scratch: &scratch) == expected)
      #expect(model.configuration.head == .none && model.pooling == reference.model.pooling && model.labelCount == nil)
      let summary = copy.summary
      #expect(summary.loads && summary.configuration == model.configuration)
      #expect(summary.unread.allSatisfy { $0.reason != nil }, "\(summary.unread)")
      #expect(summary.unread.contains { $0.name == "bt_vectors" })

      // Training starts from it, and what is saved is such a checkpoint again, without the heads.
      let trainable = try TrainableTransformer(folder: copy.folder, trained: .lastLayers(1))
      #expect(trainable.parameters.allSatisfy { $0.name.hasPrefix("backbone.") })
      try trainable.save(to: copy.url("saved"))
      #expect(try TransformerModel(folder: copy.url("saved")).hiddenStates(batch, scratch: &scratch) == expected)
    }
  }

  /// As PEFT writes them where the base model was loaded without a head.
  @Test func adaptersOfTheBaseModelFit() throws {
    let adapter = try LoRAAdapter(folder: ParityTests.folder.appendingPathComponent("lora-all-llama"))
    let batch = TokenBatch(try ParityTests.Reference("llama-gqa").sequences)
    let base = try TrainableTransformer(
      folder: ParityTests.folder.appendingPathComponent("llama-gqa"), adapter: adapter)
    try withRouter("llama-gqa") { copy in
      let router = try TrainableTransformer(folder: copy.folder, adapter: adapter)
      var scratch = TrainingScratch()
      let expected = try base.forward(batch, scratch: &scratch).states.all.matrix
      #expect(try router.forward(batch, scratch: &scratch).states.all.matrix == expected)
    }
  }

  @Test func whatLacksIsNamed() throws {
    try withRouter("llama-gqa") { copy in
      try copy.edit { $0["backbone.norm.weight"] = nil }
      #expect(try copy.problem().contains("backbone.norm.weight"))
    }
  }
}
