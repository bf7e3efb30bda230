import Foundation
import PreferenceData
import Randomness
import Testing

/// How importers find the prompt in two conversations, seen through the pairs importer.
@Suite struct ConversationTests {
  /// The prompt, chosen and rejected text of the one record in `line`.
  private func split(_ line: String) throws -> (prompt: Prompt, chosen: String, rejected: String, isGuess: Bool) {
    try withTemporaryFolder { folder in
      try write(line, "pairs.jsonl", in: folder)
      var generator = PhiloxGenerator(seed: 0, stream: "test")
      let imported = try PairsImporter.read(folder.appendingPathComponent("pairs.jsonl"), using: &generator)
      let pair = imported.dataset.pairs[0]
      let label = try #require(pair.label)
      return (pair.prompt, pair.response(label), pair.response(label.other), !imported.notes.isEmpty)
    }
  }

  private func record(_ chosen: String, _ rejected: String) throws -> String {
    let object = ["chosen": chosen, "rejected": rejected]
    return String(decoding: try JSONEncoder().encode(object), as: UTF8.self)
  }

  @Test(arguments: [
    ("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>\n"),
    (
      "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n",
      "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"
    ),
    ("<bos><start_of_turn>user\n", "<end_of_turn>\n<start_of_turn>model\n", "<end_of_turn>\n"),
    ("<|user|>\n", "</s>\n<|assistant|>\n", "</s>\n"), ("<|user|>: ", " \n <|assistant|>: ", ""),
    ("<|prompter|>", "<|endoftext|><|assistant|>", "<|endoftext|>"), ("<s>[INST] ", " [/INST] ", "</s>"),
    ("<s>GPT4 Correct User: ", "<|end_of_turn|>GPT4 Correct Assistant: ", "<|end_of_turn|>"),
    ("\n\nHuman: ", "\n\nAssistant: ", ""), ("USER: ", " ASSISTANT: ", "</s>"), ("User: ", "\nAssistant: ", ""),
  ])
  func knownTemplatesAreTakenApart(user: String, assistant: String, end: String) throws {
    let question = "What is 2 + 2?\n\nThink."
    // The responses begin alike, so the longest shared beginning would be wrong.
    let (good, bad) = ("The answer is four.", "The answer is five.")
    let single = try split(record(user + question + assistant + good + end, user + question + assistant + bad + end))
    #expect(single.prompt == .text(question))
    #expect(single.chosen == good && single.rejected == bad && !single.isGuess)
    let turns = user + "Hi" + assistant + "Hello!" + end + user + question + assistant
    let several = try split(record(turns + good + end, turns + bad + end))
    #expect(
      several.prompt
        == .messages([
          Message(role: "user", content: "Hi"), Message(role: "assistant", content: "Hello!"),
          Message(role: "user", content: question),
        ]))
    #expect(several.chosen == good && several.rejected == bad)
  }

  @Test func aSystemTextIsAMessage() throws {
    let start = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n"
    let result = try split(record(start + "a", start + "b"))
    #expect(
      result.prompt == .messages([Message(role: "system", content: "Be brief."), Message(role: "user", content: "q")]))
  }

  @Test func withoutMarksThePromptEndsWhereTextsDiffer() throws {
    let result = try split(record("The sky is blue.", "The sky is blank."))
    #expect(result.prompt == .text("The sky is"))
    #expect(result.chosen == "blue." && result.rejected == "blank." && result.isGuess)
  }

  @Test func textsWithoutSharedBeginningAreAnError() throws {
    for (chosen, rejected) in [("blue", "green"), ("", ""), ("word", "word"), (" a", " b")] {
      #expect(throws: PreferenceDataError.self) { try split(record(chosen, rejected)) }
    }
  }

  private let user = "{\"role\": \"user\", \"content\": \"q\"}"
  private let system = "{\"role\": \"system\", \"content\": \"s\"}"
  private func assistant(_ text: String) -> String { "{\"role\": \"assistant\", \"content\": \"\(text)\"}" }

  @Test func messageListsShareTheirPrompt() throws {
    let implicit = try split(
      "{\"chosen\": [\(user), \(assistant("x"))], \"rejected\": [\(user), \(assistant("y"))]}")
    #expect(implicit.prompt == .text("q") && implicit.chosen == "x" && implicit.rejected == "y" && !implicit.isGuess)
    let deeper = try split(
      "{\"chosen\": [\(system), \(user), \(assistant("x"))], \"rejected\": [\(system), \(user), \(assistant("y"))]}")
    #expect(deeper.prompt == .messages([Message(role: "system", content: "s"), Message(role: "user", content: "q")]))
    let equal = try split("{\"chosen\": [\(user), \(assistant("x"))], \"rejected\": [\(user), \(assistant("x"))]}")
    #expect(equal.prompt == .text("q") && equal.chosen == "x" && equal.rejected == "x")
  }

  @Test func aPromptFieldIsNotRepeated() throws {
    for prompt in ["\"q\"", "[\(user)]"] {
      let explicit = try split(
        "{\"prompt\": \(prompt), \"chosen\": [\(assistant("x"))], \"rejected\": [\(assistant("y"))]}")
      #expect(explicit.prompt == .text("q") && explicit.chosen == "x" && explicit.rejected == "y")
      let repeated = try split(
        "{\"prompt\": \(prompt), \"chosen\": [\(user), \(assistant("x"))], \"rejected\": [\(user), \(assistant("y"))]}")
      #expect(repeated.prompt == .text("q") && repeated.chosen == "x" && repeated.rejected == "y")
    }
    let continued = try split(
      """
      {"prompt": [\(system)], "chosen": [\(user), \(assistant("x"))], "rejected": [\(user), \(assistant("y"))]}
      """)
    #expect(
      continued.prompt == .messages([Message(role: "system", content: "s"), Message(role: "user", content: "q")]))
    let texts = try split("{\"prompt\": \"q\", \"chosen\": \"x\", \"rejected\": \"y\"}")
    #expect(texts.prompt == .text("q") && texts.chosen == "x" && texts.rejected == "y")
  }

  @Test func severalMessagesOfAResponseStayInOrder() throws {
    let result = try split(
      """
      {"prompt": "q", "chosen": [\(assistant("x")), \(user), \(assistant("z"))], "rejected": [\(assistant("y"))]}
      """)
    #expect(result.chosen == "assistant: x\nuser: q\nassistant: z" && result.rejected == "y")
  }
}
