import Foundation
import PreferenceData
import Randomness
import Storage
import Testing

@Suite struct RewardBenchImporterTests {
  /// One model's score file over three pairs, as columns of JSON text.
  private struct File {
    var columns: [String: String]

    /// - Parameter template: user mark, assistant mark and end of a chat template; nil for message lists.
    init(_ model: String, template: (String, String, String)? = nil, nested: Bool = false, base: Int = 0) {
      let texts = [("What is 1+1?", "It is 2", "It is 3"), ("Hi", "Hello there", "Go away"), ("Say x", "x", "y")]
      func conversation(_ question: String, _ answer: String) -> String {
        if let (user, assistant, end) = template { return quoted(user + question + assistant + answer + end) }
        return """
          [{"role": "user", "content": "\(question)"}, {"role": "assistant", "content": "\(answer)"}]
          """
      }
      func quoted(_ text: String) -> String { "\"" + text.replacingOccurrences(of: "\n", with: "\\n") + "\"" }
      func score(_ value: Int) -> String { nested ? "[\(value)]" : "\(value)" }
      columns = [
        "model": "\"\(model)\"", "model_type": "\"Seq. Classifier\"", "id": "[30, 31, 35]",
        "subset": "[\"math-prm\", \"alpacaeval-easy\", \"custom\"]", "results": "[1, 0, 1]",
        "text_chosen": "[" + texts.map { conversation($0.0, $0.1) }.joined(separator: ", ") + "]",
        "text_rejected": "[" + texts.map { conversation($0.0, $0.2) }.joined(separator: ", ") + "]",
        "scores_chosen": "[" + [1, 2, 3].map { score(base + $0) }.joined(separator: ", ") + "]",
        "scores_rejected": "[" + [9, 8, 7].map { score(base + $0) }.joined(separator: ", ") + "]",
      ]
    }

    var text: String {
      "{" + columns.sorted { $0.key < $1.key }.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}"
    }
  }

  private let chatML = ("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>\n")
  private let mistral = ("<s>[INST] ", " [/INST] ", "</s>")

  private func read(_ files: [File], seed: UInt64 = 0) throws -> ImportedDataset {
    try withTemporaryFolder { folder in
      for (index, file) in files.enumerated() { try write(file.text, "\(index).json", in: folder) }
      var generator = PhiloxGenerator(seed: seed, stream: "test")
      do {
        return try RewardBenchImporter.read(
          files.indices.map { folder.appendingPathComponent("\($0).json") }, using: &generator)
      } catch {
        throw Message(text: "\(error)".replacingOccurrences(of: folder.path + "/", with: ""))
      }
    }
  }

  private struct Message: Error { let text: String }

  private func message(_ files: [File]) throws -> String {
    try #require(throws: Message.self) { try read(files) }.text
  }

  @Test func mergesModelsWhoseTemplatesDiffer() throws {
    let files = [
      File("org/rm-8B", template: chatML), File("lab/other", nested: true, base: 100),
      File("third", template: mistral, base: -50),
    ]
    for seed in 0..<10 as Range<UInt64> {
      let imported = try read(files, seed: seed)
      let dataset = imported.dataset
      #expect(imported.notes.isEmpty)
      #expect(dataset.pairs.map(\.id) == ["30", "31", "35"])
      #expect(dataset.pairs.map(\.domain) == ["Reasoning", "Chat", "custom"])
      #expect(dataset.pairs.map(\.source) == ["math-prm", "alpacaeval-easy", "custom"])
      #expect(dataset.pairs.map(\.prompt) == [.text("What is 1+1?"), .text("Hi"), .text("Say x")])
      #expect(dataset.pairs.map { pair in pair.label.map { pair.response($0) } } == ["It is 2", "Hello there", "x"])
      #expect(dataset.pairs.map { pair in pair.label.map { pair.response($0.other) } } == ["It is 3", "Go away", "y"])
      #expect(
        dataset.rewardModels == [
          RewardModelDescription(name: "rm-8B", huggingFaceID: "org/rm-8B", parameters: 8e9),
          RewardModelDescription(name: "other", huggingFaceID: "lab/other"),
          RewardModelDescription(name: "third", huggingFaceID: "third"),
        ])
      for (arm, base) in [0, 100, -50].enumerated() {
        for (index, pair) in dataset.pairs.enumerated() {
          let label = try #require(pair.label)
          #expect(dataset.scores[arm][index][label] == Double(base + 1 + index))
          #expect(dataset.scores[arm][index][label.other] == Double(base + 9 - index))
        }
      }
      // Without message lists the pairs come out of the first file's template.
      #expect(try read([files[0], files[2]], seed: seed).dataset == dataset.selecting(arms: [0, 2]))
    }
  }

  @Test func sidesDependOnTheSeed() throws {
    let labels = try (0..<64 as Range<UInt64>).map { try read([File("m")], seed: $0).dataset.pairs.map(\.label) }
    #expect(Set(labels).count == 8)
  }

  @Test func rowsMayStandInAnotherOrder() throws {
    var second = File("b", template: mistral)
    for (column, text) in second.columns where text.hasPrefix("[") && column != "results" {
      let rotated = try JSONDocumentText.rotate(text)
      second.columns[column] = rotated
    }
    #expect(second.columns["id"] == "[31,35,30]")
    #expect(try read([File("a"), second]).dataset.scores[0] == read([File("a"), second]).dataset.scores[1])
  }

  @Test func badFilesAreNamed() throws {
    func damaged(_ column: String, _ text: String?, template: (String, String, String)? = nil) -> File {
      var file = File("b", template: template)
      file.columns[column] = text
      return file
    }
    let good = File("a")
    #expect(try message([good, damaged("scores_chosen", nil)]) == "1.json: field \"scores_chosen\" is missing; add it")
    #expect(try message([good, damaged("model", "3")]).hasPrefix("1.json, field \"model\": expected a text"))
    #expect(try message([damaged("id", "[]")]).hasPrefix("0.json holds no pairs"))
    #expect(try message([damaged("id", "[1, 2]")]) == "0.json: column \"subset\" has 3 rows, but \"id\" has 2")
    #expect(
      try message([damaged("scores_chosen", "[1, null, 3]")])
        == "0.json, row 2, field \"scores_chosen\": expected a finite number, or one in a list, found null")
    #expect(
      try message([damaged("scores_chosen", "[1, [2, 3], 3]")]).hasPrefix("0.json, row 2, field \"scores_chosen\""))
    #expect(try message([damaged("scores_chosen", "[1, 1e999, 3]")]).contains("row 2"))
    #expect(
      try message([damaged("scores_chosen", "[1, NaN, 3]")]).contains("field \"scores_chosen\": NaN is no JSON number"))
    #expect(try message([damaged("text_chosen", "[1, \"\", \"\"]")]).hasPrefix("0.json, row 1, field \"text_chosen\""))
    #expect(
      try message([damaged("id", "[30, 31, 31]")]).hasPrefix(
        "0.json, row 3: the pair id \"31\" was given before, at row 2"))
    #expect(
      try message([good, damaged("id", "[30, 31, 36]")]).hasPrefix(
        "1.json: \"b\" lacks scores for 1 of 3 pairs, the first is \"35\""))
    #expect(
      try message([good, damaged("subset", "[\"math-prm\", \"x\", \"custom\"]")])
        .hasPrefix("1.json, row 2: the subset of the pair \"31\" differs from that in"))
    #expect(try message([good, good]).contains("both hold scores of the reward model \"a\""))
    #expect(
      try message([File("a", template: ("", "", ""))]).hasPrefix(
        "0.json, row 2: the chosen and the rejected text share no"))
  }

  @Test(arguments: [
    ("text_chosen", "1+1", "1+2", "the prompt"), ("text_chosen", "It is 2", "It is 4", "the chosen response"),
    ("text_rejected", "It is 3", "It is 4", "the rejected response"),
  ])
  func otherTextsAreNamed(column: String, old: String, new: String, what: String) throws {
    for template in [nil, mistral] {
      var file = File("b", template: template)
      file.columns[column] = file.columns[column]?.replacingOccurrences(of: old, with: new)
      #expect(
        try message([File("a"), file]).hasPrefix("1.json, row 1: \(what) of the pair \"30\" differs from that in"))
    }
  }
}

/// Moves the first element of a JSON list to its end.
private enum JSONDocumentText {
  static func rotate(_ text: String) throws -> String {
    guard case .array(let values) = try JSONDocument.read(Array(text.utf8), file: "column") else { return text }
    return JSONValue.array(Array(values.dropFirst() + values.prefix(1))).text()
  }
}
