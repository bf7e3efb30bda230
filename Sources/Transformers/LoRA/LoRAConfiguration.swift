import Foundation
import Storage

/// The settings of a LoRA adapter: PEFT's `adapter_config.json`, keys named as there.
public struct LoRAConfiguration: Sendable, Equatable {
  /// Which linear maps are adapted.
  public enum TargetModules: Sendable, Equatable {
    /// Modules whose path is one of these, or ends in a dot and one of these.
    case names([String])
    /// Modules whose whole path matches this regular expression.
    case pattern(String)
  }

  public var baseModelNameOrPath: String?
  /// E.g. `SEQ_CLS`.
  public var taskType: String?
  /// The rank, where `rankPattern` names no other.
  public var r: Int
  public var loraAlpha: Double
  /// The dropout of inputs to A in training. It is kept for those who read the file; training here drops nothing.
  public var loraDropout: Double
  public var targetModules: TargetModules
  /// Other ranks, by regular expressions that match the end of a module's path; the first that matches counts.
  public var rankPattern: [(pattern: String, rank: Int)]
  /// Other alphas, likewise.
  public var alphaPattern: [(pattern: String, alpha: Double)]
  /// Whether the scale is alpha / sqrt(r) instead of alpha / r (Kalajdzievski, arXiv 2312.03732).
  public var useRslora: Bool
  /// Modules that are trained in full and stored beside the adapter, such as a new head.
  public var modulesToSave: [String]

  public init(
    r: Int, loraAlpha: Double, targetModules: [String], useRslora: Bool = false, modulesToSave: [String] = [],
    taskType: String? = nil, baseModelNameOrPath: String? = nil
  ) {
    precondition(r > 0 && loraAlpha.isFinite, "a LoRA of rank \(r) and alpha \(loraAlpha) does not exist")
    self.r = r
    self.loraAlpha = loraAlpha
    self.targetModules = .names(targetModules)
    self.useRslora = useRslora
    self.modulesToSave = modulesToSave
    self.taskType = taskType
    self.baseModelNameOrPath = baseModelNameOrPath
    loraDropout = 0
    rankPattern = []
    alphaPattern = []
  }

  /// The rank of the module at `path`.
  public func rank(of path: String) -> Int { rankPattern.first { Self.matches($0.pattern, endOf: path) }?.rank ?? r }

  /// What the product B A of the module at `path` is multiplied by: alpha / r, or alpha / sqrt(r).
  public func scale(of path: String) -> Float {
    let alpha = alphaPattern.first { Self.matches($0.pattern, endOf: path) }?.alpha ?? loraAlpha
    let rank = Double(rank(of: path))
    return Float(alpha / (useRslora ? rank.squareRoot() : rank))
  }

  /// Whether the module at `path` is among `targetModules`.
  public func isTarget(_ path: String) -> Bool {
    switch targetModules {
    case .names(let names): names.contains { path == $0 || path.hasSuffix("." + $0) }
    case .pattern(let pattern): (try? Regex(pattern))?.matches(all: path) ?? false
    }
  }

  /// Whether the module at `path` is, or lies in, one of `modulesToSave`.
  public func isSaved(_ path: String) -> Bool {
    modulesToSave.contains { ("." + path + ".").contains("." + $0 + ".") }
  }

  private static func matches(_ pattern: String, endOf path: String) -> Bool {
    (try? Regex(end(pattern)))?.matches(all: path) ?? false
  }

  private static func end(_ pattern: String) -> String { "(.*\\.)?(\(pattern))" }

  public static func == (one: LoRAConfiguration, other: LoRAConfiguration) -> Bool { one.json == other.json }
}

extension Regex {
  fileprivate func matches(all text: String) -> Bool { (try? wholeMatch(in: text)) != nil }
}

// MARK: adapter_config.json

extension LoRAConfiguration {
  /// Keys that must be absent, null, false or empty: what they switch on is not built.
  private static let unbuilt = [
    "alora_invocation_tokens", "arrow_config", "bdlora_config", "corda_config", "eva_config", "exclude_modules",
    "fan_in_fan_out", "layer_replication", "layers_to_transform", "loftq_config", "lora_bias", "lora_ga_config",
    "kasa_config", "megatron_config", "monteclora_config", "target_parameters", "trainable_token_indices",
    "velora_config",
  ]

  /// Reads `adapter_config.json`.
  ///
  /// - Throws: `StorageError` where the file is no such JSON; `TransformersError.setting`, which names the key, for what is
  ///   not built.
  public init(contentsOf url: URL) throws {
    let record = try JSONRecord(contentsOf: url)
    func unsupported(_ key: String, _ expected: String) -> TransformersError {
      .setting(file: url.path, key: key, found: record.object[key]?.summary ?? "nothing", expected: expected)
    }
    func require(_ key: String, _ values: [JSONValue], _ expected: String) throws {
      guard let value = record.optional(key) else { return }
      guard values.contains(value) else { throw unsupported(key, expected) }
    }
    func flag(_ key: String) throws -> Bool {
      guard let value = record.optional(key) else { return false }
      guard case .boolean(let flag) = value else { throw record.mistyped(key, expected: "true or false") }
      return flag
    }
    guard try record.string("peft_type") == "LORA" else { throw unsupported("peft_type", "\"LORA\"") }
    let features = record.object.members.map(\.key).filter { $0.hasPrefix("use_") && $0 != "use_rslora" }
    for key in Self.unbuilt + features {
      try require(key, [.boolean(false), .array([]), .object([:]), .string("")], "none: this is not built")
    }
    try require("bias", [.string("none")], "\"none\"")
    // The others change the base model's weights as well.
    try require(
      "init_lora_weights", [.boolean(true), .boolean(false), .string("gaussian")], "true, false or \"gaussian\"")

    func texts(_ key: String) throws -> [String] {
      guard record.optional(key) != nil else { return [] }
      return try record.array(key).map {
        guard case .string(let text) = $0 else { throw record.mistyped(key, expected: "a list of texts") }
        return text
      }
    }
    /// A member for each pattern, which must be a regular expression.
    func patterns<Value>(_ key: String, _ read: (JSONRecord, String) throws -> Value) throws -> [(String, Value)] {
      guard let value = record.optional(key) else { return [] }
      let entries = try JSONRecord(value, at: FilePlace(file: url.path, item: key))
      return try entries.object.members.map {
        try Self.check($0.key, key, url)
        return ($0.key, try read(entries, $0.key))
      }
    }
    func positive(_ record: JSONRecord, _ key: String) throws -> Int {
      let value = try record.integer(key)
      guard value > 0 else { throw record.mistyped(key, expected: "a rank above 0") }
      return value
    }
    let targets: TargetModules
    if case .string(let pattern) = record.optional("target_modules") {
      try Self.check(pattern, "target_modules", url)
      targets = .pattern(pattern)
    } else {
      targets = .names(try texts("target_modules"))
    }
    self.init(
      r: try positive(record, "r"), loraAlpha: try record.finite("lora_alpha"), targetModules: [],
      useRslora: try flag("use_rslora"), modulesToSave: try texts("modules_to_save"),
      taskType: try record.optionalString("task_type"),
      baseModelNameOrPath: try record.optionalString("base_model_name_or_path"))
    targetModules = targets
    loraDropout = record.optional("lora_dropout") == nil ? 0 : try record.finite("lora_dropout")
    rankPattern = try patterns("rank_pattern", positive).map { (pattern: $0, rank: $1) }
    alphaPattern = try patterns("alpha_pattern") { try $0.finite($1) }.map { (pattern: $0, alpha: $1) }
  }

  private static func check(_ pattern: String, _ key: String, _ url: URL) throws {
    guard (try? Regex(end(pattern))) != nil else {
      throw TransformersError.setting(
        file: url.path, key: key, found: "\"\(pattern)\"", expected: "a regular expression")
    }
  }

  /// What PEFT needs to read the adapter, in PEFT's layout.
  public var json: JSONValue {
    func text(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }
    func list(_ values: [String]) -> JSONValue { .array(values.map(JSONValue.string)) }
    func number(_ value: Double) -> JSONValue { Int(exactly: value).map(JSONValue.integer) ?? .number(value) }
    func object(_ members: [(String, JSONValue)]) -> JSONValue {
      var object = JSONObject()
      for (key, value) in members { object.append(key, value) }
      return .object(object)
    }
    let targets: JSONValue =
      switch targetModules {
      case .names(let names): list(names)
      case .pattern(let pattern): .string(pattern)
      }
    return object([
      ("alpha_pattern", object(alphaPattern.map { ($0.pattern, number($0.alpha)) })),
      ("base_model_name_or_path", text(baseModelNameOrPath)), ("bias", .string("none")),
      ("fan_in_fan_out", .boolean(false)), ("inference_mode", .boolean(true)),
      ("init_lora_weights", .boolean(true)), ("lora_alpha", number(loraAlpha)), ("lora_dropout", .number(loraDropout)),
      ("modules_to_save", modulesToSave.isEmpty ? .null : list(modulesToSave)), ("peft_type", .string("LORA")),
      ("r", .integer(r)), ("rank_pattern", object(rankPattern.map { ($0.pattern, .integer($0.rank)) })),
      ("target_modules", targets), ("task_type", text(taskType)), ("use_dora", .boolean(false)),
      ("use_rslora", .boolean(useRslora)),
    ])
  }
}
