import Foundation
import Storage
import Testing

@testable import Tokenization

/// Damaged files: each is read or refused, and what is read encodes, without a crash.
@Suite struct MutationTests {
  /// How many damaged files; `BAYESIANROUTER_FUZZ_INPUTS` asks for more, e.g. 100,000 under `--sanitize=address`.
  private let inputs = ProcessInfo.processInfo.environment["BAYESIANROUTER_FUZZ_INPUTS"].flatMap(Int.init) ?? 20_000

  /// SplitMix64.
  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
      return mixed ^ mixed >> 31
    }
  }

  /// The fixture's components with few tokens, so that damage meets the structure and not a long vocabulary.
  private func small(_ name: String) throws -> [UInt8] {
    let document = try Fixture.record("\(name).tokenizer.json")
    let model = try JSONRecord(try document.value("model"), at: document.place)
    guard case .object(let vocabulary) = try model.value("vocab") else { throw Fixture.FixtureError.notAList }
    var kept: [String] = Array(vocabulary.members.map(\.key).prefix(30))
    var merges: [JSONValue] = []
    if model.optional("merges") != nil {
      for merge in try model.array("merges").prefix(5) {
        var parts: [String]
        if case .string(let text) = merge {
          parts = text.split(separator: " ").map(String.init)
        } else {
          parts = try Fixture.list(merge).map(Fixture.string)
        }
        let prefixLength = name == "odd" ? 2 : 0
        parts.append(parts[0] + String(parts[1].dropFirst(prefixLength)))
        kept += parts
        merges.append(merge)
      }
    }
    var tokens = JSONObject()
    for token in kept where !tokens.members.contains(where: { $0.key.utf8.elementsEqual(token.utf8) }) {
      tokens.append(token, .integer(tokens.members.count))
    }
    var next = tokens.members.count
    let added = try document.array("added_tokens").map { value in
      var token = JSONObject()
      guard case .object(let object) = value else { throw Fixture.FixtureError.notAList }
      var id = tokens[try Fixture.string(object["content"] ?? .null)]
      if id == nil {
        id = .integer(next)
        next += 1
      }
      for member in object.members { token.append(member.key, member.key == "id" ? id ?? .null : member.value) }
      return JSONValue.object(token)
    }
    func with(_ changes: [String: JSONValue], _ object: JSONObject) -> JSONObject {
      var output = JSONObject()
      for member in object.members { output.append(member.key, changes[member.key] ?? member.value) }
      return output
    }
    let newModel = with(["vocab": .object(tokens), "merges": .array(merges)], model.object)
    return JSONValue.object(with(["model": .object(newModel), "added_tokens": .array(added)], document.object)).utf8()
  }

  /// Pieces that a damaged file gets in some place.
  private static let pieces = [
    "null", "true", "0", "-1", "1e9", "4294967296", "9223372036854775807", "\"\"", "[]", "{}", "\"a\"", "\"\\u0000\"",
    "[[]]", "\",\"",
    "Sequence", "ByteLevel", "Metaspace", "Split", "Regex", "String", "(a|b)*", "\\\\p{L}+", "(", "[", "}", "],",
    "\"type\":", "type",
    "NFKC", "Strip", "Replace", "Removed", "true", "false", "▁", "\u{301}", "é", "<0x00>", "##", "##\"", "\"##", " ",
  ]

  private func damage(_ bytes: [UInt8], _ generator: inout Generator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<(Bool.random(using: &generator) ? 1 : Int.random(in: 2...4, using: &generator)) where !bytes.isEmpty {
      let place = Int.random(in: 0..<bytes.count, using: &generator)
      let end = min(bytes.count, place + Int.random(in: 1...12, using: &generator))
      switch Int.random(in: 0..<16, using: &generator) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
      case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 2: bytes.removeSubrange(place..<end)
      case 3: bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
      case 4: bytes.removeSubrange(place...)
      case 5, 6:
        let piece = Self.pieces.randomElement(using: &generator) ?? ""
        bytes.replaceSubrange(place..<(Bool.random(using: &generator) ? place : end), with: piece.utf8)
      case 7...10:
        // A letter for a letter leaves the syntax alone.
        if let letter = bytes[place...].firstIndex(where: { 0x61...0x7a ~= $0 }) {
          bytes[letter] = UInt8.random(in: 0x61...0x7a, using: &generator)
        }
      default:
        // A whole value is replaced by another one.
        guard let colon = bytes[place...].firstIndex(of: UInt8(ascii: ":")) else { break }
        let stop = bytes[colon...].firstIndex { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "}") } ?? bytes.count
        let piece = Self.pieces.randomElement(using: &generator) ?? ""
        bytes.replaceSubrange(colon + 1..<stop, with: piece.utf8)
      }
    }
    return bytes
  }

  @Test func damagedFilesDoNotCrash() throws {
    let originals = try Fixture.names.map(small)
    for (name, original) in zip(Fixture.names, originals) {
      #expect(throws: Never.self, "\(name)") { try Tokenizer(json: original, name: name) }
    }
    var generator = Generator(state: 1)
    let sample = "Hello  wörld 123'S e\u{301}\n<s> ▁人 <mask>ab\u{0}👍🏽 naïve"
    var (read, refused) = (0, 0)
    for input in 0..<inputs {
      let damaged = damage(originals[input % originals.count], &generator)
      do {
        let tokenizer = try Tokenizer(json: damaged, name: "t")
        read += 1
        let ids = tokenizer.encode(sample, pair: "ab").ids.map(Int.init)
        // A post-processor may add ids that no token has.
        _ = try? tokenizer.decode(ids, skipSpecialTokens: input % 2 == 0)
      } catch is StorageError {
        refused += 1
      } catch is TokenizationError {
        refused += 1
      }
    }
    #expect(read > inputs / 20 && refused > inputs / 4, "read \(read), refused \(refused)")
  }

  @Test func damagedTemplatesDoNotCrash() throws {
    let templates = try Fixture.record("chat_templates.json").records("templates").map {
      Array(try $0.string("template").utf8)
    }
    let messages = [ChatMessage(role: "user", content: " a "), ChatMessage(role: "assistant", content: "b")]
    var generator = Generator(state: 2)
    var (read, refused) = (0, 0)
    for input in 0..<inputs {
      let damaged = damage(templates[input % templates.count], &generator)
      do {
        let template = try ChatTemplate(
          String(decoding: damaged, as: UTF8.self), name: "t", specialTokens: ["bos_token": "<s>", "eos_token": "</s>"])
        _ = try template.render(messages, addGenerationPrompt: input % 2 == 0)
        read += 1
      } catch is TokenizationError {
        refused += 1
      }
    }
    #expect(read > inputs / 20 && refused > inputs / 20, "read \(read), refused \(refused)")
  }
}
