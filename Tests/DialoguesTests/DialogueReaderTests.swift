import Dialogues
import PreferenceData
import Testing
import Tokenization

/// Where the response begins among the tokens of a dialogue.
@Suite struct DialogueReaderTests {
  /// Byte-level tokenizers whose tokens decode to the bytes of the text; only llama3 adds a token, before a text.
  static let byteLevel = ["gpt2", "llama3", "o200k"]
  /// Around each text they add [CLS] and [SEP].
  static let bert = ["bert-uncased", "bert-cased"]
  static let all = byteLevel + bert + ["clip", "smollm2-like", "qwen2", "llama2", "mistral", "odd"]

  static let dialogues = [
    Dialogue(prompt: .text("What is 2+2?"), response: "they learn it"),
    Dialogue(prompt: .text("caf\u{e9}"), response: "cafe\u{301} na\u{ef}ve"),
    Dialogue(prompt: .text("Hi"), response: ""), Dialogue(prompt: .text(""), response: ""),
    Dialogue(
      prompt: .messages(
        [("system", "Be brief."), ("user", "a\n\nb"), ("assistant", "c"), ("user", "d ")].map {
          Message(role: $0.0, content: $0.1)
        }), response: " x 人 👍🏽\n"),
    Dialogue(prompt: .text("x"), response: "[SEP] ok"), Dialogue(prompt: .text("x"), response: "</s>"),
  ]

  private func reader(
    _ tokenizer: Tokenizer, _ format: TextFormat = .router, maxTokens: Int = 1000, cut: TextCut = .end
  ) -> DialogueReader {
    DialogueReader(tokenizer: tokenizer, format: format, maxTokens: maxTokens, cut: cut)
  }

  @Test(arguments: all) func tokensAreThoseOfTheEncoding(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    for format in [TextFormat.router, .chat(try Fixture.chatML())] {
      for cut in TextCut.allCases {
        for maxTokens in [3, 8, 20, 1000] {
          let reader = reader(tokenizer, format, maxTokens: maxTokens, cut: cut)
          for dialogue in Self.dialogues {
            let tokens = try reader.tokens(of: dialogue)
            let encoding = try reader.encoding(of: dialogue)
            #expect(tokens.ids == encoding.ids && tokens.truncatedCount == encoding.truncatedCount)
            #expect(tokens.ids.count <= maxTokens)
            #expect(Array(tokens.prompt) + Array(tokens.response) == tokens.ids)
          }
        }
      }
    }
  }

  /// The response's tokens hold all bytes of the response, and the prompt's tokens no other bytes than the prompt's.
  @Test(arguments: byteLevel) func tokensOfTheResponseDecodeToIt(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    for dialogue in Self.dialogues {
      let tokens = try reader(tokenizer).tokens(of: dialogue)
      let response = try tokenizer.decode(tokens.response.map(Int.init), skipSpecialTokens: false)
      let prompt = try tokenizer.decode(tokens.prompt.map(Int.init))
      #expect(response.utf8.reversed().starts(with: dialogue.response.utf8.reversed()), "\(response.debugDescription)")
      #expect(RouterTemplate.prefix(of: dialogue).utf8.starts(with: prompt.utf8), "\(prompt.debugDescription)")
      #expect((prompt + response).utf8.elementsEqual(RouterTemplate.text(of: dialogue).utf8))
    }
  }

  /// " they" is one token: its space is the prompt's last byte, its letters are the response's.
  @Test func aTokenOfBothBelongsToTheResponse() throws {
    let tokenizer = try Fixture.tokenizer("gpt2")
    let tokens = try reader(tokenizer).tokens(of: Self.dialogues[0])
    let prefix = tokenizer.encode(RouterTemplate.prefix(of: Self.dialogues[0])).ids
    #expect(Array(tokens.prompt) == Array(prefix.dropLast()))
    #expect(try tokenizer.decode([Int(try #require(tokens.response.first))]).hasPrefix(" t"))
  }

  @Test(arguments: all) func anEmptyResponseHasNoTokensOfItsOwn(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    let added = tokenizer.addedTokenCounts
    for dialogue in Self.dialogues where dialogue.response.isEmpty {
      let tokens = try reader(tokenizer).tokens(of: dialogue)
      #expect(tokens.ids == tokenizer.encode(RouterTemplate.prefix(of: dialogue), truncation: .none).ids)
      #expect(Array(tokens.response) == Array(tokens.ids.suffix(added.behind)))
    }
  }

  /// What the tokenizer adds stands around both: [CLS] is the prompt's and [SEP] the response's, whatever that says.
  @Test(arguments: bert) func addedTokensStandAroundPromptAndResponse(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    let added = tokenizer.addedTokenCounts
    #expect(added.before == 1 && added.behind == 1)
    let first = try #require(tokenizer.id(of: "[CLS]"))
    let last = try #require(tokenizer.id(of: "[SEP]"))
    for dialogue in Self.dialogues {
      let tokens = try reader(tokenizer).tokens(of: dialogue)
      let prompt = tokenizer.encode(RouterTemplate.prefix(of: dialogue), addSpecialTokens: false).ids
      let response = tokenizer.encode(dialogue.response, addSpecialTokens: false).ids
      #expect(Array(tokens.prompt) == [Int32(first)] + prompt)
      #expect(Array(tokens.response) == response + [Int32(last)])
    }
  }

  /// What is left of the prompt are the tokens that were its own in the whole text.
  @Test(arguments: all) func cutTextsKeepTheirBoundary(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    for format in [TextFormat.router, .chat(try Fixture.chatML())] {
      let added = format.addsSpecialTokens ? tokenizer.addedTokenCounts : (before: 0, behind: 0)
      for dialogue in Self.dialogues {
        let whole = try reader(tokenizer, format).tokens(of: dialogue)
        #expect(whole.truncatedCount == 0)
        let textCount = whole.ids.count - added.before - added.behind
        let promptCount = whole.responseStart - added.before
        for maxTokens in added.before + added.behind..<whole.ids.count {
          let kept = maxTokens - added.before - added.behind
          let end = try reader(tokenizer, format, maxTokens: maxTokens, cut: .end).tokens(of: dialogue)
          #expect(end.responseStart == added.before + min(promptCount, kept))
          let start = try reader(tokenizer, format, maxTokens: maxTokens, cut: .start).tokens(of: dialogue)
          #expect(start.responseStart == added.before + max(0, promptCount - (textCount - kept)))
          // The start is cut from the prompt first.
          if kept >= textCount - promptCount { #expect(Array(start.response) == Array(whole.response)) }
          #expect(start.truncatedCount == textCount - kept && end.truncatedCount == textCount - kept)
        }
      }
    }
  }

  @Test func theResponseOfATemplateHasWhatEndsItsTurn() throws {
    let tokenizer = try Fixture.tokenizer("llama3")
    let template = try Fixture.chatML()
    let end = Int32(try #require(tokenizer.id(of: "<|im_end|>")))
    for dialogue in Self.dialogues {
      let tokens = try reader(tokenizer, .chat(template)).tokens(of: dialogue)
      let prompt = try template.render(dialogue.promptMessages, addGenerationPrompt: true)
      #expect(Array(tokens.prompt) == tokenizer.encode(prompt, addSpecialTokens: false).ids)
      #expect(tokens.response.count { $0 == end } == 1)
      let text = try tokenizer.decode(tokens.response.map(Int.init), skipSpecialTokens: false)
      #expect(text.utf8.elementsEqual((dialogue.response + "<|im_end|>\n").utf8), "\(text.debugDescription)")
    }
    // As OpenRLHF reads it, the end of the turn is the last token.
    let reader = DialogueReader(
      tokenizer: tokenizer, format: .chat(template), maxTokens: 1000, cut: .start, endsWithEOS: true)
    for dialogue in Self.dialogues {
      let tokens = try reader.tokens(of: dialogue)
      #expect(try tokens.ids == reader.encoding(of: dialogue).ids && tokens.response.last == end)
    }
  }

  @Test func messagesThatATemplateRefusesAreAnError() throws {
    let template = try ChatTemplate(
      "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}{% endfor %}",
      name: "t")
    let reader = reader(try Fixture.tokenizer("gpt2"), .chat(template))
    #expect(throws: DialogueError.self) { try reader.tokens(of: Self.dialogues[4]) }
    #expect(throws: DialogueError.self) { try reader.encoding(of: Self.dialogues[4]) }
  }
}
