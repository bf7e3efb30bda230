import Dialogues
import Foundation
import LinearAlgebra
import RewardModels
import Storage
import Yams

/// A pool of reward models, as a YAML file describes it.
///
///     reward_models:
///       - name: skywork-8b               # unique, not empty
///         kind: vllm-classify            # transformer, recorded, vllm-classify, vllm-pooling, tei, openrlhf or sglang
///         url: http://127.0.0.1:8000     # servers: http or https, no user or password
///         model: Skywork/RM-8B           # vLLM and SGLang, optional: the name by which the server knows it
///         template: checkpoints/skywork  # servers: what makes the text, see below
///         token_env: VLLM_TOKEN          # servers, optional: the environment variable that holds a bearer token
///         limits:                        # servers; each is optional and positive, retries may be 0
///           concurrency: 8
///           requests_per_second: 20      # 0.000001 to 1000000
///           tokens_per_minute: 200000
///           timeout_seconds: 60          # at most 86400
///           retries: 4
///           batch: 32
///         price_per_1k_tokens: 0.02      # optional, at least 0, in any currency; by default 0
///         parameters: 8e9                # optional
///         huggingface_id: Skywork/RM-8B  # optional
///       - name: small
///         kind: transformer
///         path: checkpoints/small        # the checkpoint's folder
///         template: chat                 # optional: chat, the checkpoint's own template, or dialogue
///         precision: float32             # optional: float32 or bfloat16
///         max_tokens: 2048               # optional
///       - name: judged-before
///         kind: recorded
///         path: judgebench               # a dataset folder
///         reward_model: internlm2-7b     # optional: which of its models; by default the entry's name
///
/// A `template` is a folder with `chat_template.jinja` or `tokenizer_config.json`; or `messages` (vLLM only: the
/// server's own template); or `dialogue`, the published router's text. A folder of one of these names is written
/// `./messages`. Relative paths start at the pool file's folder. Texts that YAML would read as something else (`12`,
/// `yes`) are quoted.
public struct PoolFile: Hashable, Sendable {
  /// The reward models: at least one, no name twice, in the order of the file.
  public let entries: [PoolEntry]

  /// Reads a pool file, strictly: an unknown key is an error, and so is a folder or a variable that is not there.
  ///
  /// - Parameter environment: where variables are looked up.
  /// - Throws: `PoolError`, with file, line and entry; `StorageError.system` where the file cannot be read.
  public init(
    contentsOf url: URL, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws {
    let root = try YAMLRecord(contentsOf: url)
    try root.checkKeys(known: ["reward_models"])
    var entries: [PoolEntry] = []
    for (index, node) in try root.list("reward_models").enumerated() {
      let place = FilePlace(file: url.path, line: node.mark?.line, item: "reward_models[\(index)]")
      let reader = try PoolEntryReader(
        YAMLRecord(node, at: place), folder: url.deletingLastPathComponent(), environment: environment)
      let entry = try reader.entry()
      if let first = entries.first(where: { $0.name == entry.name }) {
        throw PoolError.duplicateName(place: entry.place, name: entry.name, firstLine: first.place.line)
      }
      entries.append(entry)
    }
    guard !entries.isEmpty else { throw root.mistyped("reward_models", expected: "at least one reward model") }
    self.entries = entries
  }
}

/// Reads one item of `reward_models`.
private struct PoolEntryReader {
  private let record: YAMLRecord
  private let name: String
  private let kind: PoolEntry.Kind
  private let folder: URL
  private let environment: [String: String]

  init(_ record: YAMLRecord, folder: URL, environment: [String: String]) throws {
    name = try record.text("name")
    self.record = record.renamed("reward model '\(name)'")
    kind = try self.record.choice("kind")
    self.folder = folder
    self.environment = environment
  }

  func entry() throws -> PoolEntry {
    try checkKeys()
    let price = try record.optionalNumber("price_per_1k_tokens", expected: "a finite number of at least 0") { $0 >= 0 }
    return PoolEntry(
      name: name, kind: kind, source: try source(), pricePerThousandTokens: price ?? 0,
      parameters: try record.positive("parameters"), huggingFaceID: try record.optionalText("huggingface_id"),
      place: record.place)
  }

  private func checkKeys() throws {
    for kind in PoolEntry.Kind.allCases where kind != self.kind {
      for key in kind.keys where !self.kind.keys.contains(key) {
        guard let place = record.place(of: key) else { continue }
        let owners = PoolEntry.Kind.allCases.filter { $0.keys.contains(key) }.map(\.rawValue)
        throw PoolError.foreignKey(
          place: place, key: key, kind: self.kind.rawValue, owners: owners, known: self.kind.keys)
      }
    }
    try record.checkKeys(known: kind.keys)
  }

  private func source() throws -> PoolEntry.Source {
    switch kind {
    case .transformer:
      .transformer(
        checkpoint: try existingFolder("path", of: .checkpoint, with: ["config.json"]),
        format: try format(),
        precision: try record.optionalChoice("precision") ?? .float32, maxTokens: try record.count("max_tokens"))
    case .recorded:
      .recorded(
        folder: try existingFolder("path", of: .dataset, with: ["rms.json"]),
        rewardModel: try record.optionalText("reward_model") ?? name)
    case .vllmClassify, .vllmPooling, .tei, .openRLHF, .sglang:
      .server(
        PoolEntry.Server(
          url: try url(), model: try record.optionalText("model"), format: try serverFormat(),
          tokenVariable: try tokenVariable(), limits: try limits()))
    }
  }

  private func url() throws -> URL {
    let text = try record.text("url")
    // An error shows what it found, and a password is not to be shown.
    if let parts = URLComponents(string: text), parts.user != nil || parts.password != nil {
      throw PoolError.credentialsInURL(place: record.place(of: "url") ?? record.place)
    }
    guard let parts = URLComponents(string: text), let url = parts.url, let scheme = parts.scheme?.lowercased(),
      ["http", "https"].contains(scheme), parts.host?.isEmpty == false
    else {
      throw record.mistyped(
        "url", expected: "an address such as http://127.0.0.1:8000, http or https, without user and password")
    }
    return url
  }

  /// The format of a checkpoint that is computed here; its own chat template unless the file says otherwise.
  private func format() throws -> TextFormat.Kind {
    guard let name = try record.optionalText("template") else { return .chat }
    switch name {
    case PoolEntry.routerFormat: return .router
    case TextFormat.Kind.chat.rawValue: return .chat
    default: throw record.mistyped("template", expected: "one of chat, \(PoolEntry.routerFormat)")
    }
  }

  private func serverFormat() throws -> TextFormat.Source? {
    switch try record.text("template") {
    case PoolEntry.routerFormat: return .router
    case PoolEntry.messagesFormat:
      guard kind == .vllmClassify || kind == .vllmPooling else {
        throw record.mistyped(
          "template", expected: "a folder or dialogue (servers of kind \(kind.rawValue) take no messages)")
      }
      return nil
    default:
      return .chat(
        folder: try existingFolder(
          "template", of: .chatTemplate, with: ["chat_template.jinja", "tokenizer_config.json"]))
    }
  }

  private func tokenVariable() throws -> String? {
    guard let variable = try record.optionalText("token_env") else { return nil }
    guard environment[variable]?.isEmpty == false else {
      throw PoolError.unsetVariable(place: record.place(of: "token_env") ?? record.place, variable: variable)
    }
    return variable
  }

  private func limits() throws -> PoolEntry.Limits {
    let limits = try record.optionalRecord("limits")
    try limits?.checkKeys(known: [
      "concurrency", "requests_per_second", "tokens_per_minute", "timeout_seconds", "retries", "batch",
    ])
    // Beyond these bounds a limit is a slip, and a time may not fit the clock's type.
    let rate = try limits?.optionalNumber("requests_per_second", expected: "a number from 0.000001 to 1000000") {
      (1e-6...1e6).contains($0)
    }
    let timeout = try limits?.optionalNumber("timeout_seconds", expected: "a number above 0, at most 86400") {
      $0 > 0 && $0 <= 86_400
    }
    return PoolEntry.Limits(
      concurrency: try limits?.count("concurrency"), requestsPerSecond: rate,
      tokensPerMinute: try limits?.count("tokens_per_minute"), timeoutSeconds: timeout,
      retries: try limits?.count("retries", atLeast: 0), batch: try limits?.count("batch"))
  }

  /// The folder that a key names, where it is one and has one of these files.
  private func existingFolder(_ key: String, of content: FolderProblem.Content, with names: [String]) throws -> URL {
    let url = URL(fileURLWithPath: try record.text(key), relativeTo: folder).absoluteURL.standardizedFileURL
    func exists(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }
    func failure(_ problem: FolderProblem) -> PoolError {
      .unusableFolder(place: record.place(of: key) ?? record.place, key: key, path: url.path, problem)
    }
    guard exists(url) else { throw failure(.missing) }
    guard names.contains(where: { exists(url.appendingPathComponent($0)) }) else {
      throw failure(.lacks(content, anyOf: names))
    }
    return url
  }
}

extension PoolEntry.Kind {
  fileprivate var keys: [String] {
    let own =
      switch self {
      case .transformer: ["path", "template", "precision", "max_tokens"]
      case .recorded: ["path", "reward_model"]
      case .vllmClassify, .vllmPooling, .sglang: ["url", "model", "template", "token_env", "limits"]
      case .tei, .openRLHF: ["url", "template", "token_env", "limits"]
      }
    return ["name", "kind"] + own + ["price_per_1k_tokens", "parameters", "huggingface_id"]
  }
}
