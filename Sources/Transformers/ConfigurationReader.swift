import Foundation
import LinearAlgebra
import NeuralNetwork
import Storage

extension TransformerConfiguration {
  /// Reads a checkpoint's `config.json`, in the spelling of Transformers 4 or 5.
  ///
  /// - Throws: `StorageError` where the file is no such JSON, `TransformersError.setting` for what is not built.
  public init(contentsOf url: URL) throws {
    try self.init(JSONRecord(contentsOf: url))
  }

  /// The same for a `config.json` that was read already.
  init(_ record: JSONRecord) throws { try self.init(ConfigurationReader(record)) }

  private init(_ reader: ConfigurationReader) throws {
    let typeName = try reader.record.string("model_type")
    guard let modelType = ModelType(rawValue: typeName) else {
      throw reader.unsupported("model_type", "\"\(typeName)\"", Self.list(ModelType.allCases.map(\.rawValue)))
    }
    self.modelType = modelType
    (architecture, head) = try reader.architecture(modelType)
    valueHead = try reader.valueHead(modelType)
    try reader.refuse("quantization_config", "weights that are not quantized")
    for key in ["num_experts", "num_local_experts", "n_routed_experts"] {
      try reader.refuse(key, "a dense model without experts")
    }

    vocabSize = try reader.count("vocab_size")
    hiddenSize = try reader.count("hidden_size")
    intermediateSize = try reader.count("intermediate_size")
    numHiddenLayers = try reader.count("num_hidden_layers")
    numAttentionHeads = try reader.count("num_attention_heads")
    maxPositionEmbeddings = try reader.count("max_position_embeddings")
    padTokenID = try reader.optionalInteger("pad_token_id")
    numKeyValueHeads = try reader.count("num_key_value_heads", default: numAttentionHeads)
    guard numAttentionHeads % numKeyValueHeads == 0 else {
      throw reader.unsupported(
        "num_key_value_heads", "\(numKeyValueHeads)", "a divisor of num_attention_heads, \(numAttentionHeads)")
    }
    let isBERT = modelType == .bert
    if !isBERT, reader.record.optional("head_dim") != nil || modelType == .qwen3 {
      headDim = try reader.count("head_dim", default: 128)
    } else {
      guard hiddenSize % numAttentionHeads == 0 else {
        throw reader.unsupported(
          "hidden_size", "\(hiddenSize)", "a multiple of num_attention_heads, \(numAttentionHeads)")
      }
      headDim = hiddenSize / numAttentionHeads
    }
    normEps = try reader.positive(isBERT ? "layer_norm_eps" : "rms_norm_eps", default: isBERT ? 1e-12 : 1e-6)
    hiddenAct = try reader.activation(default: isBERT ? "gelu" : "silu")
    tieWordEmbeddings = try reader.flag("tie_word_embeddings", default: false)

    switch modelType {
    case .bert:
      attentionBias = true
      outputBias = true
      mlpBias = true
    case .qwen2:
      attentionBias = true
      outputBias = false
      mlpBias = false
    case .llama, .qwen3, .mistral:
      attentionBias = try modelType == .mistral ? false : reader.flag("attention_bias", default: false)
      outputBias = attentionBias
      mlpBias = try modelType == .llama && reader.flag("mlp_bias", default: false)
    }
    queryKeyNorm = modelType == .qwen3
    slidingWindow = try reader.slidingWindow(modelType)
    typeVocabSize = isBERT ? try reader.count("type_vocab_size", default: 2) : 0
    if isBERT {
      rotary = nil
      let kind = try reader.record.optionalString("position_embedding_type") ?? "absolute"
      guard kind == "absolute" else {
        throw reader.unsupported("position_embedding_type", "\"\(kind)\"", "\"absolute\"")
      }
      if try reader.flag("is_decoder", default: false) { throw reader.unsupported("is_decoder", "true", "false") }
    } else {
      rotary = try reader.rotary(headSize: headDim, positions: maxPositionEmbeddings)
    }
  }

  fileprivate static func list(_ names: [String]) -> String {
    "one of " + names.map { "\"\($0)\"" }.joined(separator: ", ")
  }
}

/// Typed reading of `config.json`; each complaint names the file and the key.
private struct ConfigurationReader {
  let record: JSONRecord

  init(_ record: JSONRecord) { self.record = record }

  func unsupported(_ key: String, _ found: String, _ expected: String) -> TransformersError {
    let item = record.place.item
    return .setting(
      file: record.place.file, key: item.isEmpty ? key : "\(item).\(key)", found: found, expected: expected)
  }

  func count(_ key: String, default fallback: Int? = nil) throws -> Int {
    if let fallback, record.optional(key) == nil { return fallback }
    let value = try record.integer(key)
    // A limit that no model comes near keeps every later product of sizes within Int.
    guard value > 0, value <= 1 << 28 else { throw unsupported(key, "\(value)", "a number from 1 to 2^28") }
    return value
  }

  func optionalInteger(_ key: String) throws -> Int? { try record.optional(key).map { _ in try record.integer(key) } }

  func positive(_ key: String, default fallback: Double? = nil) throws -> Double {
    if let fallback, record.optional(key) == nil { return fallback }
    let value = try record.finite(key)
    guard value > 0 else { throw unsupported(key, "\(value)", "a number above 0") }
    return value
  }

  func flag(_ key: String, default fallback: Bool) throws -> Bool {
    guard let value = record.optional(key) else { return fallback }
    guard case .boolean(let flag) = value else { throw record.mistyped(key, expected: "true or false") }
    return flag
  }

  func refuse(_ key: String, _ expected: String) throws {
    if let value = record.optional(key) { throw unsupported(key, value.summary, expected) }
  }

  func architecture(_ type: TransformerConfiguration.ModelType) throws -> (String, TransformerConfiguration.Head) {
    let stem =
      ["llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3", "bert": "Bert"][type.rawValue] ?? ""
    var heads: [String: TransformerConfiguration.Head] = [
      stem + "Model": .none, stem + "ForSequenceClassification": .sequenceClassification,
    ]
    // A masked language model is read as its encoder.
    heads[stem + (type == .bert ? "ForMaskedLM" : "ForCausalLM")] =
      type == .bert ? TransformerConfiguration.Head.none : .causalLanguageModel
    // OpenRLHF's own class, of whatever family.
    if record.optional("value_head_prefix") != nil { heads["RewardModel"] = .sequenceClassification }
    let names = try record.array("architectures")
    guard names.count == 1, case .string(let name) = names[0] else {
      throw unsupported("architectures", "a list of \(names.count)", "a list of one name")
    }
    guard let head = heads[name] else {
      throw unsupported("architectures", "\"\(name)\"", TransformerConfiguration.list(heads.keys.sorted()))
    }
    return (name, head)
  }

  func valueHead(_ type: TransformerConfiguration.ModelType) throws -> TransformerConfiguration.ValueHead? {
    guard let prefix = try record.optionalString("value_head_prefix") else { return nil }
    if type == .bert { throw unsupported("value_head_prefix", "\"\(prefix)\"", "none in a BERT") }
    let hasMoments = record.optional("mean") != nil
    return TransformerConfiguration.ValueHead(
      prefix: prefix, normalizeReward: try flag("normalize_reward", default: false),
      mean: hasMoments ? try record.finite("mean") : 0, std: hasMoments ? try positive("std") : 1)
  }

  func activation(default fallback: String) throws -> Activation {
    let names: [String: Activation] = [
      "silu": .silu, "swish": .silu, "gelu": .gelu, "gelu_new": .geluTanh, "gelu_pytorch_tanh": .geluTanh,
      "relu": .relu,
    ]
    let name = try record.optionalString("hidden_act") ?? fallback
    guard let activation = names[name] else {
      throw unsupported("hidden_act", "\"\(name)\"", TransformerConfiguration.list(names.keys.sorted()))
    }
    return activation
  }

  func slidingWindow(_ type: TransformerConfiguration.ModelType) throws -> Int? {
    switch type {
    case .llama, .bert: return nil
    case .mistral: return record.object["sliding_window"] == nil ? 4096 : try optionalInteger("sliding_window")
    case .qwen2, .qwen3:
      guard try flag("use_sliding_window", default: false) else { return nil }
      return try optionalInteger("sliding_window") ?? 4096
    }
  }

  func rotary(headSize: Int, positions: Int) throws -> RotaryEmbedding {
    guard headSize % 2 == 0 else { throw unsupported("head_dim", "\(headSize)", "an even number") }
    if let factor = record.optional("partial_rotary_factor"), factor.double != 1 {
      throw unsupported("partial_rotary_factor", factor.summary, "1")
    }
    // Transformers 5 keeps base and scaling together; before, the base stood beside an optional scaling.
    let key = record.optional("rope_parameters") != nil ? "rope_parameters" : "rope_scaling"
    guard let value = record.optional(key) else {
      return RotaryEmbedding(headSize: headSize, base: try positive("rope_theta", default: 10_000))
    }
    let scaling = ConfigurationReader(
      try JSONRecord(value, at: FilePlace(file: record.place.file, item: key)))
    let base = try scaling.positive("rope_theta", default: positive("rope_theta", default: 10_000))
    if let factor = scaling.record.optional("partial_rotary_factor"), factor.double != 1 {
      throw scaling.unsupported("partial_rotary_factor", factor.summary, "1")
    }
    let type = try scaling.record.optionalString("rope_type") ?? scaling.record.optionalString("type") ?? "default"
    return RotaryEmbedding(
      headSize: headSize, base: base, scaling: try scaling.scaling(type, positions: positions))
  }

  private func scaling(_ type: String, positions: Int) throws -> RotaryEmbedding.Scaling {
    switch type {
    case "default": return .none
    case "linear": return .linear(factor: try positive("factor"))
    case "dynamic":
      return .dynamic(
        factor: try positive("factor"),
        originalPositions: try count("original_max_position_embeddings", default: positions))
    case "llama3":
      let low = try positive("low_freq_factor")
      let high = try positive("high_freq_factor")
      guard high > low else {
        throw unsupported("high_freq_factor", "\(high)", "a number above low_freq_factor")
      }
      return .llama3(
        factor: try positive("factor"), lowFrequencyFactor: low, highFrequencyFactor: high,
        originalPositions: try count("original_max_position_embeddings", default: positions))
    default:
      throw unsupported(
        "rope_type", "\"\(type)\"", TransformerConfiguration.list(["default", "linear", "dynamic", "llama3"]))
    }
  }
}
