import Foundation
import PreferenceData
import Storage
import Testing

/// Runs `bayesrouter encode` and `router-bench replay --encoder` with the small checkpoint that has a tokenizer.
@Suite struct EncodeCommandTests {
  private let checkpoint = checkpointFixtures.appendingPathComponent("llama-gqa").path

  private func withDataset<Result>(_ body: (URL, URL) throws -> Result) throws -> Result {
    try withTemporaryFolder { folder in
      let data = folder.appendingPathComponent("data")
      let made = try run(["synthesize", "--pairs", "40", "--rms", "3", "--out", data.path])
      #expect(made.status == 0, "\(made.errors)")
      return try body(folder, data)
    }
  }

  private struct Report: Decodable {
    let dialogues: Int
    let distinctDialogues: Int
    let knownDialogues: Int
    let tokens: Int
    let computedTokens: Int
    let truncatedTokens: Int
  }

  private func encode(_ data: URL, _ out: URL, _ options: [String]) throws -> Report {
    let result = try run(
      ["encode", "--model", checkpoint, "--data", data.path, "--out", out.path, "--json"] + options)
    #expect(result.status == 0, "\(result.errors)")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Report.self, from: Data(result.output.utf8))
  }

  @Test func secondRunComputesNothingAndWritesTheSameBytes() throws {
    try withDataset { folder, data in
      let cache = ["--cache", folder.appendingPathComponent("cache").path]
      let outputs = ["first", "second", "uncached"].map { folder.appendingPathComponent($0) }
      let first = try encode(data, outputs[0], cache)
      #expect(first.dialogues == 80 && first.knownDialogues == 0 && first.truncatedTokens == 0)
      // Prompts are shared by two responses each.
      #expect(first.computedTokens < first.tokens)
      let second = try encode(data, outputs[1], cache)
      #expect(second.knownDialogues == second.distinctDialogues && second.computedTokens == 0)
      _ = try encode(data, outputs[2], ["--cache", "none"])
      let bytes = try outputs.map { try Data(contentsOf: $0) }
      #expect(bytes[0] == bytes[1] && bytes[0] == bytes[2])

      let file = try Safetensors.decode(bytes[0], name: "first")
      let a = try file.tensor("pooled_a", in: "first").values(as: Float.self)
      let b = try file.tensor("pooled_b", in: "first").values(as: Float.self)
      let features = try file.tensor("pair_features", in: "first")
      #expect(features.shape == [40, 64])
      let u = try features.values(as: Float.self)
      for pair in 0..<40 {
        for k in 0..<32 {
          #expect(u[pair * 64 + k] == (a[pair * 32 + k] + b[pair * 32 + k]) / 2)
          #expect(u[pair * 64 + 32 + k] == (a[pair * 32 + k] - b[pair * 32 + k]).magnitude)
        }
      }
    }
  }

  @Test func longTextsAreCutAndSaidSo() throws {
    try withDataset { folder, data in
      let out = folder.appendingPathComponent("out")
      let report = try encode(data, out, ["--cache", "none", "--max-tokens", "30"])
      #expect(report.truncatedTokens > 0)
      #expect(report.tokens <= 30 * report.distinctDialogues)
    }
  }

  @Test func replayTakesContextsFromACheckpoint() throws {
    try withDataset { folder, data in
      let out = folder.appendingPathComponent("run")
      let result = try run(
        [
          "replay", "--data", data.path, "--out", out.path, "--encoder", checkpoint, "--seeds", "2", "--methods",
          "thompson", "--cache", folder.appendingPathComponent("cache").path,
        ], program: "router-bench")
      #expect(result.status == 0, "\(result.errors)")
      let config = try JSONRecord(contentsOf: out.appendingPathComponent("config.json"))
      #expect(try config.string("encoder").hasPrefix("LlamaForCausalLM-"))
    }
  }

  @Test func aFolderWithoutTokenizerIsAClearError() throws {
    try withDataset { folder, data in
      let model = checkpointFixtures.appendingPathComponent("qwen2").path
      let out = folder.appendingPathComponent("out")
      let result = try run(["encode", "--model", model, "--data", data.path, "--out", out.path, "--cache", "none"])
      #expect(result.status != 0)
      #expect(result.errors.contains("tokenizer.json"))
      #expect(!FileManager.default.fileExists(atPath: out.path))
    }
  }
}
