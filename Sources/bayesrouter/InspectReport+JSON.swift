import CommandSupport
import RouterKit

extension InspectReport {
  /// The report for machines. Sizes in bytes; what is unknown is null.
  var json: JSONValue {
    func optional(_ value: Int?) -> JSONValue { value.map { .integer($0) } ?? .null }
    func strings(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }
    func shape(_ extents: [Int]) -> JSONValue { .array(extents.map { .integer($0) }) }
    var object: JSONObject = [
      "folder": .string(summary.folder.path), "loads": .boolean(summary.loads),
      "checked_values": .boolean(summary.checkedValues),
    ]
    object.append(
      "problems",
      .array(
        summary.problems.map { .object(["kind": .string($0.kind.rawValue), "text": .string($0.text)]) }))
    object.append("warnings", strings(summary.warnings))
    object.append("configuration", summary.configuration.map(configurationJSON) ?? .null)
    object.append("settings", summary.settings.map { Self.printable(.object($0)) } ?? .null)
    object.append(
      "pooling",
      summary.pooling.map {
        .object(["kind": .string($0.kind.rawValue), "normalizes": .boolean($0.normalizes)])
      } ?? .null)
    object.append("files", strings(summary.files))
    object.append("tensor_count", .integer(summary.tensors.count))
    object.append("tensor_bytes", .integer(summary.tensors.reduce(0) { $0 + $1.byteCount }))
    object.append(
      "dtypes",
      .object(
        dtypes.reduce(into: JSONObject()) {
          $0.append($1.dtype, .object(["tensors": .integer($1.count), "bytes": .integer($1.bytes)]))
        }))
    object.append(
      "parameters",
      summary.parameters.map {
        .object([
          "total": .integer($0.total), "embedding": .integer($0.embedding), "layers": .integer($0.layers),
          "other": .integer($0.other),
        ])
      } ?? .null)
    var memory = JSONObject()
    for precision in Precision.allCases {
      memory.append(
        precision.rawValue,
        .object([
          "supported": .boolean(precision.isSupported), "weights": optional(summary.weightByteCount(precision)),
          "scratch": optional(scratch(precision)),
        ]))
    }
    memory.append("batch", .object(["texts": .integer(Self.texts), "tokens_per_text": .integer(length)]))
    memory.append("threads", .integer(threads))
    object.append("memory", .object(memory))
    object.append("tokenizer_size", optional(summary.tokenizerSize))
    object.append(
      "unread",
      .array(
        summary.unread.map {
          .object(["name": .string($0.name), "reason": $0.reason.map { .string($0) } ?? .null])
        }))
    if listsTensors {
      object.append(
        "tensors",
        .array(
          summary.tensors.map {
            .object([
              "name": .string($0.name), "dtype": .string($0.dtype.rawValue), "shape": shape($0.shape),
              "bytes": .integer($0.byteCount), "file": .string($0.file), "read": .boolean($0.isRead),
            ])
          }))
    }
    return .object(object)
  }

  /// Keys as in config.json where it has one.
  private func configurationJSON(_ settings: TransformerConfiguration) -> JSONValue {
    let head =
      switch settings.head {
      case .none: "none"
      case .causalLanguageModel: "causal_language_model"
      case .sequenceClassification: "sequence_classification"
      }
    return .object([
      "model_type": .string(settings.modelType.rawValue), "architecture": .string(settings.architecture),
      "head": .string(head), "vocab_size": .integer(settings.vocabSize), "hidden_size": .integer(settings.hiddenSize),
      "intermediate_size": .integer(settings.intermediateSize),
      "num_hidden_layers": .integer(settings.numHiddenLayers),
      "num_attention_heads": .integer(settings.numAttentionHeads),
      "num_key_value_heads": .integer(settings.numKeyValueHeads), "head_dim": .integer(settings.headDim),
      "max_position_embeddings": .integer(settings.maxPositionEmbeddings), "norm_eps": .number(settings.normEps),
      "hidden_act": .string(settings.hiddenAct.rawValue),
      "sliding_window": settings.slidingWindow.map { .integer($0) } ?? .null,
      "tie_word_embeddings": .boolean(settings.tieWordEmbeddings),
      "rotary_base": settings.rotary.map { .number($0.base) } ?? .null,
      "rotary_scaling": settings.rotary.map { .string(Self.name(of: $0.scaling)) } ?? .null,
    ])
  }

  /// A value of a file as JSON can say it: a number beyond the range of Double reads as infinite and becomes its
  /// description.
  static func printable(_ value: JSONValue) -> JSONValue {
    switch value {
    case .number(let number) where !number.isFinite: .string(value.summary)
    case .array(let values): .array(values.map(printable))
    case .object(let object):
      .object(object.members.reduce(into: JSONObject()) { $0.append($1.key, printable($1.value)) })
    default: value
    }
  }

  private static func name(of scaling: RotaryEmbedding.Scaling) -> String {
    switch scaling {
    case .none: "default"
    case .linear: "linear"
    case .dynamic: "dynamic"
    case .llama3: "llama3"
    }
  }
}
