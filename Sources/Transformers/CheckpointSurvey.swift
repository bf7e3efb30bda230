import Foundation
import Storage

/// The settings of a checkpoint folder with everything that is wrong with them, where loading stops at the first complaint.
struct ConfigurationSurvey {
  private(set) var settings: JSONObject?
  private(set) var configuration: TransformerConfiguration?
  private(set) var pooling: Pooling?
  private(set) var problems: [CheckpointSummary.Problem] = []

  /// Settings that no shape follows from: without them the rest of a file still has its meaning.
  private static let dispensable: Set<String> = [
    "quantization_config", "num_experts", "num_local_experts", "n_routed_experts", "hidden_act", "rope_parameters",
    "rope_scaling", "rope_theta", "partial_rotary_factor", "rms_norm_eps", "layer_norm_eps", "position_embedding_type",
    "is_decoder", "sliding_window", "use_sliding_window", "pad_token_id", "normalize_reward",
  ]

  init(folder: URL) {
    do {
      let record = try JSONRecord(contentsOf: folder.appendingPathComponent("config.json"))
      settings = record.object
      configuration = readConfiguration(record)
    } catch {
      problems.append(CheckpointSummary.Problem(error))
    }
    do {
      let isCausal = configuration?.isCausal ?? (settings?["model_type"] != .string("bert"))
      pooling = try Pooling(folder: folder, isCausal: isCausal)
    } catch {
      problems.append(CheckpointSummary.Problem(error))
    }
  }

  /// Reads again without each dispensable setting that is complained about.
  private mutating func readConfiguration(_ record: JSONRecord) -> TransformerConfiguration? {
    var object = record.object
    while true {
      do {
        return try TransformerConfiguration(JSONRecord(.object(object), at: record.place))
      } catch {
        problems.append(CheckpointSummary.Problem(error))
        guard let key = Self.key(of: error), Self.dispensable.contains(key), object[key] != nil else { return nil }
        var rest = JSONObject()
        for member in object.members where member.key != key { rest.append(member.key, member.value) }
        object = rest
      }
    }
  }

  /// The outermost key that an error is about.
  private static func key(of error: any Error) -> String? {
    func outermost(_ place: FilePlace, _ field: String) -> String { place.item.isEmpty ? field : place.item }
    return switch error {
    case TransformersError.setting(_, let key, _, _): key.split(separator: ".").first.map(String.init)
    case StorageError.missingField(let place, let field): outermost(place, field)
    case StorageError.mistypedField(let place, let field, _, _): outermost(place, field)
    case StorageError.notAnObject(let place, _): place.item
    default: nil
    }
  }
}

/// The tensors of a checkpoint folder; where its files do not make a whole, those of each file that can be read.
struct WeightFiles {
  private(set) var files: [SafetensorsFile] = []
  private(set) var tensors: [String: MappedTensor] = [:]
  private(set) var problems: [CheckpointSummary.Problem] = []
  /// What an error calls them.
  let name: String

  init(folder: URL) {
    do {
      let checkpoint = try CheckpointTensors(folder: folder)
      files = checkpoint.files
      let isSharded = !FileManager.default.fileExists(atPath: folder.appendingPathComponent("model.safetensors").path)
      name = folder.appendingPathComponent("model.safetensors" + (isSharded ? ".index.json" : "")).path
    } catch {
      name = folder.path
      problems.append(CheckpointSummary.Problem(error))
      let parts = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
      for part in parts.sorted() where part.hasPrefix("model") && part.hasSuffix(".safetensors") {
        if let file = try? SafetensorsFile(mapping: folder.appendingPathComponent(part)) { files.append(file) }
      }
    }
    for file in files {
      for tensor in file.tensorNames { tensors[tensor] = file[tensor] }
    }
  }
}

extension CheckpointSummary {
  /// Why a tensor that is not read need not be; nil where nothing is known of it.
  static func reason(_ name: String, _ configuration: TransformerConfiguration, prefix: String) -> String? {
    if name.hasSuffix(".rotary_emb.inv_freq") { return "rotary frequencies follow from config.json" }
    if name.hasSuffix("embeddings.position_ids") { return "positions count from 0" }
    if prefix == CheckpointLayout.routerPrefix, !name.hasPrefix(prefix) { return "a router's heads are read apart" }
    if name == "lm_head.weight" {
      return configuration.head == .causalLanguageModel
        ? "tied to the embedding" : "\(configuration.architecture) has no language-model head"
    }
    guard configuration.modelType == .bert else { return nil }
    if name.hasPrefix(prefix + "pooler.") { return "\(configuration.architecture) has no use for a pooler" }
    if name.hasPrefix("cls.") { return "a masked language model is read as its encoder" }
    return nil
  }

  /// The ids of `tokenizer.json`, and the warnings with what speaks against them.
  static func tokenizer(
    _ folder: URL, _ configuration: TransformerConfiguration?, _ warnings: [String]
  ) -> (size: Int?, warnings: [String]) {
    let url = folder.appendingPathComponent("tokenizer.json")
    guard FileManager.default.fileExists(atPath: url.path) else { return (nil, warnings) }
    do {
      let size = try tokenizerSize(JSONRecord(contentsOf: url))
      guard let configuration, size > configuration.vocabSize else { return (size, warnings) }
      let mismatch = TransformersError.vocabularyMismatch(
        tokenizer: size, model: configuration.vocabSize, folder: folder.path)
      return (size, warnings + ["\(mismatch)"])
    } catch {
      return (nil, warnings + ["\(error)"])
    }
  }

  /// The largest id + 1: of the vocabulary, {token: id} or a list, and of the added tokens.
  private static func tokenizerSize(_ record: JSONRecord) throws -> Int {
    let model = try JSONRecord(
      record.value("model"), at: FilePlace(file: record.place.file, item: "model"))
    var largest = -1
    switch try model.value("vocab") {
    case .object(let vocabulary):
      for case .integer(let id) in vocabulary.members.lazy.map(\.value) { largest = max(largest, id) }
    case .array(let pieces): largest = pieces.count - 1
    default: throw model.mistyped("vocab", expected: "an object {token: id} or a list")
    }
    if record.optional("added_tokens") != nil {
      for token in try record.records("added_tokens") { largest = max(largest, try token.integer("id")) }
    }
    // An id at the end of the range would overflow; no model has one.
    guard largest < 1 << 28 else { throw model.mistyped("vocab", expected: "ids below 2^28") }
    return largest + 1
  }
}
