import CommandSupport
import ArgumentParser
import Foundation
import RouterKit

/// `bayesrouter inspect`: what a checkpoint holds, and whether it loads.
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a checkpoint holds, what it takes in memory, and whether it loads.",
    discussion: """
      Reads config.json, the headers of the safetensors files, modules.json and tokenizer.json, but no weights. Everything that keeps
      the model from loading is a line "problem"; the exit code is then 1. Memory is that of the packed weights, and of the scratch of one
      forward pass of 8 texts of 1024 tokens (or as many tokens as the model reads); embeddings stay in the file.

      EXAMPLES
        bayesrouter inspect SmolLM2-135M
        bayesrouter inspect all-MiniLM-L6-v2 --tensors --check
        bayesrouter inspect SmolLM2-135M --json | jq .problems
      """)

  @Argument(help: "The checkpoint's folder.")
  var folder: String

  @Flag(help: "List all tensors with type, shape and bytes.")
  var tensors = false

  @Flag(help: "Also look for NaN and infinities, which reads all weights.")
  var check = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    let values = try? URL(fileURLWithPath: folder).resourceValues(forKeys: [.isDirectoryKey])
    guard values?.isDirectory == true else {
      throw ValidationError("\(folder) is not a folder; give the one that holds config.json.")
    }
  }

  func run() throws {
    let report = InspectReport(
      CheckpointSummary(folder: URL(fileURLWithPath: folder), checkingValues: check), listsTensors: tensors)
    if json {
      print(report.json.text(pretty: true))
    } else {
      for (name, value) in report.lines { print(name.padding(toLength: 18, withPad: " ", startingAt: 0) + value) }
    }
    if !report.summary.loads { throw ExitCode.failure }
  }
}

/// The report of a checkpoint as lines and as JSON.
struct InspectReport {
  let summary: CheckpointSummary
  let listsTensors: Bool
  let threads = BLASRuntime.usableThreads
  static let texts = 8
  private static let textLength = 1024
  /// Lines of one kind before the rest is only counted.
  private static let listed = 12

  init(_ summary: CheckpointSummary, listsTensors: Bool) {
    self.summary = summary
    self.listsTensors = listsTensors
  }

  /// Tokens of a text of the example batch.
  var length: Int { min(Self.textLength, summary.configuration?.longestText ?? Self.textLength) }

  func scratch(_ precision: Precision) -> Int? {
    summary.scratchByteCount(precision, tokens: Self.texts * length, longest: length, workers: threads)
  }

  var dtypes: [(dtype: String, count: Int, bytes: Int)] {
    Dictionary(grouping: summary.tensors, by: \.dtype.rawValue).sorted { $0.key < $1.key }.map {
      ($0.key, $0.value.count, $0.value.reduce(0) { $0 + $1.byteCount })
    }
  }
}

extension InspectReport {
  var lines: [(String, String)] {
    var lines = [("checkpoint", summary.folder.path)]
    lines += summary.configuration.map(settingLines) ?? rawLines
    if let pooling = summary.pooling {
      lines.append(("pooling", pooling.kind.rawValue + (pooling.normalizes ? ", normalized" : "")))
    }
    if !summary.tensors.isEmpty {
      let types = dtypes.map { "\($0.count) \($0.dtype)" }.joined(separator: ", ")
      let bytes = summary.tensors.reduce(0) { $0 + $1.byteCount }
      lines.append(("tensors", "\(types); \(Self.size(bytes)) in \(Self.counted(summary.files.count, "file"))"))
    }
    if let counts = summary.parameters, counts.total > 0 {
      lines.append(
        (
          "parameters",
          "\(Self.grouped(counts.total)): embedding \(Self.grouped(counts.embedding)), layers "
            + "\(Self.grouped(counts.layers)), final norm and heads \(Self.grouped(counts.other))"
        ))
    }
    for precision in Precision.allCases {
      guard let weights = summary.weightByteCount(precision), let scratch = scratch(precision) else { continue }
      lines.append(
        (
          "in \(precision.rawValue)",
          "\(Self.size(weights)) packed weights; scratch \(Self.size(scratch)) for \(Self.texts) x \(length) "
            + "tokens on \(Self.counted(threads, "thread"))"
            + (precision.isSupported ? "" : "; this CPU does not compute in it")
        ))
    }
    lines.append(("tokenizer.json", tokenizerText))
    lines += Self.limited(
      summary.unread.filter { $0.reason == nil }.map { ("unread", "\($0.name): no layer reads it") })
    lines += leftoverLines
    if listsTensors {
      lines += summary.tensors.map {
        ("tensor", "\($0.name)  \($0.dtype.rawValue) \($0.shape)  \($0.byteCount) bytes  \($0.file)")
      }
    }
    lines += summary.warnings.map { ("warning", $0) }
    lines += Self.limited(summary.problems.map { ("problem", $0.text) })
    let checked = summary.checkedValues ? ", all values finite" : ""
    lines.append(("loads", summary.loads ? "yes\(checked)" : "no: \(Self.counted(summary.problems.count, "problem"))"))
    return lines
  }

  private func settingLines(_ settings: TransformerConfiguration) -> [(String, String)] {
    let biases = [
      settings.attentionBias ? "queries, keys, values" : nil, settings.outputBias ? "attention's output" : nil,
      settings.mlpBias ? "inner layer" : nil,
    ].compactMap(\.self).joined(separator: ", ")
    let head =
      switch settings.head {
      case .none: "no head"
      case .causalLanguageModel:
        "language-model head\(settings.tieWordEmbeddings ? " tied to the embedding" : "")"
      case .sequenceClassification: "score head"
      }
    return [
      ("architecture", "\(settings.architecture) (\(settings.modelType.rawValue)), \(head)"),
      (
        "layers",
        "\(settings.numHiddenLayers) of hidden size \(settings.hiddenSize), inner size \(settings.intermediateSize) "
          + "(\(settings.hiddenAct.rawValue))"
      ),
      (
        "attention",
        "\(settings.numAttentionHeads) heads of \(settings.headDim) over \(settings.numKeyValueHeads) of keys and values"
          + (settings.queryKeyNorm ? ", normed" : "") + (settings.slidingWindow.map { ", window \($0)" } ?? "")
      ),
      ("biases", biases.isEmpty ? "none" : biases),
      ("vocabulary", "\(settings.vocabSize) tokens"),
      ("positions", "\(settings.maxPositionEmbeddings), \(settings.rotary.map(Self.text) ?? "embedded")"),
    ]
  }

  /// What config.json says of itself where the layers cannot be told from it.
  private var rawLines: [(String, String)] {
    let keys = [
      "model_type", "architectures", "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads",
      "num_key_value_heads", "vocab_size", "max_position_embeddings",
    ]
    return keys.compactMap { key in
      summary.settings?[key].map { ("config.json", "\(key): \(Self.printable($0).text())") }
    }
  }

  private var tokenizerText: String {
    guard let size = summary.tokenizerSize else {
      let path = summary.folder.appendingPathComponent("tokenizer.json").path
      return FileManager.default.fileExists(atPath: path) ? "not readable" : "none"
    }
    guard let vocabulary = summary.configuration?.vocabSize else { return "\(size) ids" }
    return "\(size) ids "
      + (size <= vocabulary ? "within the model's \(vocabulary)" : "beyond the model's \(vocabulary)")
  }

  /// Expected ones by their reason, the names counted.
  private var leftoverLines: [(String, String)] {
    let known = summary.unread.filter { $0.reason != nil }
    return Dictionary(grouping: known) { $0.reason ?? "" }.sorted { $0.key < $1.key }.map { reason, tensors in
      let rest = tensors.count > 1 ? " and \(tensors.count - 1) more" : ""
      return ("left out", "\(tensors[0].name)\(rest): \(reason)")
    }
  }

  private static func text(_ rotary: RotaryEmbedding) -> String {
    let scaling =
      switch rotary.scaling {
      case .none: "no scaling"
      case .linear(let factor): "linear scaling by \(factor)"
      case .dynamic(let factor, let original): "dynamic scaling by \(factor) above \(original)"
      case .llama3(let factor, let low, let high, let original):
        "llama3 scaling by \(factor) from \(original) (frequency factors \(low), \(high))"
      }
    return "rotary with base \(rotary.base), \(scaling)"
  }

  private static func limited(_ lines: [(String, String)]) -> [(String, String)] {
    guard lines.count > listed + 1, let name = lines.first?.0 else { return lines }
    return lines.prefix(listed) + [(name, "and \(lines.count - listed) more (--json lists all)")]
  }

  private static func counted(_ count: Int, _ name: String) -> String { "\(count) \(name)\(count == 1 ? "" : "s")" }

  private static func size(_ bytes: Int) -> String {
    bytes < 1_000_000 ? String(format: "%.1f kB", Double(bytes) / 1e3) : String(format: "%.1f MB", Double(bytes) / 1e6)
  }

  /// Digits in groups of three.
  private static func grouped(_ number: Int) -> String {
    let digits = Array(String(number))
    return digits.enumerated().map { ($0 > 0 && (digits.count - $0) % 3 == 0 ? "," : "") + String($1) }.joined()
  }
}
