import Foundation
import Storage
import Tokenization

/// A tokenizer made of the very texts that are to be tokenized, for models of random weights, which have none: WordPiece with
/// their most frequent words, and characters for the rest. It gives about as many tokens as a trained vocabulary does.
public enum WordTokenizer {
  public static let largestVocabulary = 32_768

  public static func make(_ texts: some Sequence<String>) throws -> Tokenizer {
    var counts: [String: Int] = [:]
    var characters: Set<String> = []
    for text in texts {
      for character in text where !character.isWhitespace { characters.insert(String(character)) }
      for word in text.split(whereSeparator: { !($0.isLetter || $0.isNumber) }) {
        counts[String(word), default: 0] += 1
      }
    }
    let pieces = ["[UNK]"] + characters.sorted() + characters.sorted().map { "##" + $0 }
    let words = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key).filter { $0.count > 1 }
    let tokens = pieces + words.prefix(max(0, largestVocabulary - pieces.count))
    var vocabulary: JSONObject = [:]
    for (id, token) in tokens.enumerated() { vocabulary.append(token, .integer(id)) }
    let file = JSONValue.object([
      "version": .string("1.0"), "added_tokens": .array([]), "normalizer": .null,
      "pre_tokenizer": .object(["type": .string("BertPreTokenizer")]), "post_processor": .null, "decoder": .null,
      "model": .object([
        "type": .string("WordPiece"), "unk_token": .string("[UNK]"), "continuing_subword_prefix": .string("##"),
        "max_input_chars_per_word": .integer(100), "vocab": .object(vocabulary),
      ]),
    ])
    return try Tokenizer(json: file.utf8(), name: "the tokenizer of the texts themselves")
  }
}
