import LinearAlgebra

/// What can keep a dialogue from becoming text, tokens or a state.
public enum DialogueError: Error, Equatable, CustomStringConvertible {
  /// A checkpoint's folder without a chat template.
  case noChatTemplate(folder: String)
  /// A list of named templates, of which none is the default.
  case noDefaultTemplate(file: String)
  /// A chat template with a construct that is not run here.
  case unreadableTemplate(file: String, TemplateError)
  /// A chat template that refuses the messages, e.g. two turns of one role in a row, or a system message.
  case refusedMessages(file: String, TemplateError)
  /// A dialogue of which the tokenizer makes nothing; counted from 0 among those that were given.
  case noTokens(dialogue: Int)
  /// A LoRA adapter whose checkpoint is not there.
  case adapterWithoutCheckpoint(folder: String, checkpoint: String)
  /// A LoRA adapter that was asked for in another precision than float32.
  case adapterPrecision(folder: String, precision: Precision)

  public var description: String {
    switch self {
    case .noChatTemplate(let folder):
      "\(folder): there is no chat_template.jinja, and no \"chat_template\" in a tokenizer_config.json"
    case .noDefaultTemplate(let file):
      "\(file): none of the templates in \"chat_template\" has the name \"default\""
    case .unreadableTemplate(let file, let error):
      "\(file): the chat template cannot be rendered: \(error.reason). Rendered are templates of the ChatML, Llama 3, "
        + "Mistral and Zephyr families"
    case .refusedMessages(let file, let error):
      "\(file): \(error.reason)"
    case .noTokens(let dialogue):
      "dialogue \(dialogue) has no tokens; the tokenizer makes nothing of its text"
    case .adapterWithoutCheckpoint(let folder, let checkpoint):
      "\(folder): the adapter's base_model_name_or_path, '\(checkpoint)', is no folder; put the path of its "
        + "checkpoint into adapter_config.json"
    case .adapterPrecision(let folder, let precision):
      "\(folder): an adapter is merged in float32, not in \(precision.rawValue)"
    }
  }
}
