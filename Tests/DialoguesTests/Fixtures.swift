import Dialogues
import Foundation
import PreferenceData
import Storage
import TestSupport
import Testing
import Tokenization
import Transformers

/// What Scripts/fixtures/chat_templates.py wrote.
struct ChatTemplateFixture: Decodable {
  struct Template: Decodable {
    let name: String
    let template: String
    let tokens: [String: String]
    /// For each dialogue its text without and with a generation prompt; null where the template refuses the messages.
    let texts: [[String?]]
  }

  let dialogues: [[Message]]
  let templates: [Template]

  static func load() throws -> ChatTemplateFixture {
    let folder = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
    let bytes = try AtomicFile.read(folder.appendingPathComponent("chat_templates.json"))
    return try JSONDecoder().decode(ChatTemplateFixture.self, from: Data(bytes))
  }
}

/// Fixtures of other targets.
enum Fixture {
  /// A small tokenizer of `TokenizationTests`.
  static func tokenizer(_ name: String) throws -> Tokenizer {
    try Tokenizer(contentsOf: TestFolders.url("TokenizationTests/Fixtures/\(name).tokenizer.json"))
  }

  /// A small checkpoint of random weights, with a tokenizer of single characters that has no others than a...z and
  /// some signs.
  static let checkpoint = TestFolders.url("TransformersTests/Fixtures/llama-gqa")

  /// An encoder of random weights behind a small tokenizer.
  static func encoder(tokenizer name: String) throws -> DialogueEncoder {
    let tokenizer = try tokenizer(name)
    var configuration = try TransformerConfiguration(contentsOf: checkpoint.appendingPathComponent("config.json"))
    configuration.vocabSize = tokenizer.vocabularySize
    return DialogueEncoder(
      model: try TransformerModel.random(configuration, seed: 1), tokenizer: tokenizer,
      fingerprint: Fingerprint(Array(name.utf8)))
  }

  /// A template of the ChatML family.
  static func chatML() throws -> ChatTemplate {
    try ChatTemplate(
      """
      {% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' }}{% endfor %}\
      {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
      """, name: "chatml", specialTokens: ["eos_token": "<|im_end|>"])
  }
}
