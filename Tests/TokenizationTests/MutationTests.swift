import Foundation
import Storage
import TestSupport
import Testing
import Tokenization

/// Damaged files: each is read or refused, and what is read encodes, without a crash.
@Suite struct MutationTests {
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

  @Test func damagedFilesDoNotCrash() throws {
    let originals = try Fixture.names.map(small)
    for (name, original) in matched(Fixture.names, originals) {
      #expect(throws: Never.self, "\(name)") { try Tokenizer(json: original, name: name) }
    }
    var damage = ByteDamage(seed: 1)
    let sample = "Hello  wörld 123'S e\u{301}\n<s> ▁人 <mask>ab\u{0}👍🏽 naïve"
    var (read, refused) = (0, 0)
    for input in 0..<ByteDamage.inputs {
      let damaged = damage.damaged(originals[input % originals.count])
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
    #expect(
      read > ByteDamage.inputs / 20 && refused > ByteDamage.inputs / 4, "read \(read), refused \(refused)")
  }
}
