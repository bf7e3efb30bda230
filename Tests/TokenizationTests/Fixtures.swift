import Foundation
import Storage
import Testing
import Tokenization

/// What Scripts/fixtures/tokenizer_files.py wrote.
enum Fixture {
  /// The small tokenizers.
  static let names = [
    "gpt2", "clip", "smollm2-like", "llama3", "qwen2", "o200k", "bert-uncased", "bert-cased", "llama2", "mistral",
    "odd",
  ]

  static func url(_ name: String) throws -> URL {
    try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil)).appendingPathComponent(name)
  }

  static func record(_ name: String) throws -> JSONRecord { try JSONRecord(contentsOf: url(name)) }

  static func tokenizer(_ name: String) throws -> Tokenizer {
    try Tokenizer(contentsOf: url("\(name).tokenizer.json"))
  }

  static func texts() throws -> [String] { try record("texts.json").array("texts").map(string) }

  static func string(_ value: JSONValue) throws -> String {
    guard case .string(let text) = value else { throw FixtureError.notAText }
    return text
  }

  static func ids(_ value: JSONValue) throws -> [Int32] {
    guard case .array(let values) = value else { throw FixtureError.notAList }
    return values.compactMap { value in
      if case .integer(let id) = value { Int32(id) } else { nil }
    }
  }

  static func list(_ value: JSONValue) throws -> [JSONValue] {
    guard case .array(let values) = value else { throw FixtureError.notAList }
    return values
  }

  /// FNV-1a over ids, as the script has it.
  static func digest(_ ids: [Int32]) -> String {
    var state: UInt64 = 0xcbf2_9ce4_8422_2325
    for id in ids { state = (state ^ UInt64(UInt32(bitPattern: id))) &* 0x0000_0100_0000_01b3 }
    let digits = String(state, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  enum FixtureError: Error { case notAText, notAList }
}

/// Where the shared data lies beside the package, if it does.
enum SharedData {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("../shared/data").standardizedFileURL
  static let judgeBench = folder.appendingPathComponent("judgebench")
  static let smollm2 = folder.appendingPathComponent("tokenizers/smollm2/tokenizer.json.gz")

  static var isPresent: Bool {
    let isPresent = [judgeBench.appendingPathComponent("pairs.jsonl"), smollm2].allSatisfy {
      FileManager.default.fileExists(atPath: $0.path)
    }
    if !isPresent { print("skipped: no JudgeBench data or no SmolLM2 tokenizer beside the package") }
    return isPresent
  }
}
