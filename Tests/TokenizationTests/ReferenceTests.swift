import Foundation
import PreferenceData
import Storage
import TestSupport
import Testing
import Tokenization

/// Against the ids and texts of the tokenizers package.
@Suite struct ReferenceTests {
  /// Fails with the first few differences.
  private func expectNone(_ differences: [String]) {
    #expect(differences.isEmpty, "\(differences.count) differences: \(differences.prefix(5).joined(separator: "\n"))")
  }

  @Test(arguments: Fixture.names) func idsAreThoseOfThePackage(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    let texts = try Fixture.texts()
    #expect(texts.count >= 1000)
    let expected = try Fixture.record("\(name).expected.json")
    #expect(try expected.value("size") == .integer(tokenizer.vocabularySize))
    var differences: [String] = []
    for (text, ids) in matched(texts, try expected.array("ids").map(Fixture.ids)) {
      let found = tokenizer.encode(text, addSpecialTokens: false).ids
      if found != ids { differences.append("\(text.debugDescription): \(found), not \(ids)") }
      if tokenizer.encode(utf8: Array(text.utf8), addSpecialTokens: false).ids != ids { differences.append(text) }
    }
    for (index, ids) in try expected.array("special").map(Fixture.ids).enumerated() {
      let found = tokenizer.encode(texts[7 * index]).ids
      if found != ids { differences.append("\(texts[7 * index].debugDescription) special: \(found), not \(ids)") }
    }
    expectNone(differences)
  }

  @Test(arguments: Fixture.names) func decodedTextsAreThoseOfThePackage(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    let expected = try Fixture.record("\(name).expected.json")
    var differences: [String] = []
    func compare(_ ids: [Int32], _ text: String, skip: Bool) throws {
      let found = try tokenizer.decode(ids.map(Int.init), skipSpecialTokens: skip)
      if !found.utf8.elementsEqual(text.utf8) {
        differences.append("\(ids) \(skip): \(found.debugDescription), not \(text.debugDescription)")
      }
    }
    let ids = try expected.array("ids").map(Fixture.ids)
    for (index, (text, decoded)) in matched(try Fixture.texts(), try expected.array("decoded")).enumerated() {
      try compare(ids[index], decoded == .null ? text : Fixture.string(decoded), skip: false)
    }
    for row in try expected.array("mixed").map(Fixture.list) {
      try compare(Fixture.ids(row[0]), Fixture.string(row[1]), skip: true)
      try compare(Fixture.ids(row[0]), Fixture.string(row[2]), skip: false)
    }
    expectNone(differences)
  }

  @Test(arguments: Fixture.names) func pairsAndTruncationAreThoseOfThePackage(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    let expected = try Fixture.record("\(name).expected.json")
    var differences: [String] = []
    for row in try expected.array("pairs").map(Fixture.list) {
      var truncation = Truncation.none
      if case .integer(let limit) = row[2] {
        truncation = row[3] == .boolean(true) ? .keepingLast(limit) : .keepingFirst(limit)
      }
      let (first, addSpecialTokens) = (try Fixture.string(row[0]), row[4] == .boolean(true))
      let found =
        row[1] == .null
        ? tokenizer.encode(first, addSpecialTokens: addSpecialTokens, truncation: truncation)
        : tokenizer.encode(
          first, pair: try Fixture.string(row[1]), addSpecialTokens: addSpecialTokens, truncation: truncation)
      let (ids, typeIDs) = (try Fixture.ids(row[5]), try Fixture.ids(row[6]))
      if found.ids != ids || found.typeIDs != typeIDs {
        differences.append("\(row): \(found)")
      }
    }
    expectNone(differences)
  }

  @Test(.enabled(if: SharedData.isPresent, "no ../shared/data here"))
  func smolLM2sIDsAreThoseOfThePackage() throws {
    let tokenizer = try RealTokenizer.smolLM2()
    let expected = try Fixture.record("smollm2.json")
    var differences: [String] = []
    for (text, digest) in matched(try Fixture.texts(), try expected.array("texts").map(Fixture.string))
    where Fixture.digest(tokenizer.encode(text).ids) != digest { differences.append(text.debugDescription) }
    var rows: [String: [JSONValue]] = [:]
    for row in try expected.array("judgebench").map(Fixture.list) { rows[try Fixture.string(row[0])] = row }
    let pairs = try DatasetFolder.readPairs(SharedData.judgeBench)
    #expect(pairs.count == 350 && rows.count == 350)
    for pair in pairs {
      let row = try #require(rows[pair.id])
      let ids = [pair.prompt.text, pair.responseA, pair.responseB].map { tokenizer.encode($0).ids }
      if ids.map({ .string(Fixture.digest($0)) }) != Array(row[1...3]) { differences.append(pair.id) }
      #expect(row[4] == .integer(ids.reduce(0) { $0 + $1.count }))
    }
    expectNone(differences)
  }
}

/// The real tokenizer beside the package.
enum RealTokenizer {
  static func smolLM2() throws -> Tokenizer {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("tokenizer-\(UUID().uuidString).json")
    try Data().write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gunzip", "-c", SharedData.smollm2.path]
    process.standardOutput = try FileHandle(forWritingTo: file)
    try process.run()
    process.waitUntilExit()
    return try Tokenizer(contentsOf: file)
  }
}
