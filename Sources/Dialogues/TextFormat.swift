import Foundation
import Tokenization

/// How a dialogue becomes text.
public enum TextFormat: Sendable {
  /// The published router's `<|user|>: prompt\n<|assistant|>: response`; the tokenizer adds its special tokens.
  case router
  /// A checkpoint's own chat template, which writes all special tokens itself: the tokenizer adds none.
  case chat(ChatTemplate)

  /// The formats by name, for options and files.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    case router, chat
  }

  /// The format of a name; the chat template is that of a checkpoint's folder.
  ///
  /// - Throws: `DialogueError` where the folder has no chat template that can be run; `StorageError`.
  public init(_ kind: Kind, folder: URL) throws {
    switch kind {
    case .router: self = .router
    case .chat: self = .chat(try ChatTemplate(folder: folder))
    }
  }

  /// Where a format comes from, for settings that name a chat template apart from the model that reads it.
  public enum Source: Hashable, Sendable {
    case router
    case chat(folder: URL)
  }

  /// - Throws: as `init(_:folder:)`.
  public init(_ source: Source) throws {
    switch source {
    case .router: self = .router
    case .chat(let folder): self = .chat(try ChatTemplate(folder: folder))
    }
  }

  public var kind: Kind {
    switch self {
    case .router: .router
    case .chat: .chat
    }
  }

  /// Whether the tokenizer is to add its special tokens to the text.
  public var addsSpecialTokens: Bool { kind == .router }

  /// The text of prompt and response.
  ///
  /// - Throws: `DialogueError.refusedMessages` where the chat template refuses the messages.
  public func text(of dialogue: Dialogue) throws -> String {
    switch self {
    case .router: RouterTemplate.text(of: dialogue)
    case .chat(let template): try template.render(dialogue.messages)
    }
  }

  /// The text up to the response, which all responses to a prompt have in common.
  ///
  /// - Throws: `DialogueError.refusedMessages` where the chat template refuses the messages.
  public func text(before dialogue: Dialogue) throws -> String {
    switch self {
    case .router: RouterTemplate.prefix(of: dialogue)
    case .chat(let template): try template.render(dialogue.promptMessages, addGenerationPrompt: true)
    }
  }
}

/// Which end of a text that is too long is cut off.
public enum TextCut: String, Sendable, Codable, CaseIterable {
  /// The end, as the published router does: long prompts then leave little of the response.
  case end
  /// The start: the response stays. Cut off is also a special token that begins the text, where a chat template wrote it.
  case start

  /// The truncation that leaves at most `count` tokens.
  func truncation(to count: Int) -> Truncation { self == .end ? .keepingFirst(count) : .keepingLast(count) }
}
