import PreferenceData
import Tokenization
import Transformers

/// The distinct texts of a list of requests, and the forward passes that score them.
struct ScoringPlan: Sendable {
  /// New tokens of one forward pass: bounds the memory, and is enough to keep all threads busy.
  static let tokensAtATime = 8192

  private(set) var batches: [TextBatch] = []
  /// For each request its distinct text, or why it has none.
  private(set) var textOfRequest: [Result<Int, any Error>] = []
  /// By distinct text.
  private(set) var ids: [[Int32]] = []
  private(set) var truncatedCounts: [Int] = []

  init(_ requests: [ScoringRequest], model: TransformerRewardModel) {
    // Texts of one prompt together, in the order of first appearance.
    var groups: [[Int]] = []
    var groupOfPrompt: [Prompt: Int] = [:]
    var textOfIDs: [[Int32]: Int] = [:]
    for request in requests {
      let encoding: Encoding
      do {
        encoding = try model.encoding(of: request)
      } catch {
        textOfRequest.append(.failure(error))
        continue
      }
      if let text = textOfIDs[encoding.ids] {
        textOfRequest.append(.success(text))
        continue
      }
      let text = ids.count
      textOfIDs[encoding.ids] = text
      textOfRequest.append(.success(text))
      ids.append(encoding.ids)
      truncatedCounts.append(encoding.truncatedCount)
      if let group = groupOfPrompt[request.prompt] {
        groups[group].append(text)
      } else {
        groupOfPrompt[request.prompt] = groups.count
        groups.append([text])
      }
    }
    batches = TextBatch.batches(of: groups, texts: ids, model: model.model, limit: Self.tokensAtATime)
  }

  /// For each text of a batch, the row of the token that is scored. It may lie in a shared beginning, where the rest of
  /// a text is padding.
  func scoredRows(of batch: TextBatch, by model: TransformerModel) -> [Int] {
    zip(batch.texts, batch.ends).map { text, end in
      batch.tokens.row(of: end, position: model.scoredPosition(of: ids[text]))
    }
  }
}
