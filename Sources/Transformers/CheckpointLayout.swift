import Storage

/// The tensors that a model reads from its checkpoint: names and shapes, as they follow from the settings.
///
/// The loaders take every shape from here, and a checkpoint is held against it before a weight is read. So what
/// `CheckpointSummary` says without loading and what loading finds cannot differ.
struct CheckpointLayout: Sendable {
  /// What a tensor belongs to; `other` are the final norm and the heads.
  enum Part: Sendable {
    case embedding, layers, other
  }

  struct Need: Sendable, Equatable {
    let name: String
    let shape: [Int]
    let part: Part

    /// Whether this tensor can be read as the needed one; its values are not touched.
    ///
    /// - Parameter folder: what the error calls the checkpoint.
    /// - Throws: `TransformersError.shape`; `StorageError.unusableTensor` where the values are no floats that are read.
    func check(_ tensor: MappedTensor, folder: String) throws {
      guard tensor.shape == shape else {
        throw TransformersError.shape(file: folder, tensor: name, expected: shape, found: tensor.shape)
      }
      _ = try tensor.floats(0..<0)
    }
  }

  /// Weights (outputs x inputs each) that are packed as one linear map, their outputs side by side.
  struct Packing: Sendable {
    let weights: [Need]
    let inputs: Int
  }

  /// The tensors that are needed, in the order in which they are read.
  private(set) var needs: [Need] = []
  private(set) var packings: [Packing] = []
  /// What stands before a layer's own key, e.g. `model.` where a head stands beside the model.
  let prefix: String
  /// The settings as they are meant here: in a published router's checkpoint the encoder has no head of its own, whatever the
  /// config.json of its base model says.
  let configuration: TransformerConfiguration
  private var needOfName: [String: Need] = [:]

  /// - Parameter found: the shapes of the checkpoint's tensors. They decide about the prefix, about the older names of
  ///   BERT's norms and about the number of labels.
  init(_ configuration: TransformerConfiguration, found: [String: [Int]]) {
    // Of more layers than there are tensors one surely lacks its own: the list stays as short as the checkpoint.
    self.init(configuration, layers: min(configuration.numHiddenLayers, found.count + 1), found)
  }

  /// The layout of a checkpoint that does not exist yet.
  init(new configuration: TransformerConfiguration) {
    self.init(configuration, layers: configuration.numHiddenLayers, [:])
  }

  /// What stands before the encoder's keys in the checkpoint of a published router.
  static let routerPrefix = "backbone."

  private init(_ configuration: TransformerConfiguration, layers: Int, _ found: [String: [Int]]) {
    let isBERT = configuration.modelType == .bert
    let stem = isBERT ? "encoder.layer." : "layers."
    let prefixes = [isBERT ? "bert." : "model.", Self.routerPrefix, ""]
    prefix = prefixes.first { prefix in found.keys.contains { $0.hasPrefix(prefix + stem) } } ?? prefixes[0]
    var configuration = configuration
    if prefix == Self.routerPrefix { (configuration.head, configuration.valueHead) = (.none, nil) }
    self.configuration = configuration
    if isBERT {
      addEncoder(configuration, layers: layers, found)
    } else {
      addDecoder(configuration, layers: layers, found)
    }
  }

  /// What is said of a tensor by its full name; nil where nothing reads it.
  subscript(name: String) -> Need? { needOfName[name] }

  private mutating func add(_ name: String, _ shape: [Int], _ part: Part) {
    let need = Need(name: name, shape: shape, part: part)
    needs.append(need)
    needOfName[name] = need
  }

  private mutating func addLinear(_ parts: [(key: String, outputs: Int)], inputs: Int, hasBias: Bool) {
    let start = needs.count
    for (key, outputs) in parts { add(prefix + key + ".weight", [outputs, inputs], .layers) }
    packings.append(Packing(weights: Array(needs[start...]), inputs: inputs))
    guard hasBias else { return }
    for (key, outputs) in parts { add(prefix + key + ".bias", [outputs], .layers) }
  }

  private mutating func addDecoder(_ configuration: TransformerConfiguration, layers: Int, _ found: [String: [Int]]) {
    let hidden = configuration.hiddenSize
    let size = configuration.headDim
    let queries = configuration.numAttentionHeads * size
    let keys = configuration.numKeyValueHeads * size
    add(prefix + "embed_tokens.weight", [configuration.vocabSize, hidden], .embedding)
    for layer in 0..<layers {
      let key = "layers.\(layer)."
      addLinear(
        [(key + "self_attn.q_proj", queries), (key + "self_attn.k_proj", keys), (key + "self_attn.v_proj", keys)],
        inputs: hidden, hasBias: configuration.attentionBias)
      addLinear([(key + "self_attn.o_proj", hidden)], inputs: queries, hasBias: configuration.outputBias)
      if configuration.queryKeyNorm {
        add(prefix + key + "self_attn.q_norm.weight", [size], .layers)
        add(prefix + key + "self_attn.k_norm.weight", [size], .layers)
      }
      addLinear(
        ["gate_proj", "up_proj"].map { (key + "mlp." + $0, configuration.intermediateSize) }, inputs: hidden,
        hasBias: configuration.mlpBias)
      addLinear(
        [(key + "mlp.down_proj", hidden)], inputs: configuration.intermediateSize, hasBias: configuration.mlpBias)
      add(prefix + key + "input_layernorm.weight", [hidden], .layers)
      add(prefix + key + "post_attention_layernorm.weight", [hidden], .layers)
    }
    switch configuration.head {
    case .none: break
    case .causalLanguageModel:
      if !configuration.tieWordEmbeddings { add("lm_head.weight", [configuration.vocabSize, hidden], .other) }
    case .sequenceClassification:
      add(configuration.scoreTensor, [Self.labels(configuration.scoreTensor, found), hidden], .other)
    }
    add(prefix + "norm.weight", [hidden], .other)
  }

  private mutating func addEncoder(_ configuration: TransformerConfiguration, layers: Int, _ found: [String: [Int]]) {
    let hidden = configuration.hiddenSize
    let inner = configuration.intermediateSize
    add(prefix + "embeddings.word_embeddings.weight", [configuration.vocabSize, hidden], .embedding)
    add(
      prefix + "embeddings.position_embeddings.weight", [configuration.maxPositionEmbeddings, hidden], .embedding)
    add(prefix + "embeddings.token_type_embeddings.weight", [configuration.typeVocabSize, hidden], .embedding)
    addNorm("embeddings.LayerNorm", hidden, .embedding, found)
    for layer in 0..<layers {
      let key = "encoder.layer.\(layer)."
      addLinear(
        ["query", "key", "value"].map { (key + "attention.self." + $0, hidden) }, inputs: hidden, hasBias: true)
      addLinear([(key + "attention.output.dense", hidden)], inputs: hidden, hasBias: true)
      addLinear([(key + "intermediate.dense", inner)], inputs: hidden, hasBias: true)
      addLinear([(key + "output.dense", hidden)], inputs: inner, hasBias: true)
      addNorm(key + "attention.output.LayerNorm", hidden, .layers, found)
      addNorm(key + "output.LayerNorm", hidden, .layers, found)
    }
    guard configuration.head == .sequenceClassification else { return }
    let labels = Self.labels(configuration.scoreTensor, found)
    add(configuration.scoreTensor, [labels, hidden], .other)
    add("classifier.bias", [labels], .other)
    add(prefix + "pooler.dense.weight", [hidden, hidden], .other)
    add(prefix + "pooler.dense.bias", [hidden], .other)
  }

  /// Checkpoints that came from TensorFlow call weight and bias of a norm gamma and beta.
  private mutating func addNorm(_ key: String, _ count: Int, _ part: Part, _ found: [String: [Int]]) {
    let isOld = found[prefix + key + ".gamma"] != nil
    add(prefix + key + (isOld ? ".gamma" : ".weight"), [count], part)
    add(prefix + key + (isOld ? ".beta" : ".bias"), [count], part)
  }

  /// The number of labels, as many as the head has rows; config.json need not say how many.
  private static func labels(_ name: String, _ found: [String: [Int]]) -> Int { max(found[name]?.first ?? 1, 1) }
}
