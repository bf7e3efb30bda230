import PreferenceData
import Tokenization

/// How a reward model is shown a dialogue.
public enum DialogueText: Sendable {
  /// By the checkpoint's own chat template, which writes all special tokens itself: the tokenizer adds none.
  case chat(ChatTemplate)
  /// By `DialogueTemplate`; the tokenizer adds its special tokens.
  case dialogue

  /// The two by name, for settings.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    case chat, dialogue
  }
}

/// Which end of a text that is too long is cut off.
public enum DialogueCut: String, Sendable, Codable, CaseIterable {
  /// The start: the response stays. Cut off is also a special token that begins the text, where a chat template wrote it.
  case start
  /// The end: long prompts leave little of the response.
  case end
}

/// Makes tokens of dialogues.
struct DialogueReader: Sendable {
  let tokenizer: Tokenizer
  let text: DialogueText
  let maxTokens: Int
  let cut: DialogueCut
  /// Whether texts end as OpenRLHF trains its reward models: without line feeds behind the end-of-text token, which is
  /// added where the chat template writes none.
  let endsWithEOS: Bool

  /// The tokens of prompt and response, cut to `maxTokens`.
  ///
  /// - Throws: `TokenizationError` where the chat template refuses the messages.
  func encoding(of request: ScoringRequest) throws -> Encoding {
    let truncation: Truncation = cut == .end ? .keepingFirst(maxTokens) : .keepingLast(maxTokens)
    return switch text {
    case .chat(let template):
      tokenizer.encode(try rendered(request, template), addSpecialTokens: false, truncation: truncation)
    case .dialogue:
      tokenizer.encode(
        DialogueTemplate.text(prompt: request.promptMessages, response: request.response), truncation: truncation)
    }
  }

  private func rendered(_ request: ScoringRequest, _ template: ChatTemplate) throws -> String {
    var text = try template.render(
      request.promptMessages + [ChatMessage(role: "assistant", content: request.response)])
    guard endsWithEOS, let end = template.specialTokens["eos_token"] else { return text }
    while text.unicodeScalars.last == "\n" { text.unicodeScalars.removeLast() }
    // As OpenRLHF does it, with a space between.
    return text.utf8.reversed().starts(with: end.utf8.reversed()) ? text : text + " " + end
  }

  /// The token that begins every text, if there is one: `bos_token` of the chat template, else the first that the
  /// tokenizer adds.
  var firstToken: Int32? {
    if case .chat(let template) = text, let token = template.beginningOfText {
      return tokenizer.id(of: token).map(Int32.init)
    }
    return tokenizer.encode("", truncation: .none).ids.first
  }

  /// A special token that prompt or response spell out themselves, as data that went through a template before do; nil
  /// where none does.
  func specialToken(in request: ScoringRequest) -> String? {
    for content in request.promptMessages.map(\.content) + [request.response] {
      let ids = tokenizer.encode(content, addSpecialTokens: false, truncation: .none).ids
      if let special = ids.first(where: tokenizer.isSpecial) { return tokenizer.token(of: Int(special)) }
    }
    return nil
  }
}

extension ScoringRequest {
  /// The turns before the response.
  package var promptMessages: [ChatMessage] {
    switch prompt {
    case .text(let text): [ChatMessage(role: "user", content: text)]
    case .messages(let messages): messages.map { ChatMessage(role: $0.role, content: $0.content) }
    }
  }
}
