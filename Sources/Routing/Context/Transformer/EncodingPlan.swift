import PreferenceData
import Storage
import Tokenization
import Transformers

/// Which distinct texts a list of dialogues has, and in which batches those without a known state are encoded.
public struct EncodingPlan: Sendable {
  public private(set) var batches: [TextBatch] = []
  /// Texts and tokens, before anything is computed.
  public private(set) var report: EncodingReport
  /// By distinct text.
  private var ids: [[Int32]] = []
  private(set) var keys: [Fingerprint] = []
  private(set) var textOfDialogue: [Int] = []

  /// Tokens of the texts that have to be encoded.
  public var newTokens: Int { report.tokens - report.knownTokens }

  init(_ dialogues: [Dialogue], encoder: DialogueEncoder, cache: StateCache) throws {
    report = EncodingReport(dialogues: dialogues.count)
    // Texts to encode, those of one prompt together, in the order of first appearance.
    var groups: [[Int]] = []
    var textOfKey: [Fingerprint: Int] = [:]
    var groupOfPrompt: [Prompt: Int] = [:]
    // Equal dialogues need not be tokenized twice.
    var textOfKnown: [Dialogue: Int] = [:]
    for (index, dialogue) in dialogues.enumerated() {
      if let text = textOfKnown[dialogue] {
        textOfDialogue.append(text)
        continue
      }
      let encoding = try encoder.encoding(of: dialogue)
      guard !encoding.ids.isEmpty else {
        throw RoutingError.context(problem: "dialogue \(index) has no tokens; the tokenizer makes nothing of its text")
      }
      let key = Self.key(encoding.ids)
      if let text = textOfKey[key] {
        textOfKnown[dialogue] = text
        textOfDialogue.append(text)
        continue
      }
      let text = ids.count
      ids.append(encoding.ids)
      keys.append(key)
      textOfKey[key] = text
      textOfKnown[dialogue] = text
      textOfDialogue.append(text)
      report.distinctDialogues += 1
      report.tokens += encoding.ids.count
      if encoding.truncatedCount > 0 {
        report.truncatedDialogues += 1
        report.truncatedTokens += encoding.truncatedCount
      }
      if cache[key] != nil {
        report.knownDialogues += 1
        report.knownTokens += encoding.ids.count
      } else if let group = groupOfPrompt[dialogue.prompt] {
        groups[group].append(text)
      } else {
        groupOfPrompt[dialogue.prompt] = groups.count
        groups.append([text])
      }
    }
    batches = TextBatch.batches(
      of: groups, texts: ids, model: encoder.model, limit: DialogueEncoder.tokensAtATime)
  }

  /// Names a text by what the model reads of it.
  static func key(_ ids: [Int32]) -> Fingerprint {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(4 * ids.count)
    for id in ids {
      for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: id >> Int32(shift))) }
    }
    return Fingerprint(bytes)
  }
}
