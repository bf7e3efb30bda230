import Dialogues
import Foundation
import PreferenceData
import TestSupport
import Testing

/// Against the texts of the transformers package.
@Suite struct ChatTemplateTests {
  @Test func textsAreThoseOfTransformers() throws {
    let fixture = try ChatTemplateFixture.load()
    var compared = 0
    for record in fixture.templates {
      let template = try ChatTemplate(record.template, name: record.name, specialTokens: record.tokens)
      #expect(record.texts.count == fixture.dialogues.count)
      for (dialogue, expected) in matched(fixture.dialogues, record.texts) {
        for (expected, prompt) in matched(expected, [false, true]) {
          compared += 1
          if let expected {
            let text = try template.render(dialogue, addGenerationPrompt: prompt)
            #expect(text.utf8.elementsEqual(expected.utf8), "\(record.name), \(dialogue): \(text.debugDescription)")
          } else {
            let error = #expect(throws: DialogueError.self) {
              try template.render(dialogue, addGenerationPrompt: prompt)
            }
            guard case .refusedMessages(file: record.name, _)? = error else {
              Issue.record("\(String(describing: error))")
              continue
            }
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
      _ = try template.render([Message(role: "user", content: "x")])
      Issue.record("no error")
    } catch {
      let text = "\(error)"
      #expect(error is DialogueError)
      #expect(text.hasPrefix("model/tokenizer_config.json: ") && text.contains(part))
    }
  }

  @Test func aMissingTokenIsNamed() throws {
    let template = try ChatTemplate("{{ bos_token + 'a' }}", name: "t")
    let error = #expect(throws: DialogueError.self) { try template.render([]) }
    guard case .refusedMessages(file: "t", let reason)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(
      reason.reason
        == "the chat template uses bos_token, which is not there; does tokenizer_config.json define it?")
  }

  @Test func aFoldersTemplateIsFound() throws {
    try TestFolders.withTemporary { folder in
      func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: folder.appendingPathComponent(name))
      }
      let settings = folder.appendingPathComponent("tokenizer_config.json")
      let messages = [Message(role: "user", content: "x")]
      #expect(throws: DialogueError.noChatTemplate(folder: folder.path)) { try ChatTemplate(folder: folder) }
      try write("tokenizer_config.json", #"{"bos_token": {"content": "<b>"}, "eos_token": null}"#)
      #expect(throws: DialogueError.noChatTemplate(folder: folder.path)) { try ChatTemplate(folder: folder) }
      try write("tokenizer_config.json", #"{"bos_token": {"content": "<b>"}, "chat_template": "1{{ bos_token }}"}"#)
      #expect(try ChatTemplate(folder: folder).render(messages) == "1<b>")
      let list = #"[{"name": "tool_use", "template": "{{"}, {"name": "default", "template": "2{{ bos_token }}"}]"#
      try write("tokenizer_config.json", #"{"bos_token": "<c>", "chat_template": \#(list)}"#)
      #expect(try ChatTemplate(folder: folder).render(messages) == "2<c>")
      try write("tokenizer_config.json", #"{"chat_template": [{"name": "tool_use", "template": ""}]}"#)
      #expect(throws: DialogueError.noDefaultTemplate(file: settings.path)) { try ChatTemplate(folder: folder) }
      try write("chat_template.jinja", "3{{ messages[0].content }}\n")
      #expect(try ChatTemplate(folder: folder).render(messages) == "3x")
    }
  }

  @Test func theBeginningStandsOnce() throws {
    let tokenizer = try Fixture.tokenizer("llama3")
    let begin = try #require(tokenizer.id(of: "<|begin_of_text|>"))
    let template = try ChatTemplate(
      "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.content }}{% endfor %}", name: "t",
      specialTokens: ["bos_token": "<|begin_of_text|>"])
    let dialogue = Dialogue(prompt: .text("Hello"), response: "there")
    let reader = DialogueReader(tokenizer: tokenizer, format: .chat(template), maxTokens: 100, cut: .end)
    let ids = try reader.encoding(of: dialogue).ids
    #expect(ids.first == Int32(begin) && ids.count { $0 == Int32(begin) } == 1)
    #expect(tokenizer.encode(try template.render(dialogue.messages)).ids.count { $0 == Int32(begin) } == 2)
  }
}
