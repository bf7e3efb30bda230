import Foundation
import Storage
import Testing
import Tokenization

@Suite struct TokenizerTests {
  /// A small file: bytes a, b and space, and the merge of a and b.
  private func json(_ changes: [(String, String)] = []) -> [UInt8] {
    var text = """
      {"version": "1.0", "truncation": null, "padding": null,
       "added_tokens": [{"id": 4, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
         "normalized": false, "special": true}],
       "normalizer": null, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
       "post_processor": {"type": "BertProcessing", "sep": ["<s>", 4], "cls": ["<s>", 4]},
       "decoder": {"type": "ByteLevel", "add_prefix_space": true},
       "model": {"type": "BPE", "unk_token": null, "vocab": {"a": 0, "b": 1, "ab": 2, "Ġ": 3}, "merges": ["a b"]}}
      """
    for (old, new) in changes {
      #expect(text.contains(old), "\(old) is not in the file")
      text = text.replacingOccurrences(of: old, with: new)
    }
    return Array(text.utf8)
  }

  @Test func encodesAndDecodes() throws {
    let tokenizer = try Tokenizer(json: json(), name: "tokenizer.json")
    #expect(tokenizer.vocabularySize == 5)
    #expect(tokenizer.encode("ab ba<s>c").ids == [4, 2, 3, 1, 0, 4, 4])
    #expect(tokenizer.encode("ab", pair: "b").typeIDs == [0, 0, 0, 1, 1])
    #expect(tokenizer.id(of: "<s>") == 4 && tokenizer.id(of: "ab") == 2 && tokenizer.id(of: "c") == nil)
    #expect(tokenizer.token(of: 4) == "<s>" && tokenizer.token(of: 3) == "Ġ" && tokenizer.token(of: 5) == nil)
    #expect(tokenizer.token(of: -1) == nil && tokenizer.token(of: .max) == nil)
    #expect(try tokenizer.decode([4, 2, 3, 1, 4]) == "ab b")
    #expect(try tokenizer.decode([4, 2, 3, 1, 4], skipSpecialTokens: false) == "<s>ab b<s>")
    #expect(throws: TokenizationError.unknownID(id: 5, vocabularySize: 5)) { try tokenizer.decode([0, 5]) }
  }

  @Test func illFormedBytesAreReadAsReplacements() throws {
    let tokenizer = try Fixture.tokenizer("gpt2")
    for bytes: [UInt8] in [[0xff], [0x61, 0xc3], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x91, 0x20, 0x80]] {
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(tokenizer.encode(utf8: bytes) == tokenizer.encode(text))
    }
  }

  @Test func truncationCountsWhatItLeavesOut() throws {
    let tokenizer = try Tokenizer(
      json: json([
        (#""truncation": null"#, #""truncation": {"max_length": 4, "strategy": "LongestFirst", "stride": 1}"#)
      ]),
      name: "t")
    #expect(tokenizer.truncation == .keepingFirst(4))
    #expect(tokenizer.encode("a b a") == Encoding(ids: [4, 0, 3, 4], typeIDs: [0, 0, 0, 0], truncatedCount: 3))
    #expect(tokenizer.encode("a b a", addSpecialTokens: false).ids == [0, 3, 1, 3])
    #expect(tokenizer.encode("a b a", truncation: .none).ids.count == 7)
    #expect(tokenizer.encode("a b a", truncation: .keepingLast(3)).ids == [4, 0, 4])
    #expect(tokenizer.encode("a b a", truncation: .keepingLast(2)).truncatedCount == 5)
    #expect(tokenizer.encode("ab b", pair: "a b", truncation: .keepingFirst(5)).truncatedCount == 4)
  }

  @Test(arguments: [
    (
      #""ByteLevel", "add_prefix"#,
      #""Sequence", "pretokenizers": [{"type": "Whitespace"}, {"type": "X"}], "add_prefix"#,
      #"t.json: pre_tokenizer.pretokenizers[1].type "X" is not supported; supported are BertPreTokenizer, ByteLevel"#
    ),
    (
      #""normalizer": null"#, #""normalizer": {"type": "Nmt"}"#,
      #"normalizer.type "Nmt" is not supported; supported are Bert"#
    ),
    (#""BertProcessing""#, #""Other""#, #"post_processor.type "Other" is not supported; supported are BertProcessing"#),
    (#""decoder": {"type": "ByteLevel""#, #""decoder": {"type": "CTC""#, #"decoder.type "CTC" is not supported"#),
    (
      #""type": "BPE""#, #""type": "Unigram""#,
      #"model.type "Unigram" is not supported; supported are BPE and WordPiece"#
    ),
    (#""unk_token": null"#, #""dropout": 0.1"#, "model.dropout the number 0.1 is not supported"),
    (#""unk_token": null"#, #""unk_token": "?""#, #"model.unk_token: "?" is not in model.vocab"#),
    (#""b": 1"#, #""b": 0"#, #"model.vocab: the id 0 is given to "a" and to "b""#),
    (#""b": 1"#, #""b": -1"#, #"model.vocab["b"]: expected an id"#),
    (#""b": 1"#, #""b": "1""#, #"model.vocab["b"]: expected an id"#),
    (#""b": 1"#, #""a": 1"#, #"the key "a" is given twice"#),
    (#"["a b"]"#, #"["a c"]"#, #"model.merges[0]: the token "c" is not in model.vocab"#),
    (#"["a b"]"#, #"["b a"]"#, #"model.merges[0]: the token "ba" is not in model.vocab"#),
    (#"["a b"]"#, #"["ab"]"#, "model.merges[0]: a merge is two tokens"),
    (#"["a b"]"#, #"["a b a"]"#, "model.merges[0]: a merge is two tokens"),
    (#"["a b"]"#, #"[["a"]]"#, "model.merges[0]: a merge is a list of two tokens"),
    (#"["a b"]"#, "[7]", "model.merges[0]: expected a merge, found the number 7"),
    (#", "merges": ["a b"]"#, "", "model.merges is missing"),
    (#""vocab""#, #""vocabulary""#, "model.vocab is missing"),
    (#""model""#, #""modell""#, "model is missing"),
    (#""id": 4"#, #""id": 5"#, #"added_tokens[0].id: "<s>" has the id 5, but its turn would be the id 4"#),
    (#""content": "<s>""#, #""content": "ab""#, #""ab" has the id 4, but model.vocab has it with the id 2"#),
    (#""lstrip": false"#, #""lstrip": 0"#, "added_tokens[0].lstrip: expected true or false, found the number 0"),
    (#""version": "1.0""#, #""version": "2.0""#, #"version "2.0" is not supported"#),
    (
      #""truncation": null"#, #""truncation": {"max_length": 1, "strategy": "LongestFirst", "stride": 0}"#,
      "truncation.max_length: it is 1, but the post-processor alone adds 2 tokens"
    ),
    (#""truncation": null"#, #""truncation": {"max_length": 9, "strategy": "OnlyFirst", "stride": 0}"#, "LongestFirst"),
    (#""cls": ["<s>", 4]"#, #""cls": ["<s>"]"#, "post_processor.cls: expected a list of a token and its id"),
    (
      #"{"type": "ByteLevel", "add_prefix_space": false}"#,
      #"{"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": false}"#,
      "pre_tokenizer.pattern.Regex: not an expression"
    ),
    (
      #"{"type": "ByteLevel", "add_prefix_space": false}"#,
      #"{"type": "Split", "pattern": {"Glob": "("}, "behavior": "Isolated", "invert": false}"#,
      "pre_tokenizer.pattern (without these keys) is not supported; supported are String and Regex"
    ),
    (
      #"{"type": "ByteLevel", "add_prefix_space": false}"#,
      #"{"type": "Split", "pattern": {"String": " "}, "behavior": "Dropped", "invert": false}"#,
      #"pre_tokenizer.behavior "Dropped" is not supported; supported are Removed, Isolated"#
    ),
  ])
  func errorsNameThePlace(old: String, new: String, text: String) {
    do {
      _ = try Tokenizer(json: json([(old, new)]), name: "t.json")
      Issue.record("no error")
    } catch {
      #expect("\(error)".hasPrefix("t.json") && "\(error)".contains(text), "\(error)")
    }
  }

  @Test func whatIsNoTokenizerIsAnError() {
    for text in ["", "{}", "[]", "null", "{\"model\": {}}", "{\"model\": 3}", "tokenizer"] {
      #expect(throws: (any Error).self) { try Tokenizer(json: Array(text.utf8), name: "t") }
    }
    #expect(throws: StorageError.self) { try Tokenizer(contentsOf: URL(fileURLWithPath: "/nowhere/tokenizer.json")) }
  }

  /// Canonically equivalent tokens are different tokens.
  @Test func tokensAreComparedByTheirBytes() throws {
    let tokenizer = try Fixture.tokenizer("llama2")
    let (composed, decomposed) = ("é", "e\u{301}")
    #expect(composed == decomposed)
    #expect(tokenizer.id(of: composed) != tokenizer.id(of: decomposed))
  }

  @Test func manyThreadsGetTheSameIDs() async throws {
    let tokenizer = try Fixture.tokenizer("gpt2")
    let texts = Array(try Fixture.texts().prefix(300))
    let expected = texts.map { tokenizer.withoutRememberedWords().encode($0).ids }
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 { group.addTask { texts.map { tokenizer.encode($0).ids } == expected } }
      for await isSame in group { #expect(isSame) }
    }
  }

  /// Words of a million bytes, a million words, and a million marks after one letter.
  @Test(.timeLimit(.minutes(2)), arguments: Fixture.names) func noInputCostsItsSquare(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    let count = 200_000
    for unit in [
      "a", "ab", " ", "\n", "a ", "人", "1", "'", "<", "e\u{301}", "\u{301}\u{323}", "x<s>", "<|endoftext|", "-", "▁",
    ] {
      let text = String(repeating: unit, count: count / unit.utf8.count)
      let encoding = tokenizer.encode(text, truncation: .none)
      #expect(encoding.ids.count <= 4 * text.utf8.count + 2)
    }
  }
}
