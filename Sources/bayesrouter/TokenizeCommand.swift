import ArgumentParser
import Foundation
import RouterKit

/// `bayesrouter tokenize`: texts to ids and back, line by line.
struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn texts into token ids, or ids into texts, by a tokenizer.json.",
    discussion: """
      Reads standard input and answers each line with a line. A line is a JSON string and its answer a JSON list of ids; with \
      --pairs a line is a JSON list of two strings; with --decode it is the other way around. The ids are those of the \
      tokenizers package.

      EXAMPLES
        echo '"Hello, world!"' | bayesrouter tokenize --model SmolLM2-135M-Instruct
        echo '[19556, 28, 905, 17]' | bayesrouter tokenize --model tokenizer.json --decode
      """)

  @Option(name: .long, help: "A tokenizer.json, or the folder that holds it.")
  var model: String

  @Flag(name: .long, help: "Add no special tokens; with --decode, leave them out.")
  var noSpecialTokens = false

  @Flag(name: .long, help: "Keep all tokens, whatever the file's truncation says.")
  var noTruncation = false

  @Flag(name: .long, help: "Read pairs of texts.")
  var pairs = false

  @Flag(name: .long, help: "Turn ids into texts.")
  var decode = false

  func validate() throws {
    if decode && pairs { throw ValidationError("--decode and --pairs do not go together") }
  }

  func run() throws {
    let tokenizer = try Tokenizer(contentsOf: tokenizerURL())
    var lines = LineReader(FileHandle.standardInput)
    var output: [UInt8] = []
    while try lines.read({ line, number in try answer(line, number: number, tokenizer, into: &output) }) {
      // What was read is answered before more is awaited, so that the command serves as a filter.
      try FileHandle.standardOutput.write(contentsOf: Data(output))
      output.removeAll(keepingCapacity: true)
    }
    try FileHandle.standardOutput.write(contentsOf: Data(output))
  }

  private func tokenizerURL() -> URL {
    let url = URL(fileURLWithPath: model)
    let isFolder = (try? url.resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory == true
    return isFolder ? url.appendingPathComponent("tokenizer.json") : url
  }

  private func answer(_ line: [UInt8], number: Int, _ tokenizer: Tokenizer, into output: inout [UInt8]) throws {
    let place = FilePlace(file: "standard input", line: number)
    let value = try Self.json(line, at: place)
    if decode {
      guard case .array(let values) = value else { throw LineError(place, "expected a list of ids", value) }
      var ids: [Int] = []
      for element in values {
        guard case .integer(let id) = element else { throw LineError(place, "expected an id", element) }
        ids.append(id)
      }
      do {
        JSONValue.string(try tokenizer.decode(ids, skipSpecialTokens: noSpecialTokens)).append(to: &output)
      } catch let error as TokenizationError {
        throw LineError(place: place, problem: "\(error)")
      }
    } else {
      Self.append(try encode(value, at: place, tokenizer).ids, to: &output)
    }
    output.append(UInt8(ascii: "\n"))
  }

  private func encode(_ value: JSONValue, at place: FilePlace, _ tokenizer: Tokenizer) throws -> Encoding {
    let truncation: Truncation = noTruncation ? .none : .asInFile
    if pairs {
      guard case .array(let texts) = value, texts.count == 2, case .string(let first) = texts[0],
        case .string(let second) = texts[1]
      else { throw LineError(place, "expected a list of two texts", value) }
      return tokenizer.encode(first, pair: second, addSpecialTokens: !noSpecialTokens, truncation: truncation)
    }
    guard case .string(let text) = value else { throw LineError(place, "expected a text", value) }
    return tokenizer.encode(text, addSpecialTokens: !noSpecialTokens, truncation: truncation)
  }

  private static func json(_ line: [UInt8], at place: FilePlace) throws -> JSONValue {
    do {
      return try JSONDocument.read(line, file: place.file)
    } catch StorageError.invalidJSON(_, let column, let field, let reason) {
      throw StorageError.invalidJSON(place: place, column: column, field: field, reason: reason)
    } catch StorageError.invalidUTF8 {
      throw StorageError.invalidUTF8(place: place)
    }
  }

  private static func append(_ ids: [Int32], to output: inout [UInt8]) {
    output.append(UInt8(ascii: "["))
    for (index, id) in ids.enumerated() {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      var power: Int32 = 1
      while id / power >= 10 { power *= 10 }
      while power > 0 {
        output.append(UInt8(ascii: "0") + UInt8(id / power % 10))
        power /= 10
      }
    }
    output.append(UInt8(ascii: "]"))
  }
}

/// A line of standard input that is not what it should be.
private struct LineError: Error, CustomStringConvertible {
  let place: FilePlace
  let problem: String

  var description: String { "\(place): \(problem)" }

  init(place: FilePlace, problem: String) {
    self.place = place
    self.problem = problem
  }

  init(_ place: FilePlace, _ expected: String, _ found: JSONValue) {
    self.init(place: place, problem: "\(expected), found \(found.summary)")
  }
}

/// The lines of a stream, as they come.
private struct LineReader {
  private let handle: FileHandle
  private var rest: [UInt8] = []
  private var number = 0
  private var isAtEnd = false

  init(_ handle: FileHandle) { self.handle = handle }

  /// Waits for more bytes and calls `body` with each line that they end, without its end and with its number from 1.
  /// False at the end of the stream.
  mutating func read(_ body: (_ line: [UInt8], _ number: Int) throws -> Void) throws -> Bool {
    guard !isAtEnd else { return false }
    let data = try handle.read(upToCount: 1 << 16) ?? Data()
    isAtEnd = data.isEmpty
    // Only the new bytes are searched, so that a long line is not searched again and again.
    var start = 0
    var search = rest.count
    rest += data
    while let end = rest[search...].firstIndex(of: UInt8(ascii: "\n")) {
      number += 1
      try body(Array(rest[start..<end]), number)
      start = end + 1
      search = start
    }
    rest.removeFirst(start)
    if isAtEnd, !rest.isEmpty {
      number += 1
      try body(rest, number)
    }
    return true
  }
}
