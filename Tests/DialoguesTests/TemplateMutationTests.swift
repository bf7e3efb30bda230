import Dialogues
import PreferenceData
import TestSupport
import Testing

/// Damaged templates: each is rendered or refused, without a crash.
@Suite struct TemplateMutationTests {
  @Test func damagedTemplatesDoNotCrash() throws {
    let templates = try ChatTemplateFixture.load().templates.map { Array($0.template.utf8) }
    let messages = [Message(role: "user", content: " a "), Message(role: "assistant", content: "b")]
    var damage = ByteDamage(seed: 2)
    var (read, refused) = (0, 0)
    for input in 0..<ByteDamage.inputs {
      let damaged = damage.damaged(templates[input % templates.count])
      do {
        let template = try ChatTemplate(
          String(decoding: damaged, as: UTF8.self), name: "t", specialTokens: ["bos_token": "<s>", "eos_token": "</s>"])
        _ = try template.render(messages, addGenerationPrompt: input % 2 == 0)
        read += 1
      } catch is DialogueError {
        refused += 1
      }
    }
    #expect(
      read > ByteDamage.inputs / 20 && refused > ByteDamage.inputs / 20, "read \(read), refused \(refused)")
  }
}
