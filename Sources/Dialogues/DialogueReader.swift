import PreferenceData
import Tokenization

/// Makes tokens of dialogues: this is where a prompt becomes what a model reads.
///
/// Encoders, reward models and policies all read through it, so that one dialogue has the same tokens wherever it is read with the
/// same settings.
public struct DialogueReader: Sendable {
  public let tokenizer: Tokenizer
  public let format: TextFormat
  /// Tokens of a dialogue, special tokens included; the rest of a longer one is cut.
  public let maxTokens: Int
  public let cut: TextCut
  /// Whether texts end as OpenRLHF trains its reward models: without line feeds behind the end-of-text token, which is added where
  /// the chat template writes none.
  public let endsWithEOS: Bool

  public init(
    tokenizer: Tokenizer, format: TextFormat, maxTokens: Int, cut: TextCut, endsWithEOS: Bool = false
  ) {
    self.tokenizer = tokenizer
    self.format = format
    self.maxTokens = maxTokens
    self.cut = cut
    self.endsWithEOS = endsWithEOS
  }

  /// The tokens of prompt and response, cut to `maxTokens`. Linear in the text.
  ///
  /// - Throws: `DialogueError.refusedMessages` where the chat template refuses the messages.
  public func encoding(of dialogue: Dialogue) throws -> Encoding {
    encoding(of: try text(of: dialogue), cut.truncation(to: maxTokens))
  }

  /// A dialogue's tokens with the place where its response begins.
  public struct Tokens: Sendable, Equatable {
    public let ids: [Int32]
    /// The index of the first token that is not of the prompt alone; `ids.count` where there is none.
    public let responseStart: Int
    /// Tokens that were cut off.
    public let truncatedCount: Int

    public var prompt: ArraySlice<Int32> { ids[..<responseStart] }
    public var response: ArraySlice<Int32> { ids[responseStart...] }
  }

  /// The tokens of a dialogue, and which of them are the response's.
  ///
  /// The prompt's tokens are those at the beginning that the text up to the response has on its own too. A token that
  /// holds bytes of both therefore belongs to the response, and so do the tokens that template or tokenizer put behind
  /// it. Twice the work of `encoding(of:)`, and three times where the start of a text is cut off.
  ///
  /// - Throws: `DialogueError.refusedMessages` where the chat template refuses the messages.
  public func tokens(of dialogue: Dialogue) throws -> Tokens {
    let text = try text(of: dialogue)
    let kept = encoding(of: text, cut.truncation(to: maxTokens))
    // What is left of a text that lost its end begins as the text does.
    let whole = cut == .start && kept.truncatedCount > 0 ? encoding(of: text, .none) : kept
    let prefix = tokenizer.encode(try format.text(before: dialogue), addSpecialTokens: false, truncation: .none)
    // Special tokens that the tokenizer puts around every text are never cut, and are not looked for in the prompt.
    let added = format.addsSpecialTokens ? tokenizer.addedTokenCounts : (before: 0, behind: 0)
    let common = zip(whole.ids.dropFirst(added.before).dropLast(added.behind), prefix.ids).prefix { $0 == $1 }.count
    let start = cut == .start ? max(0, common - kept.truncatedCount) : common
    return Tokens(ids: kept.ids, responseStart: added.before + start, truncatedCount: kept.truncatedCount)
  }

  private func encoding(of text: String, _ truncation: Truncation) -> Encoding {
    tokenizer.encode(text, addSpecialTokens: format.addsSpecialTokens, truncation: truncation)
  }

  private func text(of dialogue: Dialogue) throws -> String {
    var text = try format.text(of: dialogue)
    guard endsWithEOS, case .chat(let template) = format, let end = template.specialTokens["eos_token"] else {
      return text
    }
    while text.unicodeScalars.last == "\n" { text.unicodeScalars.removeLast() }
    // OpenRLHF puts a space between, and its models were trained so.
    return text.utf8.reversed().starts(with: end.utf8.reversed()) ? text : text + " " + end
  }

  /// The token that begins every text, if there is one: `bos_token` of the chat template, else the first that the tokenizer adds.
  public var firstToken: Int32? {
    if case .chat(let template) = format, let token = template.beginningOfText {
      return tokenizer.id(of: token).map(Int32.init)
    }
    return tokenizer.encode("", truncation: .none).ids.first
  }

  /// A special token that prompt or response spell out themselves, as data that went through a template before do; nil where none
  /// does.
  public func specialToken(in dialogue: Dialogue) -> String? {
    for message in dialogue.messages {
      let ids = tokenizer.encode(message.content, addSpecialTokens: false, truncation: .none).ids
      if let special = ids.first(where: tokenizer.isSpecial) { return tokenizer.token(of: Int(special)) }
    }
    return nil
  }
}
