import PreferenceData
import Storage
import Tokenization
import Transformers

/// Which distinct texts a list of dialogues has, and in which batches those without a known state are encoded.
public struct EncodingPlan: Sendable {
  /// The texts of one forward pass.
  public struct Batch: Sendable {
    public fileprivate(set) var tokens = TokenBatch()
    /// Distinct texts, and the segment that ends each.
    fileprivate(set) var texts: [Int] = []
    fileprivate(set) var ends: [Int] = []
    /// Tokens of the texts, shared beginnings counted for each.
    public fileprivate(set) var textTokens = 0
  }

  public private(set) var batches: [Batch] = []
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
      let key = Self.key(encoding)
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
    batches = batches(of: groups, sharing: encoder.model.canSharePrefix)
  }

  /// Batches of whole groups, cut when they reach `DialogueEncoder.tokensAtATime`; a larger group is a batch of its own.
  private func batches(of groups: [[Int]], sharing canShare: (Int) -> Bool) -> [Batch] {
    var batches: [Batch] = []
    var batch = Batch()
    for group in groups {
      for part in parts(of: group) {
        let size = part.reduce(0) { $0 + ids[$1].count }
        if !batch.texts.isEmpty, batch.tokens.tokens.count + size > DialogueEncoder.tokensAtATime {
          batches.append(batch)
          batch = Batch()
        }
        let texts = part.map { ids[$0] }
        let longest = texts.map(\.count).max() ?? 0
        batch.ends +=
          canShare(longest) ? batch.tokens.append(sharingPrefixOf: texts) : texts.map { batch.tokens.append($0) }
        batch.texts += part
        batch.textTokens += size
      }
    }
    return batch.texts.isEmpty ? batches : batches + [batch]
  }

  /// A group whose texts together exceed a batch is cut; each part computes the shared beginning anew.
  private func parts(of group: [Int]) -> [[Int]] {
    var parts: [[Int]] = []
    var size = 0
    for text in group {
      if parts.isEmpty || size + ids[text].count > DialogueEncoder.tokensAtATime {
        parts.append([])
        size = 0
      }
      parts[parts.count - 1].append(text)
      size += ids[text].count
    }
    return parts
  }

  /// Names a text by what the model reads of it.
  private static func key(_ encoding: Encoding) -> Fingerprint {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(4 * encoding.ids.count)
    for id in encoding.ids {
      for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: id >> Int32(shift))) }
    }
    return Fingerprint(bytes)
  }
}
