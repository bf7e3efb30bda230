import Foundation
import Storage
import Testing

@testable import Tokenization

@Suite struct DialogueTemplateTests {
  @Test func aPromptAndItsResponseHaveOneLineEach() {
    #expect(
      DialogueTemplate.text(prompt: "What is 2+2?", response: "4") == "<|user|>: What is 2+2?\n<|assistant|>: 4")
    #expect(DialogueTemplate.text(prompt: "", response: "") == "<|user|>: \n<|assistant|>: ")
  }

  @Test func eachMessageHasATurn() {
    let prompt = [
      ChatMessage(role: "system", content: "s"), ChatMessage(role: "user", content: "a\nb"),
      ChatMessage(role: "assistant", content: "c"), ChatMessage(role: "user", content: "d"),
    ]
    let text = "<|system|>: s\n<|user|>: a\nb\n<|assistant|>: c\n<|user|>: d\n<|assistant|>: e"
    #expect(DialogueTemplate.text(prompt: prompt, response: "e") == text)
    #expect(DialogueTemplate.prefix(prompt: prompt) + "e" == text)
  }
}

/// Against the texts of the transformers package.
@Suite struct ChatTemplateTests {
  private func messages(_ value: JSONValue) throws -> [ChatMessage] {
    try Fixture.list(value).map { value in
      let message = try JSONRecord(value, at: FilePlace(file: "dialogues"))
      return ChatMessage(role: try message.string("role"), content: try message.string("content"))
    }
  }

  @Test func textsAreThoseOfTransformers() throws {
    let fixture = try Fixture.record("chat_templates.json")
    let dialogues = try fixture.array("dialogues").map(messages)
    var compared = 0
    for record in try fixture.records("templates") {
      let name = try record.string("name")
      guard case .object(let object) = try record.value("tokens") else { throw Fixture.FixtureError.notAText }
      var tokens: [String: String] = [:]
      for member in object.members { tokens[member.key] = try Fixture.string(member.value) }
      let template = try ChatTemplate(try record.string("template"), name: name, specialTokens: tokens)
      for (dialogue, expected) in zip(dialogues, try record.array("texts").map(Fixture.list)) {
        for (expected, prompt) in zip(expected, [false, true]) {
          compared += 1
          if expected == .null {
            #expect(throws: TokenizationError.self) { try template.render(dialogue, addGenerationPrompt: prompt) }
          } else {
            let text = try template.render(dialogue, addGenerationPrompt: prompt)
            let expected = try Fixture.string(expected)
            #expect(text.utf8.elementsEqual(expected.utf8), "\(name), \(dialogue): \(text.debugDescription)")
          }
        }
      }
    }
    #expect(compared == 14 * 8 * 2)
  }

  @Test(arguments: [
    ("{% macro m() %}{% endmacro %}", "macro"), ("{{ strftime_now('%d') }}", "strftime_now"),
    ("{{ messages | tojson }}", "tojson"), ("{% if strftime_now is defined %}{% endif %}", "strftime_now"),
    ("{% for a, b in messages %}{% endfor %}", "several variables"), ("{% if x %}", "endif"),
    ("{% for m in messages %}", "endfor"), ("{{ 'a", "does not end"), ("{{ a b }}", "should end"), ("{{ }}", "early"),
    ("{% endif %}", "endif"), ("{{ 'x'.split('a') }}", "split"), ("{% set ns.a = 1 %}", "="), ("{# x", "comment"),
    ("{{ " + String(repeating: "(", count: 400) + " }}", "deeper"),
    ("{{ " + String(repeating: "-", count: 100_000) + "1 }}", "500 parts"),
    (String(repeating: "{% if a %}", count: 400), "deeper"),
    ("{% if a %}" + String(repeating: "{% elif a %}", count: 9999), "deeper"), ("{{ '\\x41' }}", "escape"),
    ("{{ {'a': 1} }}", "{"),
  ])
  func whatIsNotKnownIsAnError(source: String, part: String) {
    do {
      let template = try ChatTemplate(source, name: "model/tokenizer_config.json")
      _ = try template.render([ChatMessage(role: "user", content: "x")])
      Issue.record("no error")
    } catch {
      let text = "\(error)"
      #expect(text.hasPrefix("model/tokenizer_config.json: ") && text.contains(part))
    }
  }

  @Test func aMissingTokenIsNamed() throws {
    let template = try ChatTemplate("{{ bos_token + 'a' }}", name: "t")
    #expect(
      throws: TokenizationError.chatTemplate(
        file: "t",
        problem: "the chat template uses bos_token, which is not there; does tokenizer_config.json define it?")
    ) { try template.render([]) }
  }

  @Test func aFoldersTemplateIsFound() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("template-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func write(_ name: String, _ text: String) throws {
      try Data(text.utf8).write(to: folder.appendingPathComponent(name))
    }
    let messages = [ChatMessage(role: "user", content: "x")]
    #expect(throws: TokenizationError.self) { try ChatTemplate(folder: folder) }
    try write("tokenizer_config.json", #"{"bos_token": {"content": "<b>"}, "eos_token": null}"#)
    #expect(throws: TokenizationError.self) { try ChatTemplate(folder: folder) }
    try write("tokenizer_config.json", #"{"bos_token": {"content": "<b>"}, "chat_template": "1{{ bos_token }}"}"#)
    #expect(try ChatTemplate(folder: folder).render(messages) == "1<b>")
    let list = #"[{"name": "tool_use", "template": "{{"}, {"name": "default", "template": "2{{ bos_token }}"}]"#
    try write("tokenizer_config.json", #"{"bos_token": "<c>", "chat_template": \#(list)}"#)
    #expect(try ChatTemplate(folder: folder).render(messages) == "2<c>")
    try write("tokenizer_config.json", #"{"chat_template": [{"name": "tool_use", "template": ""}]}"#)
    #expect(throws: TokenizationError.self) { try ChatTemplate(folder: folder) }
    try write("chat_template.jinja", "3{{ messages[0].content }}\n")
    #expect(try ChatTemplate(folder: folder).render(messages) == "3x")
  }

  @Test func theBeginningStandsOnce() throws {
    let tokenizer = try Fixture.tokenizer("llama3")
    let begin = try #require(tokenizer.id(of: "<|begin_of_text|>"))
    let template = try ChatTemplate(
      "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.content }}{% endfor %}", name: "t",
      specialTokens: ["bos_token": "<|begin_of_text|>"])
    let messages = [ChatMessage(role: "user", content: "Hello")]
    let ids = try tokenizer.encode(messages, template: template).ids
    #expect(ids.first == Int32(begin) && ids.count { $0 == Int32(begin) } == 1)
    #expect(tokenizer.encode(try template.render(messages)).ids.count { $0 == Int32(begin) } == 2)
  }
}
