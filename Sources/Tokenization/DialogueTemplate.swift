/// One turn of a dialogue.
public struct ChatMessage: Sendable, Hashable {
  /// "system", "user", "assistant", or whatever else a template knows.
  public var role: String
  public var content: String

  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }
}

/// The text by which the router's encoder sees a prompt and a response:
///
///     <|user|>: prompt
///     <|assistant|>: response
///
/// with one line feed between the turns and none at the end. A prompt of several messages has one such turn for each.
///
/// Source: the published code of the Bayesian reward-model router.
public enum DialogueTemplate {
  /// The text of a prompt and its response.
  public static func text(prompt: String, response: String) -> String {
    text(prompt: [ChatMessage(role: "user", content: prompt)], response: response)
  }

  /// The text of a prompt of several messages and its response.
  public static func text(prompt: [ChatMessage], response: String) -> String {
    prefix(prompt: prompt) + response
  }

  /// What all responses to a prompt begin with: the text up to the response itself.
  public static func prefix(prompt: [ChatMessage]) -> String {
    (prompt.map { "<|\($0.role)|>: \($0.content)" } + ["<|assistant|>: "]).joined(separator: "\n")
  }
}
