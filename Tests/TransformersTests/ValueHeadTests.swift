import Foundation
import Storage
import Testing
import Transformers

/// The reward models of OpenRLHF: a head of another name, over the last token.
@Suite struct ValueHeadTests {
  /// A classifier's checkpoint as OpenRLHF would have saved it.
  private func with<Result>(_ body: (CheckpointCopy) throws -> Result) throws -> Result {
    try CheckpointCopy.with("llama-score") { copy in
      try copy.set("architectures", .array([.string("RewardModel")]))
      try copy.set("value_head_prefix", .string("value_head"))
      try copy.edit { tensors in
        tensors["value_head.weight"] = tensors["score.weight"]
        tensors["score.weight"] = nil
      }
      return try body(copy)
    }
  }

  @Test func headOfTheGivenNameScoresTheLastToken() throws {
    try with { copy in
      let model = try copy.load()
      #expect(copy.summary.loads && copy.summary.unread.isEmpty)
      #expect(model.labelCount == 1 && model.configuration.head == .sequenceClassification)
      #expect(model.configuration.valueHead == TransformerConfiguration.ValueHead(prefix: "value_head"))
      // Id 0 is padding.
      let other = try TransformerModel(folder: ParityTests.folder.appendingPathComponent("llama-score"))
      #expect(model.scoredPosition(of: [5, 6, 0, 0]) == 3 && other.scoredPosition(of: [5, 6, 0, 0]) == 1)
      let state = (0..<32).map { Float($0) / 32 }
      #expect(try model.scores(hiddenState: state) == other.scores(hiddenState: state))
    }
  }

  @Test func momentsAreReadAndChecked() throws {
    try with { copy in
      try copy.set("normalize_reward", .integer(1))
      #expect(mentions(try copy.problem(), "normalize_reward", "true or false"))
      #expect(copy.summary.parameters != nil, "shapes do not depend on it")
      try copy.set("normalize_reward", .boolean(true))
      #expect(try copy.load().configuration.valueHead?.std == 1)
      try copy.set("mean", .number(-0.5))
      #expect(mentions(try copy.problem(), "config.json", "\"std\" is missing"))
      try copy.set("std", .integer(0))
      #expect(mentions(try copy.problem(), "\"std\": 0.0", "a number above 0"))
      try copy.set("std", .number(2.5))
      #expect(
        try copy.load().configuration.valueHead
          == TransformerConfiguration.ValueHead(prefix: "value_head", normalizeReward: true, mean: -0.5, std: 2.5))
    }
  }

  @Test func ownClassWithoutThePrefixAndBERTWithItAreRefused() throws {
    try with { copy in
      try copy.set("value_head_prefix", nil)
      #expect(mentions(try copy.problem(), "architectures", "\"RewardModel\" is not supported"))
    }
    try CheckpointCopy.with("bert-score") { copy in
      try copy.set("value_head_prefix", .string("score"))
      #expect(mentions(try copy.problem(), "value_head_prefix", "none in a BERT"))
    }
  }
}
