/// The parameters of one layer by their place among all of them, in the order in which `TrainableBlock` has the gradients.
struct LayerKeys: Sendable {
  /// The weights of each of the four maps, whose outputs lie side by side, and their biases.
  let weights: [[Int]]
  let biases: [[Int]]
  let norms: [Int]

  /// - Parameter index: the place of a parameter by its key without the layer's, nil where there is none.
  init(_ configuration: TransformerConfiguration, index: (String) -> Int?) {
    let isBERT = configuration.modelType == .bert
    let maps = isBERT ? Self.encoderMaps : Self.decoderMaps
    weights = maps.map { keys in keys.compactMap { index($0 + ".weight") } }
    biases = maps.map { keys in keys.compactMap { index($0 + ".bias") } }
    norms = (isBERT ? Self.encoderNorms : Self.decoderNorms).compactMap(index)
  }

  private static let decoderMaps = [
    ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"], ["self_attn.o_proj"],
    ["mlp.gate_proj", "mlp.up_proj"], ["mlp.down_proj"],
  ]
  private static let encoderMaps = [
    ["attention.self.query", "attention.self.key", "attention.self.value"], ["attention.output.dense"],
    ["intermediate.dense"], ["output.dense"],
  ]
  private static let decoderNorms = [
    "input_layernorm.weight", "post_attention_layernorm.weight", "self_attn.q_norm.weight", "self_attn.k_norm.weight",
  ]
  /// Under the names of either age.
  private static let encoderNorms = ["attention.output.LayerNorm", "output.LayerNorm"].flatMap { key in
    [key + ".weight", key + ".gamma", key + ".bias", key + ".beta"]
  }
}
