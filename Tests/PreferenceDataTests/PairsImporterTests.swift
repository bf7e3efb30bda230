import Foundation
import PreferenceData
import Randomness
import Storage
import Testing

@Suite struct PairsImporterTests {
  private func read(_ text: String, seed: UInt64 = 0) throws -> PreferenceDataset {
    try withTemporaryFolder { folder in
      try write(text, "pairs.jsonl", in: folder)
      var generator = PhiloxGenerator(seed: seed, stream: "test")
      return try PairsImporter.read(folder.appendingPathComponent("pairs.jsonl"), using: &generator).dataset
    }
  }

  private func message(_ text: String) throws -> String {
    let error = try #require(throws: (any Error).self) { try read(text) }
    return String("\(error)".drop { $0 != "p" }.split(separator: "/").last ?? "")
  }

  private let lines = [
    "{\"id\": 7, \"domain\": \"d\", \"source\": \"s\", \"prompt\": \"q1\", \"chosen\": \"x1\", \"rejected\": \"y1\"}",
    "{\"prompt\": \"q2\", \"chosen\": \"x2\", \"rejected\": \"y2\", \"score\": 1}",
  ]

  @Test func readsLinesAndLists() throws {
    let dataset = try read(lines.joined(separator: "\n"))
    #expect(dataset.pairs.map(\.id) == ["7", "pair-2"])
    #expect(dataset.pairs.map(\.domain) == ["d", nil] && dataset.pairs.map(\.source) == ["s", nil])
    #expect(dataset.rewardModels.isEmpty && dataset.scores.isEmpty)
    #expect(try read("[" + lines.joined(separator: ",") + "]") == dataset)
    #expect(try read("\u{feff}\r\n [" + lines.joined(separator: ",\r\n") + "]\n") == dataset)
    #expect(try read("\u{feff}" + lines.joined(separator: "\r\n") + "\r\n") == dataset)
  }

  @Test func theSeedPutsTheBetterResponseOnEitherSide() throws {
    let text = (0..<1000).map { "{\"prompt\": \"q\($0)\", \"chosen\": \"good\", \"rejected\": \"bad\"}" }
      .joined(separator: "\n")
    let first = try read(text, seed: 1)
    #expect(try read(text, seed: 1) == first)
    #expect(try read(text, seed: 2) != first)
    for pair in first.pairs {
      #expect(pair.label.map { pair.response($0) } == "good")
      #expect(pair.label.map { pair.response($0.other) } == "bad")
    }
    // Binomial(1000, 1/2): five standard deviations are 79.
    #expect(abs(first.pairs.count { $0.label == .a } - 500) < 79)
  }

  @Test(arguments: [
    ("", "pairs.jsonl holds no pairs"), ("[]", "pairs.jsonl holds no pairs"),
    ("[1]", "pairs.jsonl, item[0]: expected a JSON object"),
    ("[{}]", "pairs.jsonl, item[0]: field \"chosen\" is missing"),
    ("{\"chosen\": \"x\"}", "pairs.jsonl line 1: field \"rejected\" is missing"),
    (
      "{\"chosen\": 1, \"rejected\": \"y\"}",
      "pairs.jsonl line 1, field \"chosen\": expected a text or a list of messages"
    ),
    ("{\"chosen\": [], \"rejected\": []}", "pairs.jsonl line 1, field \"chosen\": expected at least one message"),
    (
      "{\"chosen\": [{\"role\": \"user\"}], \"rejected\": []}",
      "pairs.jsonl line 1, chosen[0]: field \"content\" is missing"
    ),
    (
      "{\"prompt\": [], \"chosen\": \"x\", \"rejected\": \"y\"}",
      "pairs.jsonl line 1, field \"prompt\": the list has no messages"
    ),
    (
      "{\"id\": [], \"prompt\": \"q\", \"chosen\": \"x\", \"rejected\": \"y\"}",
      "pairs.jsonl line 1, field \"id\": expected a text or an integer"
    ),
    (
      "{\"chosen\": \"x\", \"rejected\": \"y\"}",
      "pairs.jsonl line 1: the chosen and the rejected text share no beginning"
    ),
    ("{\"chosen\": \"x\",", "pairs.jsonl line 1, column 16"),
  ])
  func badRecordsAreNamed(text: String, expected: String) throws {
    #expect(try message(text).hasPrefix(expected))
  }

  @Test func aRepeatedIdIsNamedWithBothLines() throws {
    let text = try message(lines[0] + "\n" + lines[0])
    #expect(text.hasPrefix("pairs.jsonl line 1; ids must be unique"))
  }
}
