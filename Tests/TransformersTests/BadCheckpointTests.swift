import Foundation
import LinearAlgebra
import Storage
import Testing
import Transformers

/// Damaged and foreign checkpoints: an error that names file, tensor or key and what to do, from loading and from the summary alike.
@Suite struct BadCheckpointTests {
  private static let weight = "model.layers.0.mlp.down_proj.weight"

  private func problem(_ fixture: String = "llama-gqa", _ damage: (CheckpointCopy) throws -> Void) throws -> String {
    try CheckpointCopy.with(fixture) { copy in
      try damage(copy)
      return try copy.problem()
    }
  }

  private func problem(setting key: String, _ value: JSONValue?, of fixture: String = "llama-gqa") throws -> String {
    try problem(fixture) { try $0.set(key, value) }
  }

  // MARK: files

  @Test func truncatedAndOverlongFilesAreNamed() throws {
    for count in [0, 5, 100, 60_000] {
      let text = try problem { copy in
        let data = try Data(contentsOf: copy.url("model.safetensors"))
        try data.prefix(count).write(to: copy.url("model.safetensors"))
      }
      #expect(text.contains("model.safetensors"), "\(text)")
    }
    let text = try problem { copy in
      let data = try Data(contentsOf: copy.url("model.safetensors"))
      try (data + Data([0, 0])).write(to: copy.url("model.safetensors"))
    }
    #expect(mentions(text, "model.safetensors is not a valid safetensors file", "the file holds"), "\(text)")
  }

  @Test func missingFilesAreNamed() throws {
    let noConfig = try problem { try FileManager.default.removeItem(at: $0.url("config.json")) }
    #expect(mentions(noConfig, "config.json", "No such file"))
    let noWeights = try problem { try FileManager.default.removeItem(at: $0.url("model.safetensors")) }
    #expect(mentions(noWeights, "neither model.safetensors nor model.safetensors.index.json"))
    let noShard = try problem("llama-f16-sharded") {
      try FileManager.default.removeItem(at: $0.url("model-00002-of-00004.safetensors"))
    }
    #expect(mentions(noShard, "shards are missing: model-00002-of-00004.safetensors"))
  }

  @Test func configurationsThatAreNotJSONSayWhere() throws {
    let text = try problem { try $0.write("config.json", "{\"model_type\": \"llama\",\n  oops}") }
    #expect(mentions(text, "config.json line 2, column 3"), "\(text)")
    #expect(try problem { try $0.write("config.json", "[1, 2]") }.contains("expected a JSON object"))
    #expect(try problem { try $0.write("config.json", "") }.contains("config.json"))
  }

  // MARK: tensors

  @Test func missingTensorsAreNamed() throws {
    let text = try problem { try $0.edit { $0[Self.weight] = nil } }
    #expect(mentions(text, "model.safetensors has no tensor \"\(Self.weight)\""))
  }

  @Test func misshapenTensorsSayBothShapes() throws {
    let text = try problem {
      try $0.edit { $0[Self.weight] = .init([Float](repeating: 1, count: 2048), shape: [64, 32]) }
    }
    #expect(mentions(text, "\"\(Self.weight)\" has shape [64, 32], but config.json asks for [32, 64]"))
    let vector = try problem { try $0.edit { $0["model.norm.weight"] = .init([1] as [Float], shape: []) } }
    #expect(mentions(vector, "\"model.norm.weight\" has shape [], but config.json asks for [32]"))
  }

  @Test func scoreHeadsNeedALabel() throws {
    let text = try problem("llama-score") { try $0.edit { $0["score.weight"] = .init([Float](), shape: [0, 32]) } }
    #expect(mentions(text, "\"score.weight\" has shape [0, 32]"))
    #expect(try problem("bert-score") { try $0.edit { $0["classifier.bias"] = nil } }.contains("classifier.bias"))
  }

  @Test func integerAndNarrowWeightsAreRefused() throws {
    let integers = try problem {
      try $0.edit { $0[Self.weight] = .init([Int64](repeating: 1, count: 2048), shape: [32, 64]) }
    }
    #expect(mentions(integers, "tensor \"\(Self.weight)\"", "integers (I64), not floats"))
    let narrow = try problem {
      try $0.edit { $0[Self.weight] = .init(dtype: .f8e4m3, shape: [32, 64], bytes: Data(count: 2048)) }
    }
    #expect(mentions(narrow, "tensor \"\(Self.weight)\"", "F8_E4M3 is not read", "BF16"))
  }

  @Test(arguments: [
    weight, "model.embed_tokens.weight", "model.norm.weight", "model.layers.1.self_attn.k_proj.weight",
  ])
  func nonFiniteWeightsAreRefusedUnlessAllowed(name: String) throws {
    for value in [Float.nan, .infinity, -.infinity] {
      try CheckpointCopy.with("llama-gqa") { copy in
        try copy.edit { tensors in
          let old = try #require(tensors[name])
          var values = try old.values(as: Float.self)
          values[values.count - 3] = value
          tensors[name] = .init(values, shape: old.shape)
        }
        let text = try copy.problem()
        #expect(mentions(text, "tensor \"\(name)\" holds \(value)", "--allow-non-finite", "index "), "\(text)")
        #expect(copy.summary.loads, "without reading the values nothing is wrong")
        let model = try copy.load(allowsNonFinite: true)
        var scratch = ForwardScratch()
        let states = try model.hiddenStates(TokenBatch([[1, 2, 3]]), scratch: &scratch)
        #expect(states.rows == 3)
      }
    }
  }

  // MARK: settings

  @Test func sizesThatDoNotFitEachOtherAreRefused() throws {
    let text = try problem("llama-gqa") {
      try $0.set("head_dim", nil)
      try $0.set("hidden_size", .integer(33))
    }
    #expect(mentions(text, "key \"hidden_size\": 33", "a multiple of num_attention_heads, 4"))
    #expect(mentions(try problem(setting: "hidden_size", .integer(33), of: "bert-mean"), "num_attention_heads, 4"))
    #expect(mentions(try problem(setting: "num_key_value_heads", .integer(3)), "a divisor of num_attention_heads, 4"))
    #expect(mentions(try problem(setting: "head_dim", .integer(7)), "\"head_dim\": 7", "an even number"))
    #expect(mentions(try problem(setting: "num_hidden_layers", .integer(0)), "num_hidden_layers", "from 1 to 2^28"))
    #expect(mentions(try problem(setting: "vocab_size", .integer(65)), "embed_tokens", "[64, 32]", "[65, 32]"))
    #expect(mentions(try problem(setting: "intermediate_size", .string("64")), "intermediate_size", "an integer"))
    #expect(mentions(try problem(setting: "hidden_size", nil), "field \"hidden_size\" is missing"))
  }

  @Test func layersBeyondTheCheckpointAreMissingTensors() throws {
    // The list of needed tensors must stay short.
    let text = try problem(setting: "num_hidden_layers", .integer(1 << 28))
    #expect(mentions(text, "no tensor \"model.layers.3."))
  }

  @Test func unknownFamiliesAndHeadsAreRefused() throws {
    #expect(mentions(try problem(setting: "model_type", .string("gpt2")), "\"gpt2\" is not supported", "\"llama\""))
    #expect(mentions(try problem(setting: "model_type", nil), "\"model_type\" is missing"))
    let head = try problem(setting: "architectures", .array([.string("LlamaForTokenClassification")]))
    #expect(mentions(head, "architectures", "LlamaForTokenClassification", "\"LlamaForCausalLM\""))
    #expect(mentions(try problem(setting: "architectures", .array([])), "architectures", "a list of one name"))
  }

  @Test func whatIsNotBuiltIsRefusedByItsKey() throws {
    let quantized: JSONValue = .object(["quant_method": .string("gptq"), "bits": .integer(4)])
    #expect(mentions(try problem(setting: "quantization_config", quantized), "quantization_config", "not quanti"))
    for key in ["num_experts", "num_local_experts", "n_routed_experts"] {
      #expect(mentions(try problem(setting: key, .integer(8)), key, "without experts"))
    }
    #expect(mentions(try problem(setting: "hidden_act", .string("xielu")), "hidden_act", "\"silu\""))
    #expect(
      mentions(try problem(setting: "partial_rotary_factor", .number(0.5)), "partial_rotary_factor", "expected 1"))
    #expect(mentions(try problem(setting: "is_decoder", .boolean(true), of: "bert-mean"), "is_decoder"))
    let relative = try problem(setting: "position_embedding_type", .string("relative_key"), of: "bert-mean")
    #expect(mentions(relative, "position_embedding_type", "\"absolute\""))
  }

  @Test func ropeSettingsAreNamedInFull() throws {
    func rope(_ settings: JSONObject) throws -> String { try problem(setting: "rope_parameters", .object(settings)) }
    let yarn = try rope(["rope_type": .string("yarn"), "factor": .integer(4)])
    #expect(mentions(yarn, "\"rope_parameters.rope_type\": \"yarn\"", "\"llama3\""), "\(yarn)")
    let negative = try rope(["rope_type": .string("linear"), "factor": .integer(-4)])
    #expect(mentions(negative, "\"rope_parameters.factor\": -4.0", "above 0"), "\(negative)")
    let partial = try rope(["rope_type": .string("default"), "partial_rotary_factor": .number(0.25)])
    #expect(mentions(partial, "\"rope_parameters.partial_rotary_factor\""), "\(partial)")
    let missing = try rope(["rope_type": .string("linear")])
    #expect(mentions(missing, "config.json, rope_parameters: field \"factor\" is missing"), "\(missing)")
    let frequencies = try rope([
      "rope_type": .string("llama3"), "factor": .integer(8), "low_freq_factor": .integer(4),
      "high_freq_factor": .integer(4),
    ])
    #expect(mentions(frequencies, "rope_parameters.high_freq_factor", "above low_freq_factor"), "\(frequencies)")
    let old = try problem(setting: "rope_scaling", .object(["type": .string("su")]), of: "llama-base")
    #expect(mentions(old, "\"rope_scaling.rope_type\": \"su\""), "\(old)")
    #expect(try problem(setting: "rope_scaling", .string("su"), of: "llama-base").contains("rope_scaling"))
  }

  @Test func poolingsThatAreNotBuiltAreRefused() throws {
    func modules(_ types: [String]) -> String {
      "["
        + types.enumerated().map {
          #"{"idx": \#($0), "path": "1_Pooling", "type": "sentence_transformers.models.\#($1)"}"#
        }
        .joined(separator: ", ") + "]"
    }
    let dense = try problem("bert-mean") { try $0.write("modules.json", modules(["Transformer", "Pooling", "Dense"])) }
    #expect(mentions(dense, "modules.json", "[2].type", "\"Dense\"", "Transformer, then Pooling"))
    let none = try problem("bert-mean") { try $0.write("modules.json", "{}") }
    #expect(mentions(none, "modules.json", "a list of modules"))
    for flags in [
      #"{"pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": true}"#, #"{"pooling_mode": "weightedmean"}"#,
      #"{"pooling_mode_weightedmean_tokens": true}"#, "{}",
    ] {
      let text = try problem("bert-mean") { try $0.write("1_Pooling/config.json", flags) }
      #expect(mentions(text, "1_Pooling/config.json", "pooling_mode", "mean_sqrt_len_tokens"), "\(text)")
    }
    let absent = try problem("bert-mean") { try FileManager.default.removeItem(at: $0.url("1_Pooling/config.json")) }
    #expect(absent.contains("1_Pooling/config.json"))
  }

  @Test func bfloat16NeedsACPUThatHasIt() throws {
    try CheckpointCopy.with("llama-gqa") { copy in
      if Precision.bfloat16.isSupported {
        let model = try copy.load(precision: .bfloat16)
        #expect(model.precision == .bfloat16)
      } else {
        let error = #expect(throws: TransformersError.self) { try copy.load(precision: .bfloat16) }
        #expect(error == .unsupportedPrecision("bfloat16"))
      }
    }
    #expect(mentions("\(TransformersError.unsupportedPrecision("bfloat16"))", "bfloat16", "AVX512-BF16", "float32"))
  }
}
