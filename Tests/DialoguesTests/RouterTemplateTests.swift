import Dialogues
import PreferenceData
import Testing

@Suite struct RouterTemplateTests {
  @Test func aPromptAndItsResponseHaveOneLineEach() {
    #expect(
      RouterTemplate.text(of: Dialogue(prompt: .text("What is 2+2?"), response: "4"))
        == "<|user|>: What is 2+2?\n<|assistant|>: 4")
    #expect(RouterTemplate.text(of: Dialogue(prompt: .text(""), response: "")) == "<|user|>: \n<|assistant|>: ")
  }

  @Test func eachMessageHasATurn() {
    let prompt = [
      Message(role: "system", content: "s"), Message(role: "user", content: "a\nb"),
      Message(role: "assistant", content: "c"), Message(role: "user", content: "d"),
    ]
    let dialogue = Dialogue(prompt: .messages(prompt), response: "e")
    let text = "<|system|>: s\n<|user|>: a\nb\n<|assistant|>: c\n<|user|>: d\n<|assistant|>: e"
    #expect(RouterTemplate.text(of: dialogue) == text)
    #expect(RouterTemplate.prefix(of: dialogue) + "e" == text)
  }
}
