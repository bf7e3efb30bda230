/// The text by which the router's encoder sees a prompt and a response:
///
///     <|user|>: prompt
///     <|assistant|>: response
///
/// with one line feed between the turns and none at the end. A prompt of several messages has one such turn for each.
///
/// Source: the published code of the Bayesian reward-model router.
public enum RouterTemplate {
  /// The text of a prompt and its response.
  public static func text(of dialogue: Dialogue) -> String { prefix(of: dialogue) + dialogue.response }

  /// The text up to the response, which all responses to a prompt have in common.
  public static func prefix(of dialogue: Dialogue) -> String {
    (dialogue.promptMessages.map { "<|\($0.role)|>: \($0.content)" } + ["<|assistant|>: "]).joined(separator: "\n")
  }
}
