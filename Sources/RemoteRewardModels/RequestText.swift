import RewardModels
import Tokenization

/// How prompt and response become what a server reads.
public enum RequestText: Sendable {
  /// The text of a checkpoint's chat template, written here. The template writes all special tokens.
  case template(ChatTemplate)
  /// The turns as they are, one dialogue a call; the server has the template. vLLM only.
  case messages
  /// The plain text of `DialogueTemplate`, for models without chat template.
  case dialogue

  /// What the server is to read of `request`.
  ///
  /// - Parameter withPrompt: writes the text of the prompt alone too.
  /// - Throws: `TokenizationError.chatTemplate` where the template refuses the turns.
  func input(_ request: ScoringRequest, withPrompt: Bool) throws -> ModelInput {
    let prompt = request.promptMessages
    let messages = prompt + [ChatMessage(role: "assistant", content: request.response)]
    switch self {
    case .template(let template):
      return ModelInput(
        content: .text(try template.render(messages)),
        prompt: withPrompt ? try template.render(prompt, addGenerationPrompt: true) : "")
    case .messages:
      return ModelInput(content: .messages(messages), prompt: "")
    case .dialogue:
      return ModelInput(
        content: .text(DialogueTemplate.text(prompt: prompt, response: request.response)),
        prompt: withPrompt ? DialogueTemplate.prefix(prompt: prompt) : "")
    }
  }

  /// What is likely wrong: a token that begins every text and would stand there twice, which shifts all scores.
  func warnings(dialect: ServerDialect) -> [String] {
    let probe = ["user", "assistant"].map { ChatMessage(role: $0, content: "Hello") }
    guard case .template(let template) = self, let token = template.beginningOfText, !token.isEmpty,
      let text = try? template.render(probe), text.hasPrefix(token)
    else { return [] }
    var warnings: [String] = []
    if text.dropFirst(token.count).hasPrefix(token) {
      warnings.append("the chat template begins each text with \(token) twice; remove one from the template")
    }
    if dialect.alwaysAddsSpecialTokens {
      warnings.append(
        "the chat template begins each text with \(token), and a \(dialect.rawValue) server whose tokenizer adds it "
          + "would add a second; set the template's bos_token to an empty text")
    }
    return warnings
  }
}

/// One text, or dialogue, that a server is to score.
struct ModelInput: Sendable {
  enum Content: Sendable {
    case text(String)
    case messages([ChatMessage])
  }

  let content: Content
  /// The text up to the response, where the dialect asks for it.
  let prompt: String

  /// Empty for messages.
  var text: String {
    if case .text(let text) = content { text } else { "" }
  }
}
