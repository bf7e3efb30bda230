import PreferenceData
import Storage

/// A prompt and one response to it.
///
/// Two dialogues are equal where the UTF-8 bytes of their texts are: `String` itself calls canonically equivalent spellings equal,
/// which no tokenizer does. A text prompt and a conversation of one user message are different dialogues. Comparing and hashing are
/// linear in the text; the strings share the storage of the pair that they come from.
public struct Dialogue: Hashable, Sendable {
  public let prompt: Prompt
  public let response: String

  public init(prompt: Prompt, response: String) {
    self.prompt = prompt
    self.response = response
  }

  /// The dialogue of one response of a pair.
  public init(_ pair: PreferencePair, side: ResponseSide) {
    self.init(prompt: pair.prompt, response: pair.response(side))
  }

  /// The dialogues of the pairs: of each pair first A's, then B's.
  public static func both(of pairs: [PreferencePair]) -> [Dialogue] {
    pairs.flatMap { pair in ResponseSide.allCases.map { Dialogue(pair, side: $0) } }
  }

  /// The turns before the response; a text prompt is one user message.
  public var promptMessages: [Message] { prompt.asMessages }

  /// All turns, the response as the assistant's.
  public var messages: [Message] { promptMessages + [Message(role: "assistant", content: response)] }

  /// The 128-bit hash of the dialogue's bytes, by which caches know it without holding its text.
  public var fingerprint: Fingerprint {
    parts.reduce(Fingerprint([UInt8]())) { $0.combined(with: Fingerprint(Array($1.utf8))) }
  }

  /// A text prompt is one part, a conversation the role and content of each turn; the response comes last. So a text and a
  /// conversation differ in the parity of their parts.
  private var parts: [String] { prompt.parts + [response] }

  public static func == (left: Dialogue, right: Dialogue) -> Bool { left.parts.haveEqualBytes(as: right.parts) }

  public func hash(into hasher: inout Hasher) {
    for part in parts { part.hashBytes(into: &hasher) }
  }
}

/// A prompt by its bytes, as a dialogue is: what texts are grouped by.
struct PromptBytes: Hashable {
  private let parts: [String]

  init(_ prompt: Prompt) { parts = prompt.parts }

  static func == (left: PromptBytes, right: PromptBytes) -> Bool { left.parts.haveEqualBytes(as: right.parts) }

  func hash(into hasher: inout Hasher) {
    for part in parts { part.hashBytes(into: &hasher) }
  }
}

extension Prompt {
  /// The turns that the prompt consists of; a text is one user message.
  public var asMessages: [Message] {
    switch self {
    case .text(let text): [Message(role: "user", content: text)]
    case .messages(let messages): messages
    }
  }

  fileprivate var parts: [String] {
    switch self {
    case .text(let text): [text]
    case .messages(let messages): messages.flatMap { [$0.role, $0.content] }
    }
  }
}

extension [String] {
  fileprivate func haveEqualBytes(as other: [String]) -> Bool {
    count == other.count
      && zip(self, other).allSatisfy { $0.utf8.count == $1.utf8.count && $0.utf8.elementsEqual($1.utf8) }
  }
}

extension String {
  fileprivate func hashBytes(into hasher: inout Hasher) {
    // Eight bytes at a time: `Hasher` takes as long for a byte as for a word.
    var word: UInt64 = 0
    var filled = 0
    for byte in utf8 {
      word = word << 8 | UInt64(byte)
      filled += 1
      if filled == 8 {
        hasher.combine(word)
        (word, filled) = (0, 0)
      }
    }
    hasher.combine(word)
    hasher.combine(utf8.count)
  }
}
