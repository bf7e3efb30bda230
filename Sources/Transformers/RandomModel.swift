import LinearAlgebra
import NeuralNetwork
import Randomness

extension TransformerModel {
  /// A decoder of the given shape with random weights (uniform, standard deviation 0.02), for measurements: it computes
  /// as long as a trained one, and knows nothing. A sequence classifier gets a random head of one label; a language
  /// model's head is left out.
  ///
  /// - Precondition: the configuration is one of Llama's family without biases.
  public static func random(
    _ configuration: TransformerConfiguration, seed: UInt64, precision: Precision = .float32
  ) throws -> TransformerModel {
    guard precision.isSupported else { throw TransformersError.unsupportedPrecision(precision.rawValue) }
    precondition(
      configuration.isCausal && !configuration.attentionBias && !configuration.mlpBias && !configuration.queryKeyNorm,
      "random weights are made for Llama's layers without biases")
    let hidden = configuration.hiddenSize
    func linear(_ name: String, _ outputs: Int, _ inputs: Int) throws -> Linear {
      let packed = try PackedMatrix(outputs: outputs, inputs: inputs, precision: precision) {
        (rows) throws(any Error) -> [Float] in
        uniforms(rows.count * inputs, seed: seed, stream: name, index: UInt64(rows.lowerBound))
      }
      return Linear(weight: packed)
    }
    let norm = RMSNorm(weight: [Float](repeating: 1, count: hidden), epsilon: Float(configuration.normEps))
    let blocks = try (0..<configuration.numHiddenLayers).map { layer in
      let size = configuration.headDim
      let heads = configuration.numAttentionHeads
      let attention = SelfAttention(
        heads: heads, keyValueHeads: configuration.numKeyValueHeads, headSize: size, isCausal: true,
        projection: try linear("\(layer).qkv", (heads + 2 * configuration.numKeyValueHeads) * size, hidden),
        output: try linear("\(layer).o", hidden, heads * size))
      let feedForward = GatedFeedForward(
        gateUp: try linear("\(layer).gate_up", 2 * configuration.intermediateSize, hidden),
        down: try linear("\(layer).down", hidden, configuration.intermediateSize), activation: configuration.hiddenAct)
      return DecoderBlock(
        inputNorm: norm, attention: attention, postAttentionNorm: norm, feedForward: feedForward)
    }
    let table = Matrix(
      rows: configuration.vocabSize, columns: hidden,
      elements: uniforms(configuration.vocabSize * hidden, seed: seed, stream: "embedding", index: 0))
    var heads = ModelHeads()
    if configuration.head == .sequenceClassification {
      let weight = Matrix(
        rows: 1, columns: hidden, elements: uniforms(hidden, seed: seed, stream: "score", index: 0))
      heads.score = ScoreHead(weight: weight, bias: nil, pooler: nil)
    }
    return TransformerModel(
      configuration: configuration, precision: precision, name: "random weights", pooling: Pooling(.lastToken),
      embedding: TokenEmbedding(tokens: EmbeddingTable(table), absolute: nil),
      layers: .decoder(BlockStack(blocks: blocks, rotary: configuration.rotary)), finalNorm: norm, heads: heads)
  }

  private static func uniforms(_ count: Int, seed: UInt64, stream: String, index: UInt64) -> [Float] {
    var generator = PhiloxGenerator(seed: seed, stream: stream, index: index)
    let width = 0.02 * (12 as Double).squareRoot()
    return (0..<count).map { _ in Float((generator.nextUniform() - 0.5) * width) }
  }
}
