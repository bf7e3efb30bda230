import LinearAlgebra
import NeuralNetwork
import Storage

extension TransformerModel {
  static func bert(
    _ reader: CheckpointReader, _ configuration: TransformerConfiguration, _ pooling: Pooling
  ) throws -> TransformerModel {
    let hidden = configuration.hiddenSize
    func norm(_ key: String) throws -> LayerNorm {
      // Checkpoints that came from TensorFlow call them gamma and beta.
      let isOld = reader.has(key + ".gamma")
      return LayerNorm(
        weight: try reader.vector(key + (isOld ? ".gamma" : ".weight"), count: hidden),
        bias: try reader.vector(key + (isOld ? ".beta" : ".bias"), count: hidden), epsilon: Float(configuration.normEps)
      )
    }
    func linear(_ keys: [String], _ outputs: Int, inputs: Int) throws -> Linear {
      try reader.linear(keys.map { ($0, outputs) }, inputs: inputs, hasBias: true)
    }
    let embedding = TokenEmbedding(
      tokens: try reader.embedding(
        "embeddings.word_embeddings.weight", rows: configuration.vocabSize, columns: hidden),
      absolute: TokenEmbedding.Absolute(
        positions: try reader.matrix(
          "embeddings.position_embeddings.weight", rows: configuration.maxPositionEmbeddings, columns: hidden),
        types: try reader.matrix(
          "embeddings.token_type_embeddings.weight", rows: configuration.typeVocabSize, columns: hidden),
        norm: try norm("embeddings.LayerNorm")))
    let blocks = try (0..<configuration.numHiddenLayers).map { layer in
      let key = "encoder.layer.\(layer)."
      let attention = SelfAttention(
        heads: configuration.numAttentionHeads, keyValueHeads: configuration.numAttentionHeads,
        headSize: configuration.headDim, isCausal: false,
        projection: try linear(["query", "key", "value"].map { key + "attention.self." + $0 }, hidden, inputs: hidden),
        output: try linear([key + "attention.output.dense"], hidden, inputs: hidden))
      let feedForward = FeedForward(
        up: try linear([key + "intermediate.dense"], configuration.intermediateSize, inputs: hidden),
        down: try linear([key + "output.dense"], hidden, inputs: configuration.intermediateSize),
        activation: configuration.hiddenAct)
      return EncoderBlock(
        attention: attention, attentionNorm: try norm(key + "attention.output.LayerNorm"), feedForward: feedForward,
        outputNorm: try norm(key + "output.LayerNorm"))
    }
    var heads = ModelHeads()
    if configuration.head == .sequenceClassification {
      let weight = try reader.unprefixed.scores("classifier.weight", columns: hidden)
      heads.score = ScoreHead(
        weight: weight, bias: try reader.unprefixed.vector("classifier.bias", count: weight.rows),
        pooler: ScoreHead.Pooler(
          weight: try reader.matrix("pooler.dense.weight", rows: hidden, columns: hidden),
          bias: try reader.vector("pooler.dense.bias", count: hidden)))
    }
    return TransformerModel(
      configuration: configuration, precision: reader.precision, name: reader.folder, pooling: pooling,
      embedding: embedding, layers: .encoder(BlockStack(blocks: blocks, rotary: nil)), finalNorm: nil, heads: heads)
  }
}
