import Foundation
import Storage
import Testing

/// Runs the built `bayesrouter forward` on small checkpoints.
@Suite struct ForwardCommandTests {
  /// The result for these lines of ids, and the tensors that were written.
  private func forward(
    _ fixture: String, _ lines: [String], _ options: [String] = []
  ) throws -> (status: Int32, errors: String, tensors: [String: Safetensors.Tensor]) {
    try withTemporaryFolder { folder in
      let ids = folder.appendingPathComponent("ids.jsonl")
      let out = folder.appendingPathComponent("out.safetensors")
      try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: ids)
      let model = checkpointFixtures.appendingPathComponent(fixture).path
      let result = try run(["forward", "--model", model, "--ids", ids.path, "--out", out.path] + options)
      let exists = FileManager.default.fileExists(atPath: out.path)
      #expect(exists == (result.status == 0))
      let tensors = exists ? try Safetensors.decode(Data(contentsOf: out), name: "out").tensors : [:]
      return (result.status, result.errors, tensors)
    }
  }

  @Test func writesWhatTheCheckpointGives() throws {
    let lines = [#"{"ids": [1, 2, 3]}"#, #"{"ids": [4]}"#]
    let language = try forward("llama-gqa", lines)
    #expect(language.status == 0)
    #expect(
      Set(language.tensors.keys)
        == ["hidden_states.0", "hidden_states.1", "pooled.0", "pooled.1", "log_probs.0", "log_probs.1"])
    #expect(language.tensors["hidden_states.0"]?.shape == [3, 32] && language.tensors["log_probs.0"]?.shape == [2])
    #expect(language.tensors["log_probs.1"]?.shape == [0])
    #expect(try forward("llama-gqa", lines, ["--packed"]).tensors == language.tensors, "packing changes bits")
    let score = try forward("bert-score", lines)
    #expect(score.tensors["score.0"]?.shape == [1] && score.tensors["log_probs.0"] == nil)
  }

  @Test func typesMatterToBERT() throws {
    let plain = try forward("bert-mean", [#"{"ids": [1, 2, 3]}"#]).tensors
    #expect(try forward("bert-mean", [#"{"ids": [1, 2, 3], "type_ids": [0, 0, 0]}"#]).tensors == plain)
    let other = try forward("bert-mean", [#"{"ids": [1, 2, 3], "type_ids": [0, 1, 1]}"#]).tensors
    #expect(other["pooled.0"]?.shape == [32] && other["pooled.0"] != plain["pooled.0"])
  }

  @Test(arguments: [
    (#"{"ids": []}"#, ["line 2", "\"ids\"", "at least one token id"]),
    (#"{"ids": [1, 64]}"#, ["sequence 0", "token id 64", "vocabulary of 64"]),
    (#"{"ids": [1, -1]}"#, ["token id -1"]),
    (#"{"ids": [1, 4294967296]}"#, ["line 2", "a list of token ids"]),
    (#"{"ids": "abc"}"#, ["line 2", "a list"]),
    (#"{"tokens": [1]}"#, ["line 2", "field \"ids\" is missing"]),
    (#"{"ids": [1, 2], "type_ids": [0]}"#, ["line 2", "one type for each of the 2 ids"]),
    (#"{"ids": [1, 2], "type_ids": [0, 2]}"#, ["token type 2", "type_vocab_size of 2"]),
    (#"{"ids": [\#(String(repeating: "1, ", count: 40))1]}"#, ["41 tokens", "max_position_embeddings is 40"]),
    ("oops", ["line 2, column 1"]),
  ])
  func badLinesAreErrors(line: String, parts: [String]) throws {
    let result = try forward("bert-mean", [#"{"ids": [1]}"#, line])
    #expect(result.status == 1)
    for part in parts { #expect(result.errors.contains(part), "\(part) is not in \(result.errors)") }
  }

  @Test func checkpointsThatDoNotLoadAreErrors() throws {
    try withTemporaryFolder { folder in
      let ids = folder.appendingPathComponent("ids.jsonl")
      try Data("{\"ids\": [1]}\n".utf8).write(to: ids)
      let arguments = ["--ids", ids.path, "--out", folder.appendingPathComponent("out").path]
      let none = try run(["forward", "--model", folder.path] + arguments)
      #expect(none.status == 1 && none.errors.contains("config.json"))
      let model = checkpointFixtures.appendingPathComponent("llama-gqa").path
      let precision = try run(["forward", "--model", model, "--precision", "float8"] + arguments)
      #expect(precision.status == 64 && precision.errors.contains("float8"))
    }
  }
}
