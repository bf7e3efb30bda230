import Foundation
import PreferenceData
import Storage

/// The chat template of a checkpoint: how its model was taught to see a dialogue.
///
/// A template is a program in Jinja. What the templates of the ChatML, Llama 3, Mistral and Zephyr families consist of
/// is run here, with the result that the `transformers` package has: loops over messages, conditions, assignments,
/// comparisons, joined texts, indices, and a few filters and tests. Any other construct, tools, dates, and macros among
/// them, is an error that names it when the template is read; no template is guessed at.
public struct ChatTemplate: Sendable {
  private let program: [TemplateNode]
  private let name: String
  /// The special tokens by their names in a template, e.g. `bos_token`.
  public let specialTokens: [String: String]

  /// The token that begins every text, if the checkpoint has one.
  public var beginningOfText: String? { specialTokens["bos_token"] }

  /// - Parameters:
  ///   - source: the template's text.
  ///   - name: where it comes from, for error texts.
  ///   - specialTokens: `bos_token`, `eos_token` and the like, as far as the checkpoint has them.
  /// - Throws: `DialogueError.unreadableTemplate`.
  public init(_ source: String, name: String, specialTokens: [String: String] = [:]) throws {
    self.name = name
    self.specialTokens = specialTokens
    do throws(TemplateError) {
      program = try TemplateParser.parse(source)
    } catch {
      throw DialogueError.unreadableTemplate(file: name, error)
    }
  }

  /// The template of a checkpoint's folder: `chat_template.jinja`, or "chat_template" of `tokenizer_config.json`, a
  /// text or a list of named templates of which "default" is taken. The special tokens come from
  /// `tokenizer_config.json`.
  ///
  /// - Throws: `StorageError`, and `DialogueError` also where the folder has no template.
  public init(folder: URL) throws {
    let file = folder.appendingPathComponent("chat_template.jinja")
    let settings = folder.appendingPathComponent("tokenizer_config.json")
    let exists = { (url: URL) in FileManager.default.fileExists(atPath: url.path) }
    let record = exists(settings) ? try JSONRecord(contentsOf: settings) : nil
    var specialTokens: [String: String] = [:]
    for key in ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"] {
      switch record?.optional(key) {
      case .string(let token): specialTokens[key] = token
      case .object(let token):
        if case .string(let content) = token["content"] { specialTokens[key] = content }
      default: break
      }
    }
    if exists(file) {
      let source = String(decoding: try AtomicFile.read(file), as: UTF8.self)
      try self.init(source, name: file.path, specialTokens: specialTokens)
    } else {
      guard let record, let value = record.optional("chat_template") else {
        throw DialogueError.noChatTemplate(folder: folder.path)
      }
      try self.init(try Self.source(value, record), name: settings.path, specialTokens: specialTokens)
    }
  }

  private static func source(_ value: JSONValue, _ record: JSONRecord) throws -> String {
    if case .string(let source) = value { return source }
    for template in try record.records("chat_template") where try template.string("name") == "default" {
      return try template.string("template")
    }
    throw DialogueError.noDefaultTemplate(file: record.place.file)
  }

  /// The text of a dialogue.
  ///
  /// - Parameter addGenerationPrompt: ends the text with what begins the assistant's next turn.
  /// - Throws: `DialogueError.refusedMessages` where the template refuses the messages, e.g. two turns of one role in
  ///   a row.
  public func render(_ messages: [Message], addGenerationPrompt: Bool = false) throws -> String {
    var variables = specialTokens.mapValues(TemplateValue.string)
    variables["messages"] = .list(
      messages.map { .object(["role": .string($0.role), "content": .string($0.content)]) })
    variables["add_generation_prompt"] = .boolean(addGenerationPrompt)
    variables["tools"] = TemplateValue.none
    variables["documents"] = TemplateValue.none
    var renderer = TemplateRenderer(variables)
    do throws(TemplateError) {
      try renderer.run(program)
    } catch {
      throw DialogueError.refusedMessages(file: name, error)
    }
    return renderer.output
  }
}

/// Why a template cannot be read or run.
public struct TemplateError: Error, Equatable {
  /// What is wrong, with the place in the template where that is known.
  public let reason: String

  init(_ reason: String) { self.reason = reason }
}
