import Foundation
import LinearAlgebra
import NeuralNetwork
import Storage

extension TransformerModel {
  /// Loads a checkpoint folder as Hugging Face lays it out: `config.json` and `model.safetensors` or its shards.
  ///
  /// Matrices are packed in parallel and their pages of the file handed back, so that the peak is the packed weights; token
  /// embeddings stay mapped.
  ///
  /// - Throws: `StorageError`, `TransformersError`: settings that are not built, missing or misshapen tensors, and NaN or
  ///   infinite weights unless allowed.
  public init(folder: URL, precision: Precision = .float32, allowsNonFinite: Bool = false) throws {
    guard precision.isSupported else { throw TransformersError.unsupportedPrecision(precision.rawValue) }
    let configuration = try TransformerConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
    let tensors = try CheckpointTensors(folder: folder)
    let pooling = try Pooling(folder: folder, isCausal: configuration.isCausal)
    let reader = try CheckpointReader(
      tensors, folder: folder, configuration, precision: precision, allowsNonFinite: allowsNonFinite)
    switch configuration.modelType {
    case .bert: self = try .bert(reader, configuration, pooling)
    case .llama, .mistral, .qwen2, .qwen3: self = try .decoder(reader, configuration, pooling)
    }
  }

  static func decoder(
    _ reader: CheckpointReader, _ configuration: TransformerConfiguration, _ pooling: Pooling
  ) throws -> TransformerModel {
    let hidden = configuration.hiddenSize
    let epsilon = Float(configuration.normEps)
    func norm(_ key: String, _ count: Int) throws -> RMSNorm {
      RMSNorm(weight: try reader.vector(key + ".weight", count: count), epsilon: epsilon)
    }
    let tokens = try reader.embedding("embed_tokens.weight", rows: configuration.vocabSize, columns: hidden)
    let blocks = try (0..<configuration.numHiddenLayers).map { layer in
      let key = "layers.\(layer)."
      let attention = try decoderAttention(reader, configuration, key: key + "self_attn.")
      let gateUp = try reader.linear(
        ["gate_proj", "up_proj"].map { (key + "mlp." + $0, configuration.intermediateSize) }, inputs: hidden,
        hasBias: configuration.mlpBias)
      let down = try reader.linear(
        [(key + "mlp.down_proj", hidden)], inputs: configuration.intermediateSize, hasBias: configuration.mlpBias)
      return DecoderBlock(
        inputNorm: try norm(key + "input_layernorm", hidden), attention: attention,
        postAttentionNorm: try norm(key + "post_attention_layernorm", hidden),
        feedForward: GatedFeedForward(gateUp: gateUp, down: down, activation: configuration.hiddenAct))
    }
    var heads = ModelHeads()
    switch configuration.head {
    case .none: break
    case .causalLanguageModel:
      heads.languageModel =
        configuration.tieWordEmbeddings
        ? tokens : try reader.unprefixed.embedding("lm_head.weight", rows: configuration.vocabSize, columns: hidden)
    case .sequenceClassification:
      heads.score = ScoreHead(
        weight: try reader.unprefixed.scores("score.weight", columns: hidden), bias: nil, pooler: nil)
    }
    return TransformerModel(
      configuration: configuration, precision: reader.precision, name: reader.folder, pooling: pooling,
      embedding: TokenEmbedding(tokens: tokens, absolute: nil),
      layers: .decoder(BlockStack(blocks: blocks, rotary: configuration.rotary)), finalNorm: try norm("norm", hidden),
      heads: heads)
  }

  private static func decoderAttention(
    _ reader: CheckpointReader, _ configuration: TransformerConfiguration, key: String
  ) throws -> SelfAttention {
    let size = configuration.headDim
    let queries = configuration.numAttentionHeads * size
    let keys = configuration.numKeyValueHeads * size
    func headNorm(_ name: String) throws -> RMSNorm? {
      guard configuration.queryKeyNorm else { return nil }
      return RMSNorm(
        weight: try reader.vector(key + name + ".weight", count: size), epsilon: Float(configuration.normEps))
    }
    return SelfAttention(
      heads: configuration.numAttentionHeads, keyValueHeads: configuration.numKeyValueHeads, headSize: size,
      isCausal: true,
      projection: try reader.linear(
        [(key + "q_proj", queries), (key + "k_proj", keys), (key + "v_proj", keys)], inputs: configuration.hiddenSize,
        hasBias: configuration.attentionBias),
      output: try reader.linear(
        [(key + "o_proj", configuration.hiddenSize)], inputs: queries, hasBias: configuration.outputBias),
      queryNorm: try headNorm("q_norm"), keyNorm: try headNorm("k_norm"))
  }
}

extension CheckpointReader {
  init(
    _ tensors: CheckpointTensors, folder: URL, _ configuration: TransformerConfiguration, precision: Precision,
    allowsNonFinite: Bool
  ) throws {
    let isBERT = configuration.modelType == .bert
    try self.init(
      tensors, folder: folder, prefixes: isBERT ? ["bert.", ""] : ["model.", ""],
      probe: isBERT ? "embeddings.word_embeddings.weight" : "embed_tokens.weight", precision: precision,
      allowsNonFinite: allowsNonFinite)
  }

  /// For the heads, whose keys have no prefix.
  var unprefixed: CheckpointReader {
    CheckpointReader(copying: self, prefix: "")
  }

  /// The weights of a score head, labels x hidden, for as many labels as there are.
  func scores(_ key: String, columns: Int) throws -> Matrix<Float> {
    let shape = try tensors.tensor(prefix + key).shape
    return try matrix(key, rows: shape.first ?? 1, columns: columns)
  }
}
