import ArgumentParser
import CommandSupport
import Foundation
import RouterKit

/// `bayesrouter encode`: the pair features of a dataset.
struct Encode: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Encode the pairs of a dataset with a Hugging Face checkpoint.",
    discussion: """
      Each (prompt, response) is read as "<|user|>: prompt\\n<|assistant|>: response", or by the checkpoint's chat template with --template \
      chat. The file receives pooled_a and pooled_b [pairs, D], the pooled \
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

  @OptionGroup var reading: ReadingOptions

  @Flag(name: .long, help: "Print the report as one JSON object.")
  var json = false

  @OptionGroup var options: ModelOptions

  func run() async throws {
    let pairs = try DatasetFolder.readPairs(URL(fileURLWithPath: data))
    let cached = try reading.encoder(model, precision: options.precision, allowsNonFinite: options.allowNonFinite)
    let encoder = cached.encoder
    var progress = ProgressDisplay()
    let states = try await cached.states(of: Dialogue.both(of: pairs)) { progress.show($0) }
    let size = encoder.size
    let ids = JSONValue.array(pairs.map { .string($0.id) }).text()
    let metadata = [
      "encoder": encoder.fingerprint.description, "architecture": encoder.model.configuration.architecture,
      "pair_ids": ids, "max_tokens": "\(encoder.maxTokens)",
    ]
    let tensors: [String: Safetensors.Tensor] = [
      "pair_features": .init(PairFeatures.rows(states).elements, shape: [pairs.count, 2 * size]),
      "pooled_a": .init(pairs.indices.flatMap { states.row(2 * $0) }, shape: [pairs.count, size]),
      "pooled_b": .init(pairs.indices.flatMap { states.row(2 * $0 + 1) }, shape: [pairs.count, size]),
    ]
    try AtomicFile.write(Safetensors.encode(tensors, metadata: metadata), to: URL(fileURLWithPath: out))
    if let report = progress.reading { try print(report, encoder) }
  }

  private func print(_ report: ReadingReport, _ encoder: DialogueEncoder) throws {
    if json { return try printJSON(report) }
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
