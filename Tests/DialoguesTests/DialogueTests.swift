import Dialogues
import LinearAlgebra
import PreferenceData
import Testing
import Transformers

/// What makes two dialogues one.
@Suite struct DialogueTests {
  static let composed = "caf\u{e9}"
  static let decomposed = "cafe\u{301}"

  /// Dialogues that differ in a Unicode normal form alone: of the prompt, of a turn of the prompt, or of the response.
  static let spellings: [(Dialogue, Dialogue)] = [
    (
      Dialogue(prompt: .text("Where is a \(composed)?"), response: "There."),
      Dialogue(prompt: .text("Where is a \(decomposed)?"), response: "There.")
    ),
    (
      Dialogue(prompt: .messages([Message(role: "user", content: composed)]), response: "There."),
      Dialogue(prompt: .messages([Message(role: "user", content: decomposed)]), response: "There.")
    ),
    (
      Dialogue(prompt: .text("What is it?"), response: "A \(composed)."),
      Dialogue(prompt: .text("What is it?"), response: "A \(decomposed).")
    ),
  ]

  @Test(arguments: spellings) func normalFormsAreDifferentDialogues(one: Dialogue, other: Dialogue) {
    #expect(one.prompt == other.prompt && one.response == other.response, "String takes one for the other")
    #expect(one != other && Set([one, other, one]).count == 2)
    #expect(one.fingerprint != other.fingerprint)
  }

  @Test(arguments: spellings) func normalFormsAreTwoTextsOfAPlan(one: Dialogue, other: Dialogue) throws {
    let encoder = try Fixture.encoder(tokenizer: "gpt2")
    let plan = DialoguePlan([one, other, one], reader: encoder.reader, model: encoder.model)
    #expect(try plan.textOfDialogue.map { try $0.get() } == [0, 1, 0])
    #expect(plan.ids.count == 2 && plan.report.distinctDialogues == 2 && plan.report.unreadable == 0)
    #expect(plan.ids[0] != plan.ids[1])
    #expect(plan.batches.flatMap(\.texts) == [0, 1])
  }

  /// A tokenizer that composes its texts makes one text of both, and still two dialogues.
  @Test(arguments: spellings) func aTokenizerMayMakeOneTextOfNormalForms(one: Dialogue, other: Dialogue) throws {
    let encoder = try Fixture.encoder(tokenizer: "qwen2")
    let plan = DialoguePlan([one, other], reader: encoder.reader, model: encoder.model)
    #expect(try plan.textOfDialogue.map { try $0.get() } == [0, 0])
    #expect(plan.report.dialogues == 2 && plan.report.distinctDialogues == 1)
  }

  @Test(arguments: spellings) func normalFormsHaveTwoStates(one: Dialogue, other: Dialogue) throws {
    let encoder = try Fixture.encoder(tokenizer: "gpt2")
    var cache = StateCache(encoder: encoder.fingerprint, size: encoder.size)
    let (states, report) = try encoder.encode([one, other, one], cache: &cache)
    #expect(report.distinctDialogues == 2 && cache.count == 2)
    #expect(Array(states.row(0)) != Array(states.row(1)))
    #expect(Array(states.row(0)) == Array(states.row(2)))
    // Alone each has the state that it has beside the other.
    for (row, dialogue) in [one, other].enumerated() {
      var empty = StateCache(encoder: encoder.fingerprint, size: encoder.size)
      #expect(try encoder.encode([dialogue], cache: &empty).states.elements == Array(states.row(row)))
    }
  }

  @Test func aTextIsNoConversationOfOneTurn() {
    let prompts: [Prompt] = [
      .text("hi"), .messages([Message(role: "user", content: "hi")]),
      .messages([Message(role: "system", content: "hi")]),
      .messages([Message(role: "us", content: "erhi")]), .messages([]), .text(""), .text("hi "),
    ]
    let dialogues = prompts.map { Dialogue(prompt: $0, response: "there") }
    #expect(Set(dialogues).count == prompts.count)
    #expect(Set(dialogues.map(\.fingerprint)).count == prompts.count)
    #expect(dialogues[0].messages == dialogues[1].messages)
  }

  @Test func bothResponsesOfAPairStandSideBySide() {
    let pairs = (0..<3).map {
      PreferencePair(id: "\($0)", prompt: .text("q\($0)"), responseA: "a\($0)", responseB: "b\($0)", label: nil)
    }
    let dialogues = Dialogue.both(of: pairs)
    #expect(dialogues.map(\.response) == ["a0", "b0", "a1", "b1", "a2", "b2"])
    #expect(dialogues.map(\.prompt) == [0, 0, 1, 1, 2, 2].map { .text("q\($0)") })
  }
}
