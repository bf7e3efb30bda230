import LinearAlgebra
import NeuralNetwork
import Storage

extension TransformerModel {
  static func bert(
    _ reader: some WeightReader, _ configuration: TransformerConfiguration, _ pooling: Pooling
  ) throws -> TransformerModel {
    func norm(_ key: String) throws -> LayerNorm {
      let isOld = reader.needs(key + ".gamma")
      return LayerNorm(
        weight: try reader.vector(key + (isOld ? ".gamma" : ".weight")),
        bias: try reader.vector(key + (isOld ? ".beta" : ".bias")), epsilon: Float(configuration.normEps))
    }
    let embedding = TokenEmbedding(
      tokens: try reader.embedding("embeddings.word_embeddings.weight"),
      absolute: TokenEmbedding.Absolute(
        positions: try reader.matrix("embeddings.position_embeddings.weight"),
        types: try reader.matrix("embeddings.token_type_embeddings.weight"), norm: try norm("embeddings.LayerNorm")))
    let blocks =
      try (0..<configuration.numHiddenLayers).map { layer in
        let key = "encoder.layer.\(layer)."
        let attention = SelfAttention(
          heads: configuration.numAttentionHeads, keyValueHeads: configuration.numAttentionHeads,
          headSize: configuration.headDim, isCausal: false,
          projection: try reader.linear(["query", "key", "value"].map { key + "attention.self." + $0 }),
          output: try reader.linear([key + "attention.output.dense"]))
        let feedForward = FeedForward(
          up: try reader.linear([key + "intermediate.dense"]), down: try reader.linear([key + "output.dense"]),
          activation: configuration.hiddenAct)
        return EncoderBlock(
          attention: attention, attentionNorm: try norm(key + "attention.output.LayerNorm"), feedForward: feedForward,
          outputNorm: try norm(key + "output.LayerNorm"))
      }
    var heads = ModelHeads()
    if configuration.head == .sequenceClassification {
      heads.score = ScoreHead(
        weight: try reader.unprefixed.matrix(configuration.scoreTensor),
        bias: try reader.unprefixed.vector("classifier.bias"),
        pooler: ScoreHead.Pooler(
          weight: try reader.matrix("pooler.dense.weight"), bias: try reader.vector("pooler.dense.bias")))
    }
    return TransformerModel(
      configuration: configuration, precision: reader.precision, name: reader.folder, pooling: pooling,
      embedding: embedding, layers: .encoder(BlockStack(blocks: blocks, rotary: nil)), finalNorm: nil, heads: heads)
  }
}
