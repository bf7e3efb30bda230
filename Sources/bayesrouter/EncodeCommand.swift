import ArgumentParser
import Foundation
import RouterKit

/// `bayesrouter encode`: the pair features of a dataset.
struct Encode: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Encode the pairs of a dataset with a Hugging Face checkpoint.",
    discussion: """
      Each (prompt, response) is read as "<|user|>: prompt\\n<|assistant|>: response". The file receives pooled_a and pooled_b [pairs, D], the pooled \
      hidden states, and pair_features [pairs, 2D], u = [(a + b)/2 ; |a - b|]; rows in the order of pairs.jsonl, whose ids are in the metadata.

      Each distinct text is encoded once, what texts of one prompt share at the beginning too. States are kept in a cache by checkpoint and \
      tokens: a second run computes nothing.

      EXAMPLES
        bayesrouter encode --model SmolLM2-135M --data judgebench --out features.safetensors
        bayesrouter encode --model all-MiniLM-L6-v2 --data judgebench --out features.safetensors --max-tokens 256
      """)

  @Option(name: .long, help: "The checkpoint's folder: config.json, model.safetensors or shards, tokenizer.json.")
  var model: String

  @Option(name: .long, help: "The dataset folder; pairs.jsonl is enough.")
  var data: String

  @Option(name: .long, help: "The safetensors file to write.")
  var out: String

  @Option(name: .long, help: "Tokens of a text; a longer one is cut. Never more than the model reads.")
  var maxTokens = 1024

  @Option(name: .long, help: "Which end of a longer text is cut: end, as the published router does, or start.")
  var cut = DialogueEncoder.Cut.end

  @Option(
    name: .long,
    help: "router: the published router's text; chat: the checkpoint's own chat template.")
  var template = DialogueEncoder.Template.router

  @Option(name: .long, help: "The folder of caches, or none.")
  var cache = StateCache.defaultFolder.path

  @Flag(name: .long, help: "Print the report as one JSON object.")
  var json = false

  @OptionGroup var options: ModelOptions

  func validate() throws {
    guard maxTokens >= 8 else { throw ValidationError("--max-tokens is at least 8") }
  }

  func run() throws {
    let pairs = try DatasetFolder.readPairs(URL(fileURLWithPath: data))
    let encoder = try DialogueEncoder(
      folder: URL(fileURLWithPath: model), maxTokens: maxTokens, cut: cut, template: template,
      precision: options.precision,
      allowsNonFinite: options.allowNonFinite)
    let (states, report) = try CachedEncoding(
      encoder, folder: cache == "none" ? nil : URL(fileURLWithPath: cache)
    ).encode(TransformerPairEncoder.dialogues(pairs))
    let size = encoder.size
    let features = pairs.indices.flatMap {
      TransformerPairEncoder.features(states.row(2 * $0), states.row(2 * $0 + 1))
    }
    let ids = JSONValue.array(pairs.map { .string($0.id) }).text()
    let metadata = [
      "encoder": encoder.fingerprint.description, "architecture": encoder.model.configuration.architecture,
      "pair_ids": ids, "max_tokens": "\(encoder.maxTokens)",
    ]
    let tensors: [String: Safetensors.Tensor] = [
      "pair_features": .init(features, shape: [pairs.count, 2 * size]),
      "pooled_a": .init(pairs.indices.flatMap { states.row(2 * $0) }, shape: [pairs.count, size]),
      "pooled_b": .init(pairs.indices.flatMap { states.row(2 * $0 + 1) }, shape: [pairs.count, size]),
    ]
    try AtomicFile.write(Safetensors.encode(tensors, metadata: metadata), to: URL(fileURLWithPath: out))
    try print(report, encoder)
  }

  private func print(_ report: EncodingReport, _ encoder: DialogueEncoder) throws {
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      encoder.keyEncodingStrategy = .convertToSnakeCase
      Swift.print(String(decoding: try encoder.encode(report), as: UTF8.self))
      return
    }
    let computed = report.tokens - report.knownTokens
    let rate = report.seconds > 0 ? String(format: ", %.0f tokens/s", Double(computed) / report.seconds) : ""
    Swift.print(
      """
      wrote \(out): \(report.dialogues / 2) pairs, \(encoder.model.configuration.architecture), D = \(encoder.size)
      texts       \(report.distinctDialogues) distinct of \(report.dialogues), \(report.knownDialogues) found in the cache
      tokens      \(report.tokens); computed \(report.computedTokens) for \(computed)\(rate)
      cut         \(report.truncatedTokens) tokens of \(report.truncatedDialogues) texts longer than \(encoder.maxTokens)
      """)
  }
}

extension DialogueEncoder.Cut: ExpressibleByArgument {}
extension DialogueEncoder.Template: ExpressibleByArgument {}
