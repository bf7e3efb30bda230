import Foundation
import LinearAlgebra
import Storage
import Testing
import Transformers

/// What is said of a checkpoint without loading it, against the loaded model.
@Suite struct CheckpointSummaryTests {
  @Test(arguments: ParityTests.names)
  func agreesWithTheLoadedModel(name: String) throws {
    let folder = ParityTests.folder.appendingPathComponent(name)
    let summary = CheckpointSummary(folder: folder, checkingValues: true)
    let model = try TransformerModel(folder: folder)
    #expect(summary.loads && summary.problems.isEmpty && summary.warnings.isEmpty)
    #expect(summary.configuration == model.configuration && summary.pooling == model.pooling)
    #expect(summary.unread.allSatisfy { $0.reason != nil }, "\(summary.unread)")
    #expect(summary.weightByteCount(.float32) == model.weightByteCount)
    if Precision.bfloat16.isSupported {
      let narrow = try TransformerModel(folder: folder, precision: .bfloat16)
      #expect(summary.weightByteCount(.bfloat16) == narrow.weightByteCount)
    }
    var scratch = ForwardScratch()
    let batch = TokenBatch([[Int32](repeating: 4, count: 17), [1, 2, 3]])
    _ = try model.hiddenStates(batch, workers: 3, scratch: &scratch)
    #expect(summary.scratchByteCount(.float32, tokens: 20, longest: 17, workers: 3) == scratch.byteCount)

    let counts = try #require(summary.parameters)
    let read = summary.tensors.filter(\.isRead).map { $0.shape.reduce(1, *) }.reduce(0, +)
    #expect(counts.total == read)
    #expect(counts.layers >= model.configuration.layerParameterCount)
    #expect(counts.embedding >= model.configuration.embeddingParameterCount)
  }

  @Test func countsParametersOfEachPart() throws {
    let summary = CheckpointSummary(folder: ParityTests.folder.appendingPathComponent("llama-untied-bias"))
    let counts = try #require(summary.parameters)
    // vocabulary 80, hidden 32, inner 64, 4 heads of 12 over 2, two layers with all biases, two norms a layer.
    let attention = 32 * (48 + 24 + 24) + 48 + 24 + 24 + 48 * 32 + 32
    let inner = 3 * 32 * 64 + 64 + 64 + 32
    #expect(counts.embedding == 80 * 32)
    #expect(counts.layers == 2 * (attention + inner + 64))
    #expect(counts.other == 32 + 80 * 32)
  }

  /// Removing or reshaping any tensor: loading and summary agree on whether that matters, and on the words.
  @Test(arguments: [
    "llama-untied-bias", "qwen3", "llama-mha-bf16", "llama-score", "bert-mean", "bert-score", "llama-base",
  ])
  func eachTensorIsMissedJustWhereItIsRead(fixture: String) throws {
    try CheckpointCopy.with(fixture) { copy in
      let tensors = try copy.tensors()
      let isRead = Dictionary(uniqueKeysWithValues: copy.summary.tensors.map { ($0.name, $0.isRead) })
      for name in tensors.keys.sorted() {
        for isReshaped in [false, true] {
          try copy.edit { edited in
            edited = tensors
            edited[name] = isReshaped ? .init([1, 2, 3] as [Float], shape: [3, 1, 1]) : nil
          }
          if isRead[name] == true {
            #expect(try copy.problem().contains(name))
          } else {
            #expect(copy.summary.loads)
            #expect(throws: Never.self) { try copy.load() }
          }
        }
      }
    }
  }

  @Test func keepsWhatCanBeKnownOfABrokenCheckpoint() throws {
    try CheckpointCopy.with("llama-f16-sharded") { copy in
      try copy.set("quantization_config", .object([:]))
      try copy.set("num_experts", .integer(8))
      try copy.set("rope_parameters", .object(["rope_type": .string("yarn")]))
      try FileManager.default.removeItem(at: copy.url("model-00003-of-00004.safetensors"))
      let summary = copy.summary
      #expect(summary.problems.filter { $0.kind == .setting }.count == 3)
      #expect(summary.problems.filter { $0.kind == .files }.count == 1)
      #expect(summary.problems.contains { $0.kind == .missingTensor })
      #expect(summary.files.count == 3 && !summary.tensors.isEmpty && summary.pooling != nil)
      #expect(summary.configuration?.hiddenSize == 32 && summary.settings?["num_experts"] == .integer(8))
      #expect(summary.weightByteCount(.float32) == nil && summary.parameters?.embedding == 96 * 32)
    }
    try CheckpointCopy.with("llama-gqa") { copy in
      try copy.set("model_type", .string("mamba"))
      let summary = copy.summary
      #expect(summary.configuration == nil && summary.settings?["hidden_size"] == .integer(32))
      #expect(summary.problems.count == 1 && summary.tensors.count == 29 && summary.parameters == nil)
    }
  }

  @Test func tensorsThatNothingReadsAreTold() throws {
    try CheckpointCopy.with("llama-gqa") { copy in
      try copy.edit { tensors in
        tensors["model.layers.0.self_attn.q_proj.bias"] = .init([Float](repeating: 1, count: 32))
        tensors["lm_head.weight"] = .init([Float](repeating: 1, count: 64 * 32), shape: [64, 32])
        tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = .init([1, .nan] as [Float])
      }
      let summary = CheckpointSummary(folder: copy.folder, checkingValues: true)
      #expect(summary.loads)
      #expect(summary.unread.filter { $0.reason == nil }.map(\.name) == ["model.layers.0.self_attn.q_proj.bias"])
      #expect(summary.unread.first { $0.name == "lm_head.weight" }?.reason == "tied to the embedding")
      #expect(summary.warnings.count == 1 && summary.warnings[0].contains("inv_freq"))
    }
  }

  @Test func comparesTheTokenizerWithTheVocabulary() throws {
    try CheckpointCopy.with("llama-base") { copy in
      #expect(copy.summary.tokenizerSize == nil && copy.summary.warnings.isEmpty)
      try copy.write("tokenizer.json", #"{"model": {"vocab": {"a": 0, "b": 62}}, "added_tokens": [{"id": 63}]}"#)
      #expect(copy.summary.tokenizerSize == 64 && copy.summary.warnings.isEmpty)
      try copy.write("tokenizer.json", #"{"model": {"vocab": {"a": 0, "b": 64}}}"#)
      #expect(copy.summary.tokenizerSize == 65 && copy.summary.loads)
      #expect(mentions(copy.summary.warnings.first ?? "", "ids up to 64", "vocabulary is 64"))
      try copy.write("tokenizer.json", #"{"model": {"vocab": [["a", -1.5], ["b", -2.5]]}}"#)
      #expect(copy.summary.tokenizerSize == 2)
      for damaged in ["{", "{}", #"{"model": {"vocab": 3}}"#, #"{"model": {"vocab": {"a": 9223372036854775807}}}"#] {
        try copy.write("tokenizer.json", damaged)
        #expect(copy.summary.tokenizerSize == nil && copy.summary.warnings.count == 1 && copy.summary.loads)
      }
    }
  }
}
