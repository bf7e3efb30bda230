import Foundation
import Storage
import Testing

let checkpointFixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .appendingPathComponent("TransformersTests/Fixtures")

/// Runs the built `bayesrouter inspect` on small checkpoints.
@Suite struct InspectCommandTests {
  private func withCopy<Result>(_ fixture: String, _ body: (URL) throws -> Result) throws -> Result {
    try withTemporaryFolder { folder in
      let copy = folder.appendingPathComponent(fixture)
      try FileManager.default.copyItem(at: checkpointFixtures.appendingPathComponent(fixture), to: copy)
      return try body(copy)
    }
  }

  private func replace(_ text: String, by other: String, in file: URL) throws {
    let old = try String(contentsOf: file, encoding: .utf8)
    #expect(old.contains(text))
    try Data(old.replacingOccurrences(of: text, with: other).utf8).write(to: file)
  }

  @Test func printsWhatACheckpointHolds() throws {
    let result = try run(["inspect", checkpointFixtures.appendingPathComponent("llama-mha-bf16").path])
    #expect(result.status == 0 && result.errors.isEmpty)
    for part in [
      "LlamaForCausalLM (llama), language-model head tied to the embedding",
      "2 of hidden size 48, inner size 64 (silu)",
      "3 heads of 16 over 3", "20 BF16, 2 F32", "40,176: embedding 3,072", "in float32", "in bfloat16",
      "8 x 1024 tokens",
      "rotary frequencies follow from config.json", "tokenizer.json    none", "loads             yes",
    ] {
      #expect(result.output.contains(part), "\(part) is not in \(result.output)")
    }
    #expect(!result.output.contains("\ntensor  "))
  }

  @Test func listsTensorsAndChecksValuesOnRequest() throws {
    let folder = checkpointFixtures.appendingPathComponent("llama-f16-sharded").path
    let result = try run(["inspect", folder, "--tensors", "--check"])
    #expect(result.status == 0)
    let tensor = "model.layers.1.mlp.up_proj.weight  F16 [64, 32]  4096 bytes  model-00004-of-00004.safetensors"
    #expect(result.output.components(separatedBy: "\ntensor  ").count == 22)
    #expect(
      result.output.contains("model.layers.1.mlp.up_proj.weight  F16 [64, 32]  4096 bytes  model-0000"), "\(tensor)")
    #expect(result.output.contains("4 files") && result.output.contains("yes, all values finite"))
  }

  @Test func printsJSONForMachines() throws {
    let folder = checkpointFixtures.appendingPathComponent("bert-mean").path
    let result = try run(["inspect", folder, "--json", "--tensors"])
    #expect(result.status == 0)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    #expect(object["loads"] as? Bool == true && (object["problems"] as? [Any])?.isEmpty == true)
    #expect(object["tensor_count"] as? Int == 40 && (object["tensors"] as? [Any])?.count == 40)
    let parameters = try #require(object["parameters"] as? [String: Int])
    #expect(parameters["total"] == 20544)
    let memory = try #require(object["memory"] as? [String: Any])
    let batch = try #require(memory["batch"] as? [String: Int])
    #expect(batch == ["texts": 8, "tokens_per_text": 40], "BERT reads no more than its positions")
    #expect((object["pooling"] as? [String: Any])?["kind"] as? String == "mean")
  }

  @Test func everyProblemIsALineAndTheExitCodeIsOne() throws {
    try withCopy("llama-gqa") { folder in
      let config = folder.appendingPathComponent("config.json")
      try replace("\"hidden_act\": \"silu\"", by: "\"hidden_act\": \"xielu\", \"num_experts\": 8", in: config)
      try replace("\"num_hidden_layers\": 3", by: "\"num_hidden_layers\": 4, \"huge\": 1e999", in: config)
      let result = try run(["inspect", folder.path])
      #expect(result.status == 1)
      #expect(result.output.contains("problem           \(config.path), key \"num_experts\""))
      #expect(result.output.contains("key \"hidden_act\": \"xielu\" is not supported"))
      #expect(result.output.contains("no tensor \"model.layers.3.self_attn.q_proj.weight\""))
      #expect(result.output.contains("3 heads of") == false && result.output.contains("4 of hidden size 32"))
      #expect(result.output.contains("loads             no: 11 problems"), "\(result.output)")
      let json = try run(["inspect", folder.path, "--json"])
      let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
      #expect(json.status == 1 && object["loads"] as? Bool == false)
      #expect((object["problems"] as? [[String: String]])?.count == 11)
    }
  }

  @Test func unknownFamiliesShowTheirSettings() throws {
    try withCopy("llama-gqa") { folder in
      let config = folder.appendingPathComponent("config.json")
      try replace("\"model_type\": \"llama\"", by: "\"model_type\": \"mamba\"", in: config)
      let result = try run(["inspect", folder.path])
      #expect(result.status == 1)
      for part in ["model_type: \"mamba\"", "hidden_size: 32", "29 F32", "\"mamba\" is not supported"] {
        #expect(result.output.contains(part), "\(part) is not in \(result.output)")
      }
    }
  }

  @Test func foldersThatAreNotThereAreAUsageError() throws {
    let result = try run(["inspect", "/no/such/folder"])
    #expect(result.status == 64 && result.errors.contains("/no/such/folder is not a folder"))
  }
}
