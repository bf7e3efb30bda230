import Foundation
import LinearAlgebra
import NeuralNetwork
import Storage

extension TransformerModel {
  /// Loads a checkpoint folder as Hugging Face lays it out: `config.json` and `model.safetensors` or its shards. From a
  /// published router's checkpoint, whose tensors are named `backbone.…`, it loads the encoder.
  ///
  /// Matrices are packed in parallel and their pages of the file handed back, so that the peak is the packed weights; token
  /// embeddings stay mapped.
  ///
  /// - Throws: `StorageError`, `TransformersError`: settings that are not built, missing or misshapen tensors, and NaN or
  ///   infinite weights unless allowed.
  public init(folder: URL, precision: Precision = .float32, allowsNonFinite: Bool = false) throws {
    guard precision.isSupported else { throw TransformersError.unsupportedPrecision(precision.rawValue) }
    let settings = try TransformerConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
    let tensors = try CheckpointTensors(folder: folder)
    let pooling = try Pooling(folder: folder, isCausal: settings.isCausal)
    let reader = try CheckpointReader(
      tensors, settings, folder: folder, precision: precision, allowsNonFinite: allowsNonFinite)
    let configuration = reader.layout.configuration
    switch configuration.modelType {
    case .bert: self = try .bert(reader, configuration, pooling)
    case .llama, .mistral, .qwen2, .qwen3: self = try .decoder(reader, configuration, pooling)
    }
  }

  static func decoder(
    _ reader: some WeightReader, _ configuration: TransformerConfiguration, _ pooling: Pooling
  ) throws -> TransformerModel {
    let epsilon = Float(configuration.normEps)
    func norm(_ key: String) throws -> RMSNorm {
      RMSNorm(weight: try reader.vector(key + ".weight"), epsilon: epsilon)
    }
    let tokens = try reader.embedding("embed_tokens.weight")
    let blocks =
      try (0..<configuration.numHiddenLayers).map { layer in
        let key = "layers.\(layer)."
        let attention = try decoderAttention(reader, configuration, key: key + "self_attn.")
        let feedForward = GatedFeedForward(
          gateUp: try reader.linear([key + "mlp.gate_proj", key + "mlp.up_proj"]),
          down: try reader.linear([key + "mlp.down_proj"]), activation: configuration.hiddenAct)
        return DecoderBlock(
          inputNorm: try norm(key + "input_layernorm"), attention: attention,
          postAttentionNorm: try norm(key + "post_attention_layernorm"), feedForward: feedForward)
      }
    var heads = ModelHeads()
    switch configuration.head {
    case .none: break
    case .causalLanguageModel:
      heads.languageModel =
        configuration.tieWordEmbeddings ? tokens : try reader.unprefixed.embedding("lm_head.weight")
    case .sequenceClassification:
      heads.score = ScoreHead(
        weight: try reader.unprefixed.matrix(configuration.scoreTensor), bias: nil, pooler: nil)
    }
    return TransformerModel(
      configuration: configuration, precision: reader.precision, name: reader.folder, pooling: pooling,
      embedding: TokenEmbedding(tokens: tokens, absolute: nil),
      layers: .decoder(BlockStack(blocks: blocks, rotary: configuration.rotary)), finalNorm: try norm("norm"),
      heads: heads)
  }

  private static func decoderAttention(
    _ reader: some WeightReader, _ configuration: TransformerConfiguration, key: String
  ) throws -> SelfAttention {
    func headNorm(_ name: String) throws -> RMSNorm? {
      guard configuration.queryKeyNorm else { return nil }
      return RMSNorm(weight: try reader.vector(key + name + ".weight"), epsilon: Float(configuration.normEps))
    }
    return SelfAttention(
      heads: configuration.numAttentionHeads, keyValueHeads: configuration.numKeyValueHeads,
      headSize: configuration.headDim, isCausal: true,
      projection: try reader.linear(["q_proj", "k_proj", "v_proj"].map { key + $0 }),
      output: try reader.linear([key + "o_proj"]), queryNorm: try headNorm("q_norm"), keyNorm: try headNorm("k_norm"))
  }
}
