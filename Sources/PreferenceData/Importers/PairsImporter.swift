import Foundation
import Storage

/// Reads preference data as trainers use it: JSON Lines, or one JSON list, of `{"prompt"?, "chosen", "rejected"}`, each field a
/// text or a list of messages (TRL's formats, with explicit or implicit prompt).
///
/// Without a prompt field, the prompt is what chosen and rejected both begin with: their common messages, or in texts
/// what stands before the last mark of the assistant (`Conversation`). Message lists that repeat the prompt are cut
/// after it. A prompt of one user message becomes its text. `id` (a text or an integer) and the texts `domain` and
/// `source` are kept; a record without id is named `pair-N` after its position N. The chosen response gets side A or B
/// by a fair coin. The result has no reward models: such a folder is for collecting scores, and reading it as a pool is
/// an error that says so. The file may be compressed with gzip. Source: TRL, docs/source/dataset_formats.md.
public enum PairsImporter {
  /// - Throws: `StorageError` or `PreferenceDataError`, with file and line or item.
  public static func read(_ file: URL, using generator: inout some RandomNumberGenerator) throws -> ImportedDataset {
    var pairs: [PreferencePair] = []
    var places: [String: FilePlace] = [:]
    var guesses = 0
    for record in try records(file) {
      let id = try id(of: record, position: pairs.count + 1)
      if let first = places.updateValue(record.place, forKey: id) {
        throw PreferenceDataError.duplicatePair(place: record.place, id: id, first: first.description)
      }
      let conversation = try conversation(record)
      if conversation.isGuess { guesses += 1 }
      pairs.append(
        PreferencePair(
          id: id, domain: try record.optionalString("domain"), source: try record.optionalString("source"),
          prompt: conversation.prompt, chosen: conversation.chosen, rejected: conversation.rejected, using: &generator))
    }
    guard !pairs.isEmpty else { throw PreferenceDataError.noPairs(file: file.path) }
    return ImportedDataset(
      dataset: PreferenceDataset(pairs: pairs, rewardModels: [], scores: []),
      notes: guesses == 0 ? [] : [Conversation.note(guesses: guesses)])
  }

  private static func records(_ file: URL) throws -> [JSONRecord] {
    let bytes = try DataFile.read(file)
    // A list starts with '[', which no line of JSON Lines may; a byte-order mark may stand before it.
    let first = bytes.first { !([0xef, 0xbb, 0xbf, 0x20, 0x09, 0x0a, 0x0d] as [UInt8]).contains($0) }
    if first == UInt8(ascii: "[") {
      let list: JSONObject = ["item": try JSONDocument.read(bytes, file: file.path)]
      return try JSONRecord(.object(list), at: FilePlace(file: file.path)).records("item")
    }
    var records: [JSONRecord] = []
    try JSONLines.read(bytes, file: file.path) { records.append($0) }
    return records
  }

  private static func id(of record: JSONRecord, position: Int) throws -> String {
    switch record.optional("id") {
    case nil: return "pair-\(position)"
    case .string(let id): return id
    case .integer(let id): return String(id)
    default: throw record.mistyped("id", expected: "a text or an integer")
    }
  }

  private static func conversation(_ record: JSONRecord) throws -> Conversation {
    let prompt = try record.optional("prompt").map { _ in try Prompt(record) }
    switch (try record.value("chosen"), try record.value("rejected")) {
    case (.string(let chosen), .string(let rejected)):
      if let prompt { return Conversation(prompt: prompt.simplified, chosen: chosen, rejected: rejected) }
      guard let split = Conversation(chosen: chosen, rejected: rejected) else {
        throw PreferenceDataError.noSharedPrompt(place: record.place)
      }
      return split
    case (.array, .array):
      let chosen = try messages(record, "chosen")
      let rejected = try messages(record, "rejected")
      guard let split = Conversation(chosen: chosen, rejected: rejected) else {
        guard let prompt else { throw PreferenceDataError.noSharedPrompt(place: record.place) }
        return Conversation(
          prompt: prompt.simplified, chosen: Conversation.response(chosen[...]),
          rejected: Conversation.response(rejected[...]))
      }
      guard let prompt else { return split }
      return Conversation(prompt: prompt.continued(by: split.prompt), chosen: split.chosen, rejected: split.rejected)
    default:
      throw record.mistyped("chosen", expected: "a text or a list of messages, as in \"rejected\"")
    }
  }

  private static func messages(_ record: JSONRecord, _ field: String) throws -> [Message] {
    let messages = try record.records(field).map { try Message($0) }
    guard !messages.isEmpty else { throw record.mistyped(field, expected: "at least one message") }
    return messages
  }
}

extension Prompt {
  private var messages: [Message] {
    switch self {
    case .text(let text): [Message(role: "user", content: text)]
    case .messages(let messages): messages
    }
  }

  /// The prompt followed by the messages that both responses begin with, unless these repeat the prompt.
  fileprivate func continued(by shared: Prompt) -> Prompt {
    let repeats =
      shared.messages.starts(with: messages) || shared.messages.last?.content == messages.last?.content
    return repeats ? shared : Prompt.messages(messages + shared.messages)
  }
}
