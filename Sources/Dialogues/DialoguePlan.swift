import PreferenceData
import Storage
import Transformers

/// The distinct texts of a list of dialogues, and the forward passes in which a model reads those that it has not read before.
///
/// Dialogues whose tokens are equal are one text. Texts of one prompt stand side by side, in the order of first appearance, so that
/// what their tokens share at the beginning is computed once.
public struct DialoguePlan: Sendable {
  /// New tokens of one forward pass: 8192 bound the memory, and are enough to keep all threads busy.
  public static let tokensAtATime = 8192

  public private(set) var batches: [TextBatch] = []
  /// Texts and tokens, before anything is computed.
  public private(set) var report: ReadingReport
  /// The distinct text of each dialogue, or why it has none: `DialogueError`.
  public private(set) var textOfDialogue: [Result<Int, any Error>] = []
  /// The tokens of each distinct text.
  public private(set) var ids: [[Int32]] = []

  /// Tokenizes the dialogues and computes nothing.
  ///
  /// - Parameter isKnown: whether what the model makes of these tokens is known, so that no batch needs them.
  public init(
    _ dialogues: [Dialogue], reader: DialogueReader, model: TransformerModel,
    isKnown: ([Int32]) -> Bool = { _ in false }
  ) {
    report = ReadingReport(dialogues: dialogues.count)
    var groups: [[Int]] = []
    var groupOfPrompt: [PromptBytes: Int] = [:]
    var textOfIDs: [[Int32]: Int] = [:]
    // Equal dialogues need not be tokenized twice.
    var known: [Dialogue: Result<Int, any Error>] = [:]
    for (index, dialogue) in dialogues.enumerated() {
      let text =
        known[dialogue]
        ?? Result {
          let encoding = try reader.encoding(of: dialogue)
          guard !encoding.ids.isEmpty else { throw DialogueError.noTokens(dialogue: index) }
          if let text = textOfIDs[encoding.ids] { return text }
          let text = ids.count
          textOfIDs[encoding.ids] = text
          ids.append(encoding.ids)
          let isKnown = isKnown(encoding.ids)
          report.add(encoding, isKnown: isKnown)
          guard !isKnown else { return text }
          let prompt = PromptBytes(dialogue.prompt)
          if let group = groupOfPrompt[prompt] {
            groups[group].append(text)
          } else {
            groupOfPrompt[prompt] = groups.count
            groups.append([text])
          }
          return text
        }
      if case .failure = text { report.unreadable += 1 }
      known[dialogue] = text
      textOfDialogue.append(text)
    }
    batches = TextBatch.batches(of: groups, texts: ids, model: model, limit: Self.tokensAtATime)
  }

  /// The distinct text of each dialogue.
  ///
  /// - Throws: why the first dialogue without a text has none.
  func texts() throws -> [Int] { try textOfDialogue.map { try $0.get() } }

  /// Tokens of the texts that no batch knows yet.
  public var newTokens: Int { report.tokens - report.knownTokens }
}
