import ArgumentParser
import CommandSupport
import Foundation
import RouterKit

/// `bayesrouter forward`: hidden states, log-probabilities and scores of token sequences, for comparison with other
/// implementations.
struct Forward: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compute hidden states, log-probabilities or scores of token ids.",
    discussion: """
      Reads lines {"ids": [1, 2, 3]} (BERT also "type_ids") and writes float32 tensors, for line i counted from 0:
        hidden_states.i  [T, D]  after the last layer and final norm
        pooled.i         [D]     the text's vector: the last token's, or what modules.json of sentence-transformers says
        log_probs.i      [T-1]   log p(token t+1 | tokens up to t), causal language models
        score.i          [L]     logits, sequence classifiers

      EXAMPLES
        bayesrouter forward --model SmolLM2-135M --ids ids.jsonl --out answers.safetensors
        bayesrouter forward --model all-MiniLM-L6-v2 --ids ids.jsonl --out answers.safetensors --packed
      """)

  @Option(name: .long, help: "The checkpoint's folder.")
  var model: String

  @Option(name: .long, help: "A file of JSON lines, one object with ids a line.")
  var ids: String

  @Option(name: .long, help: "The safetensors file to write.")
  var out: String

  @Flag(name: .long, help: "Compute all lines in one packed batch instead of one by one.")
  var packed = false

  @OptionGroup var options: ModelOptions

  func run() throws {
    let model = try options.load(model)
    let sequences = try readSequences()
    var scratch = ForwardScratch()
    var tensors: [String: Safetensors.Tensor] = [:]
    let groups = packed ? [Array(sequences.indices)] : sequences.indices.map { [$0] }
    for group in groups where !group.isEmpty {
      var batch = TokenBatch()
      for index in group { batch.append(sequences[index].ids, typeIDs: sequences[index].typeIDs) }
      let states = try model.hiddenStates(batch, scratch: &scratch)
      let pooled = try model.pooled(batch, segments: Array(batch.segments.indices), scratch: &scratch)
      for (segment, index) in group.enumerated() {
        let own = states.selectingRows(Array(batch.segments[segment].rows))
        let ids = sequences[index].ids
        tensors["hidden_states.\(index)"] = .init(own.elements, shape: [own.rows, own.columns])
        tensors["pooled.\(index)"] = .init(Array(pooled.row(segment)))
        switch model.configuration.head {
        case .none: break
        case .causalLanguageModel:
          tensors["log_probs.\(index)"] = .init(try model.logProbabilities(of: ids, hiddenStates: own))
        case .sequenceClassification:
          let state = Array(own.row(model.scoredPosition(of: ids)))
          tensors["score.\(index)"] = .init(try model.scores(hiddenState: state))
        }
      }
    }
    try AtomicFile.write(
      Safetensors.encode(tensors, metadata: ["model": model.configuration.architecture]),
      to: URL(fileURLWithPath: out))
  }

  private struct Sequence {
    let ids: [Int32]
    let typeIDs: [Int32]?
  }

  private func readSequences() throws -> [Sequence] {
    var sequences: [Sequence] = []
    try JSONLines.read(URL(fileURLWithPath: ids)) { record in
      func numbers(_ field: String) throws -> [Int32] {
        try record.array(field).map { value in
          guard case .integer(let number) = value, let id = Int32(exactly: number) else {
            throw record.mistyped(field, expected: "a list of token ids")
          }
          return id
        }
      }
      let ids = try numbers("ids")
      let typeIDs = record.optional("type_ids") == nil ? nil : try numbers("type_ids")
      guard !ids.isEmpty else { throw record.mistyped("ids", expected: "at least one token id") }
      guard typeIDs == nil || typeIDs?.count == ids.count else {
        throw record.mistyped("type_ids", expected: "one type for each of the \(ids.count) ids")
      }
      sequences.append(Sequence(ids: ids, typeIDs: typeIDs))
    }
    return sequences
  }
}

/// How a checkpoint is loaded: options that commands share.
struct ModelOptions: ParsableArguments {
  @Option(
    name: .long, help: "float32, or bfloat16 where the CPU has AVX512-BF16: about twice as fast, 8 bits of significand."
  )
  var precision = Precision.float32

  @Flag(name: .long, help: "Load weights that hold NaN or infinities.")
  var allowNonFinite = false

  func load(_ folder: String) throws -> TransformerModel {
    try TransformerModel(
      folder: URL(fileURLWithPath: folder), precision: precision, allowsNonFinite: allowNonFinite)
  }
}
