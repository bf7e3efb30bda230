import Dialogues
import PreferenceData
import RewardModels

/// One text, or dialogue, that a server is to score.
struct ModelInput: Sendable {
  enum Content: Sendable {
    case text(String)
    /// The turns as they are: the server writes the text by its own template.
    case messages([Message])
  }

  let content: Content
  /// The text up to the response, where the dialect asks for it.
  let prompt: String

  /// What the server is to read of `request`.
  ///
  /// - Parameters:
  ///   - format: writes the text here; nil sends the turns.
  ///   - withPrompt: writes the text of the prompt alone too.
  /// - Throws: `DialogueError.refusedMessages` where the template refuses the turns.
  init(_ request: ScoringRequest, format: TextFormat?, withPrompt: Bool) throws {
    guard let format else {
      (content, prompt) = (.messages(request.dialogue.messages), "")
      return
    }
    content = .text(try format.text(of: request.dialogue))
    prompt = withPrompt ? try format.text(before: request.dialogue) : ""
  }

  /// The text; empty for messages.
  var text: String {
    if case .text(let text) = content { text } else { "" }
  }
}

extension TextFormat {
  /// What is likely wrong: a token that begins every text and would stand there twice, which shifts all scores.
  func warnings(dialect: ServerDialect) -> [String] {
    let probe = ["user", "assistant"].map { Message(role: $0, content: "Hello") }
    guard case .chat(let template) = self, let token = template.beginningOfText, !token.isEmpty,
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
