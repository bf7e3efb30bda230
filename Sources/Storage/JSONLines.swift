import Foundation

/// Reading of a file that holds one JSON value, plain or compressed with gzip. A byte-order mark at its start is
/// skipped.
public enum JSONDocument {
  /// - Throws: `StorageError.system`, `.invalidGzip`, `.invalidJSON` (with line and column), `.invalidUTF8`.
  public static func read(_ url: URL) throws -> JSONValue {
    try read(try DataFile.read(url), file: url.path)
  }

  /// The same for bytes that were read already; `file` is their name in error texts.
  public static func read(_ bytes: [UInt8], file: String) throws -> JSONValue {
    let start = bytes.starts(with: byteOrderMark) ? byteOrderMark.count : 0
    do {
      return try JSONParser.parse(bytes, in: start..<bytes.count)
    } catch {
      let before = bytes[..<error.offset]
      let line = before.count { $0 == UInt8(ascii: "\n") } + 1
      let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? start
      throw StorageError(error, place: FilePlace(file: file, line: line), lineStart: lineStart)
    }
  }
}

/// Reading of JSON Lines: one object a line, plain or compressed with gzip.
///
/// A byte-order mark at the start of the file is skipped, lines may end in CRLF, and blank lines at the end of the file are
/// accepted; a blank line before another line is an error. A line may have up to 64 MiB. Linear in the size of the file.
public enum JSONLines {
  /// Bytes of the longest line that is read.
  public static let longestLine = 64 << 20

  /// Calls `body` with the object of each line, in order.
  ///
  /// - Throws: `StorageError`, which names the line (from 1); whatever `body` throws.
  public static func read(_ url: URL, _ body: (JSONRecord) throws -> Void) throws {
    try read(try DataFile.read(url), file: url.path, body)
  }

  /// The same for bytes that were read already; `file` is their name in error texts.
  public static func read(_ bytes: [UInt8], file: String, _ body: (JSONRecord) throws -> Void) throws {
    var start = bytes.starts(with: byteOrderMark) ? byteOrderMark.count : 0
    var number = 0
    var firstBlank: FilePlace?
    while start < bytes.count {
      number += 1
      let place = FilePlace(file: file, line: number)
      let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
      let line = start..<end
      start = end + 1
      guard line.count <= longestLine else {
        throw StorageError.lineTooLong(place: place, limitBytes: longestLine)
      }
      if bytes[line].allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }) {
        firstBlank = firstBlank ?? place
        continue
      }
      if let firstBlank { throw StorageError.blankLine(place: firstBlank) }
      let value: JSONValue
      do {
        value = try JSONParser.parse(bytes, in: line)
      } catch {
        throw StorageError(error, place: place, lineStart: line.lowerBound)
      }
      try body(try JSONRecord(value, at: place))
    }
  }
}

private let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

extension StorageError {
  fileprivate init(_ error: JSONSyntaxError, place: FilePlace, lineStart: Int) {
    self =
      error.isEncoding
      ? .invalidUTF8(place: place)
      : .invalidJSON(
        place: place, column: error.offset - lineStart + 1, field: error.field, reason: error.reason)
  }
}
