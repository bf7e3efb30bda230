import Foundation
import RewardModels
import Storage
import Testing
import Transformers

/// Checkpoints that are no reward models, or not whole: the error says which file and what is wrong with it.
@Suite struct RewardCheckpointTests {
  private func problem(_ fixture: String = "llama-reward", _ damage: (RewardCheckpointCopy) throws -> Void) throws
    -> String
  {
    try RewardCheckpointCopy.with(fixture) { copy in
      try damage(copy)
      return "\(try #require(throws: (any Error).self) { try copy.load() })"
    }
  }

  /// NaN among the weights, which loading would complain of, shows that they were not read.
  private func spoilWeights(_ tensors: inout [String: Safetensors.Tensor]) {
    tensors["model.norm.weight"] = .init([Float](repeating: .nan, count: 32))
  }

  @Test func severalLabelsAreRefusedBeforeTheWeightsAreRead() throws {
    try RewardCheckpointCopy.with("llama-reward") { copy in
      try copy.edit { tensors in
        tensors["score.weight"] = .init([Float](repeating: 1, count: 64), shape: [2, 32])
        spoilWeights(&tensors)
      }
      #expect(throws: RewardModelError.severalLabels(folder: copy.folder.path, labels: 2)) { try copy.load() }
    }
    let error = RewardModelError.severalLabels(folder: "/models/x", labels: 2)
    #expect("\(error)".contains("/models/x has 2 labels"))
  }

  @Test func checkpointsWithoutAScoreHeadAreRefusedBeforeTheWeightsAreRead() throws {
    let other = try problem { copy in
      try copy.set("architectures", .array([.string("LlamaForCausalLM")]))
      try copy.edit(spoilWeights)
    }
    #expect(other.contains("is a LlamaForCausalLM, which has no score head"))
    let missing = try problem { copy in
      try copy.edit { tensors in
        tensors["score.weight"] = nil
        spoilWeights(&tensors)
      }
    }
    #expect(missing.contains("model.safetensors has no tensor \"score.weight\""), "\(missing)")
    let named = try problem("openrlhf-reward") { try $0.set("value_head_prefix", .string("reward_head")) }
    #expect(named.contains("no tensor \"reward_head.weight\""), "\(named)")
  }

  @Test func missingFilesAreNamed() throws {
    let folder = URL(fileURLWithPath: "/nowhere/reward")
    let error = try #require(throws: (any Error).self) { try TransformerRewardModel(folder: folder, name: "none") }
    #expect("\(error)".contains("/nowhere/reward/config.json"))
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
      let text = try problem { try FileManager.default.removeItem(at: $0.url(file)) }
      #expect(text.contains(file), "\(text)")
    }
  }

  @Test func chatTemplatesAreNeededForChatsOnly() throws {
    try RewardCheckpointCopy.with("openrlhf-reward") { copy in
      try FileManager.default.removeItem(at: copy.url("chat_template.jinja"))
      let error = try #require(throws: (any Error).self) { try copy.load() }
      #expect("\(error)".contains("there is no chat_template.jinja"), "\(error)")
      #expect(throws: Never.self) { try copy.load(format: .router) }
    }
  }

  @Test func foreignTokenizersAndHardlyAnyTokensAreRefused() throws {
    let foreign = try problem { try $0.set("vocab_size", .integer(200)) }
    #expect(foreign.contains("ids up to 263") && foreign.contains("vocabulary is 200"), "\(foreign)")
    let few = try problem { try $0.set("max_position_embeddings", .integer(4)) }
    #expect(few.contains("may read 4 tokens"))
    try RewardCheckpointCopy.with("llama-reward") { copy in
      #expect(throws: RewardModelError.tooFewTokens(model: "copy", limit: 3, least: 8)) {
        try copy.load(maxTokens: 3)
      }
    }
  }
}
