import Dialogues
import Foundation
import LinearAlgebra
import PreferenceData
import Storage
import Tokenization
import Transformers

/// A reward model that runs in this process: a checkpoint with a sequence-classification head of one label, as
/// Transformers or OpenRLHF writes it.
///
/// A score is the head's output for the text of prompt and response. Texts are packed without padding, and those of one
/// prompt share their beginning; a score does not depend on the company that its text was scored in, to the bit.
public struct TransformerRewardModel: RewardModel {
  public let name: String
  public let model: TransformerModel
  /// Tokens of a text, special tokens included; the rest of a longer one is cut.
  public var maxTokens: Int { reader.maxTokens }
  public var cut: TextCut { reader.cut }
  /// Whether a score is (output - mean) / std, with the moments of an OpenRLHF checkpoint.
  public let normalizesReward: Bool
  let reader: DialogueReader
  private let queue: ForwardQueue

  /// Loads a checkpoint: `config.json`, weights, `tokenizer.json`, and the chat template where `format` is `.chat`.
  ///
  /// - Parameters:
  ///   - name: unique in a pool.
  ///   - maxTokens: never more than the model reads, which is the default.
  ///   - normalizesReward: by default what the checkpoint says. OpenRLHF itself goes by its command line.
  ///   - queue: shared by the models of a process.
  /// - Throws: what keeps model, tokenizer or template from being read; `TransformersError.missingHead`,
  ///   `RewardModelError.severalLabels` and `TransformersError.vocabularyMismatch`, before a weight is read.
  public init(
    folder: URL, name: String, format: TextFormat.Kind = .chat, maxTokens: Int? = nil, cut: TextCut = .start,
    normalizesReward: Bool? = nil, precision: Precision = .float32, allowsNonFinite: Bool = false,
    queue: ForwardQueue = ForwardQueue()
  ) throws {
    let configuration = try TransformerConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
    guard configuration.head == .sequenceClassification else {
      throw Self.missingHead(folder.path, configuration)
    }
    let head = try CheckpointTensors(folder: folder).tensor(configuration.scoreTensor)
    try Self.checkLabels(head.shape.first, folder: folder.path)
    let tokenizer = try Tokenizer(contentsOf: folder.appendingPathComponent("tokenizer.json"))
    try configuration.checkVocabulary(tokenizer: tokenizer.vocabularySize, folder: folder.path)
    try self.init(
      name: name, model: TransformerModel(folder: folder, precision: precision, allowsNonFinite: allowsNonFinite),
      tokenizer: tokenizer, format: TextFormat(format, folder: folder), maxTokens: maxTokens, cut: cut,
      normalizesReward: normalizesReward,
      queue: queue)
  }

  /// A reward model of parts, e.g. of random weights to be measured.
  ///
  /// - Throws: `TransformersError.missingHead`, `RewardModelError.severalLabels`, `RewardModelError.tooFewTokens`.
  public init(
    name: String, model: TransformerModel, tokenizer: Tokenizer, format: TextFormat, maxTokens: Int? = nil,
    cut: TextCut = .start, normalizesReward: Bool? = nil, queue: ForwardQueue = ForwardQueue()
  ) throws {
    let configuration = model.configuration
    guard let labels = model.labelCount else { throw Self.missingHead(model.name, configuration) }
    try Self.checkLabels(labels, folder: model.name)
    let limit = configuration.longestText ?? configuration.maxPositionEmbeddings
    let tokens = min(maxTokens ?? limit, limit)
    guard tokens >= Self.leastTokens else {
      throw RewardModelError.tooFewTokens(model: name, limit: tokens, least: Self.leastTokens)
    }
    self.name = name
    self.model = model
    self.normalizesReward = normalizesReward ?? configuration.valueHead?.normalizeReward ?? false
    self.queue = queue
    reader = DialogueReader(
      tokenizer: tokenizer, format: format, maxTokens: tokens, cut: cut, endsWithEOS: configuration.valueHead != nil)
  }

  /// More than any tokenizer adds by itself.
  public static let leastTokens = 8

  private static func missingHead(_ folder: String, _ configuration: TransformerConfiguration) -> TransformersError {
    .missingHead(folder: folder, head: "score head", architecture: configuration.architecture)
  }

  private static func checkLabels(_ labels: Int?, folder: String) throws {
    if let labels, labels > 1 { throw RewardModelError.severalLabels(folder: folder, labels: labels) }
  }

  /// - Throws: for the first request that cannot be scored; see `outcomes`.
  public func scores(_ requests: [ScoringRequest]) async throws -> [Double] {
    try await outcomes(requests).map { try $0.get() }
  }

  /// One outcome a request. A dialogue that the chat template refuses or that has no tokens fails by itself
  /// (`DialogueError`, `RewardModelError.noTokens`), a forward pass with its texts (`TransformersError`,
  /// `CancellationError`).
  public func outcomes(_ requests: [ScoringRequest]) async -> [ScoringOutcome] {
    let plan = plan(for: requests)
    var scores: [Int: ScoringOutcome] = [:]
    for batch in plan.batches {
      do {
        try Task.checkCancellation()
        let values = try await self.scores(of: batch.tokens, rows: scoredRows(of: batch, plan))
        for (text, value) in zip(batch.texts, values) { scores[text] = .success(value) }
      } catch {
        for text in batch.texts { scores[text] = .failure(error) }
      }
    }
    return zip(plan.textOfDialogue, requests).map { text, request in
      switch text {
      case .success(let index):
        guard let score = scores[index] else { preconditionFailure("text \(index) is in no batch of its plan") }
        return score
      case .failure(let error): return .failure(named(error, request))
      }
    }
  }

  private func plan(for requests: [ScoringRequest]) -> DialoguePlan {
    DialoguePlan(requests.map(\.dialogue), reader: reader, model: model)
  }

  /// An error of reading by the names of the pool.
  private func named(_ error: any Error, _ request: ScoringRequest) -> any Error {
    guard case DialogueError.noTokens = error else { return error }
    return RewardModelError.noTokens(model: name, pairID: request.pairID, side: request.side)
  }

  /// The row of the token that is scored, for each text of a batch. It may lie in a shared beginning, where the rest of
  /// a text is padding.
  private func scoredRows(of batch: TextBatch, _ plan: DialoguePlan) -> [Int] {
    zip(batch.texts, batch.ends).map { text, end in
      batch.tokens.row(of: end, position: model.scoredPosition(of: plan.ids[text]))
    }
  }

  /// How these requests would be read; tokenizes them and computes nothing.
  public func report(for requests: [ScoringRequest]) -> ReadingReport {
    plan(for: requests).inspected(requests.map(\.dialogue), reader: reader)
  }

  /// What seems wrong with these requests, a line each; nothing is computed.
  public func warnings(for requests: [ScoringRequest]) -> [String] {
    plan(for: requests).warnings(for: requests.map(\.dialogue), reader: reader).map { "reward model '\(name)': \($0)" }
  }

  /// The tokens that the model reads; 0 for a dialogue that cannot be read.
  public func tokens(in request: ScoringRequest) -> Int {
    (try? encoding(of: request).ids.count) ?? 0
  }

  /// The tokens of a dialogue as the model reads them.
  ///
  /// - Throws: `DialogueError.refusedMessages` where the chat template refuses the messages; `RewardModelError.noTokens`.
  public func encoding(of request: ScoringRequest) throws -> Encoding {
    let encoding = try reader.encoding(of: request.dialogue)
    guard !encoding.ids.isEmpty else {
      throw RewardModelError.noTokens(model: name, pairID: request.pairID, side: request.side)
    }
    return encoding
  }

  private func scores(of batch: TokenBatch, rows: [Int]) async throws -> [Double] {
    let outputs = try await queue.run { scratch in
      let states = try model.hiddenStates(batch, rows: rows, scratch: &scratch)
      return try rows.indices.map { Double(try model.scores(hiddenState: Array(states.row($0)))[0]) }
    }
    guard normalizesReward, let head = model.configuration.valueHead else { return outputs }
    return outputs.map { ($0 - head.mean) / head.std }
  }
}
