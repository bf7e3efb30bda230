import Foundation
import Testing

/// Runs the built `bayesrouter tokenize` on a small tokenizer.
@Suite struct TokenizeCommandTests {
  private let file = """
    {"added_tokens": [{"id": 4, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
      "special": true}], "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
     "truncation": {"max_length": 6, "strategy": "LongestFirst", "stride": 0},
     "post_processor": {"type": "BertProcessing", "sep": ["<s>", 4], "cls": ["<s>", 4]}, "decoder": {"type": "ByteLevel"},
     "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "Ġ": 3}, "merges": ["a b"]}}
    """

  private func tokenize(
    _ input: String, _ options: [String] = [], file: String? = nil, asFolder: Bool = false
  ) throws -> (status: Int32, output: String, errors: String) {
    try withTemporaryFolder { folder in
      let model = folder.appendingPathComponent("tokenizer.json")
      try Data((file ?? self.file).utf8).write(to: model)
      let path = asFolder ? folder.path : model.path
      return try run(["tokenize", "--model", path] + options, input: Data(input.utf8))
    }
  }

  @Test func aLineOfTextIsALineOfIDs() throws {
    let result = try tokenize("\"ab ba\"\n\"\"\n\"\\u0061<s>\"\n")
    #expect(result.status == 0 && result.errors.isEmpty)
    #expect(result.output == "[4,2,3,1,0,4]\n[4,4]\n[4,0,4,4]\n")
    #expect(try tokenize("\"ab\"", asFolder: true).output == "[4,2,4]\n")
    #expect(try tokenize("").output == "")
  }

  @Test func optionsLeaveOutSpecialTokensAndTruncation() throws {
    #expect(try tokenize("\"ab a b a\"\n", ["--no-special-tokens"]).output == "[2,3,0,3,1,3]\n")
    #expect(try tokenize("\"ab a b a\"\n", ["--no-truncation"]).output == "[4,2,3,0,3,1,3,0,4]\n")
    #expect(try tokenize("[\"a\", \"b\"]\n", ["--pairs"]).output == "[4,0,4,1,4]\n")
  }

  @Test func idsBecomeText() throws {
    #expect(try tokenize("[4,2,3,1]\n[]\n", ["--decode"]).output == "\"<s>ab b\"\n\"\"\n")
    #expect(try tokenize("[4,2,3,1]", ["--decode", "--no-special-tokens"]).output == "\"ab b\"\n")
  }

  @Test func manyLinesComeBackInOrder() throws {
    let counts = (0..<5000).map { $0 % 97 }
    let input = counts.map { "\"\(String(repeating: "ab", count: $0))\"\n" }.joined()
    let result = try tokenize(input, ["--no-special-tokens", "--no-truncation"])
    let lines = result.output.split(separator: "\n").map { $0 == "[]" ? 0 : $0.split(separator: ",").count }
    #expect(lines == counts)
  }

  @Test(arguments: [
    ("\"a\"\n\"b\n", [String](), "standard input line 2, column"),
    ("\"a\"\n7\n", [], "line 2: expected a text, found the number 7"),
    ("\n", [], "line 1, column 1"), ("\"a\"\n", ["--pairs"], "line 1: expected a list of two texts"),
    ("[0]\n[9]\n", ["--decode"], "line 2: id 9 has no token"), ("[0.5]\n", ["--decode"], "line 1: expected an id"),
    ("[0]", ["--decode", "--pairs"], "do not go together"),
  ])
  func errorsNameTheLine(input: String, options: [String], text: String) throws {
    let result = try tokenize(input, options)
    #expect(result.status != 0 && result.errors.contains(text), "\(result.errors)")
  }

  @Test func aFileThatCannotBeReadIsNamed() throws {
    let broken = try tokenize("", file: "{\"model\": {\"type\": \"Unigram\"}}")
    #expect(broken.status != 0 && broken.errors.contains("tokenizer.json: model.type \"Unigram\" is not supported"))
    let missing = try run(["tokenize", "--model", "/nowhere"], input: Data())
    #expect(missing.status != 0 && missing.errors.contains("/nowhere"))
  }
}

/// Runs a program to its end with something on its standard input.
private func run(_ arguments: [String], input: Data) throws -> (status: Int32, output: String, errors: String) {
  try withTemporaryFolder { folder in
    let names = ["input", "output", "errors"].map { folder.appendingPathComponent($0) }
    try input.write(to: names[0])
    for name in names.dropFirst() { try Data().write(to: name) }
    let process = Process()
    process.executableURL = try executable("bayesrouter")
    process.arguments = arguments
    process.standardInput = try FileHandle(forReadingFrom: names[0])
    process.standardOutput = try FileHandle(forWritingTo: names[1])
    process.standardError = try FileHandle(forWritingTo: names[2])
    try process.run()
    process.waitUntilExit()
    let texts = try names.dropFirst().map { try String(contentsOf: $0, encoding: .utf8) }
    return (process.terminationStatus, texts[0], texts[1])
  }
}
