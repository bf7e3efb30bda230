/// Why and where bytes are not JSON.
struct JSONSyntaxError: Error {
  let offset: Int
  /// What the parser says of the bytes at the offset.
  let reason: String
  /// The innermost member whose value was being read.
  var field: String?
  var isEncoding = false
}

/// A strict JSON reader (RFC 8259) of one value in a range of bytes.
///
/// Beyond the grammar it refuses a key given twice, nesting deeper than 512, invalid UTF-8 and unpaired surrogates. One
/// pass, linear in the bytes.
struct JSONParser {
  private static let deepest = 512
  private let bytes: [UInt8]
  private let end: Int
  private var position: Int
  private var depth = 0

  private init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  /// The value that fills `range` but for white space.
  static func parse(_ bytes: [UInt8], in range: Range<Int>) throws(JSONSyntaxError) -> JSONValue {
    var parser = JSONParser(bytes, range)
    let value = try parser.value()
    parser.skipSpace()
    guard parser.position == parser.end else { throw parser.error("more text after the end of the JSON value") }
    return value
  }

  private mutating func value() throws(JSONSyntaxError) -> JSONValue {
    skipSpace()
    guard position < end else { throw error("the text ends where a JSON value is expected") }
    switch bytes[position] {
    case UInt8(ascii: "{"): return try nested { parser throws(JSONSyntaxError) in .object(try parser.object()) }
    case UInt8(ascii: "["): return try nested { parser throws(JSONSyntaxError) in .array(try parser.array()) }
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: return try word()
    }
  }

  private mutating func nested(
    _ read: (inout JSONParser) throws(JSONSyntaxError) -> JSONValue
  ) throws(JSONSyntaxError) -> JSONValue {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else { throw error("nesting deeper than \(Self.deepest)") }
    position += 1
    return try read(&self)
  }

  private mutating func object() throws(JSONSyntaxError) -> JSONObject {
    var object = JSONObject()
    // Records have few members; a set pays only for headers with many.
    var keys: Set<String>?
    if skip(UInt8(ascii: "}")) { return object }
    while true {
      skipSpace()
      guard position < end, bytes[position] == UInt8(ascii: "\"") else {
        throw error("expected a key in double quotes")
      }
      let keyOffset = position
      let key = try string()
      // Strings are equal where they are canonically equivalent; keys, only where their bytes are.
      let mayRepeat = keys.map { $0.contains(key) } ?? object.members.contains { $0.key == key }
      guard !mayRepeat || !object.members.contains(where: { $0.key.utf8.elementsEqual(key.utf8) }) else {
        throw JSONSyntaxError(offset: keyOffset, reason: "the key \"\(key)\" is given twice", field: key)
      }
      guard skip(UInt8(ascii: ":")) else { throw error("expected ':' after the key \"\(key)\"") }
      do {
        object.append(key, try value())
      } catch {
        var inner = error
        inner.field = inner.field ?? key
        throw inner
      }
      keys?.insert(key)
      if object.members.count == 16 { keys = Set(object.members.map(\.key)) }
      if skip(UInt8(ascii: "}")) { return object }
      guard skip(UInt8(ascii: ",")) else { throw error("expected ',' or '}' in an object") }
    }
  }

  private mutating func array() throws(JSONSyntaxError) -> [JSONValue] {
    var values: [JSONValue] = []
    if skip(UInt8(ascii: "]")) { return values }
    while true {
      values.append(try value())
      if skip(UInt8(ascii: "]")) { return values }
      guard skip(UInt8(ascii: ",")) else { throw error("expected ',' or ']' in a list") }
    }
  }

  // MARK: Words and numbers

  private mutating func word() throws(JSONSyntaxError) -> JSONValue {
    let start = position
    while position < end, isLetter(bytes[position]) { position += 1 }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    switch text {
    case "true": return .boolean(true)
    case "false": return .boolean(false)
    case "null": return .null
    default:
      position = start
      throw notAValue(text)
    }
  }

  private func notAValue(_ word: String) -> JSONSyntaxError {
    switch word {
    case "NaN", "Infinity", "nan", "inf":
      return error("\(word) is no JSON number; a score must be finite, so compute it again or remove the record")
    case "": return error("expected a JSON value")
    default: return error("\(word) is no JSON value")
    }
  }

  private mutating func number() throws(JSONSyntaxError) -> JSONValue {
    let start = position
    let isNegative = bytes[position] == UInt8(ascii: "-")
    if isNegative { position += 1 }
    if position < end, isLetter(bytes[position]) {
      let word = String(decoding: bytes[position..<end].prefix(8).prefix { isLetter($0) }, as: UTF8.self)
      throw notAValue(word)
    }
    let firstDigit = position
    try digits()
    if bytes[firstDigit] == UInt8(ascii: "0"), position > firstDigit + 1 { throw error("a number starts with 0") }
    let integerEnd = position
    if position < end, bytes[position] == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if position < end, bytes[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      if position < end, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    // The literal -0 keeps its sign only as a Double.
    if position == integerEnd, let integer = Int(text), !(isNegative && integer == 0) { return .integer(integer) }
    guard let value = Double(text) else { throw error("\(text) is no number") }
    return .number(value)
  }

  private mutating func digits() throws(JSONSyntaxError) {
    let start = position
    while position < end, bytes[position] &- UInt8(ascii: "0") < 10 { position += 1 }
    guard position > start else { throw error("a number lacks a digit") }
  }

  // MARK: Strings

  private mutating func string() throws(JSONSyntaxError) -> String {
    position += 1
    let start = position
    var isASCII = true
    while position < end {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        defer { position += 1 }
        return try text(bytes[start..<position], isASCII: isASCII, at: start)
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
      if byte < 0x20 { throw error("a control character in a text; write it as an escape such as \\n") }
      if byte >= 0x80 { isASCII = false }
      position += 1
    }
    throw error("a text without its closing quote")
  }

  /// A text with escapes, from its first byte on; `position` is at the first backslash.
  private mutating func escapedString(from start: Int) throws(JSONSyntaxError) -> String {
    var decoded = Array(bytes[start..<position])
    var run = position
    while position < end {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
        decoded.append(contentsOf: bytes[run..<position])
        if byte == UInt8(ascii: "\"") {
          position += 1
          return try text(decoded[...], isASCII: false, at: start)
        }
        try escape(into: &decoded)
        run = position
        continue
      }
      if byte < 0x20 { throw error("a control character in a text; write it as an escape such as \\n") }
      position += 1
    }
    throw error("a text without its closing quote")
  }

  private mutating func escape(into decoded: inout [UInt8]) throws(JSONSyntaxError) {
    guard position + 1 < end else { throw error("a text without its closing quote") }
    position += 2
    switch bytes[position - 1] {
    case UInt8(ascii: "n"): decoded.append(0x0a)
    case UInt8(ascii: "t"): decoded.append(0x09)
    case UInt8(ascii: "r"): decoded.append(0x0d)
    case UInt8(ascii: "b"): decoded.append(0x08)
    case UInt8(ascii: "f"): decoded.append(0x0c)
    case let byte where byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "/"):
      decoded.append(byte)
    case UInt8(ascii: "u"): decoded.append(contentsOf: Array(String(Character(try escapedScalar())).utf8))
    default: throw error("an unknown escape in a text")
    }
  }

  private mutating func escapedScalar() throws(JSONSyntaxError) -> Unicode.Scalar {
    let first = try hexadecimal()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xdc00, position + 1 < end, bytes[position] == UInt8(ascii: "\\"),
      bytes[position + 1] == UInt8(ascii: "u")
    else { throw error("half of a surrogate pair in a text") }
    position += 2
    let second = try hexadecimal()
    guard 0xdc00..<0xe000 ~= second, let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
    else { throw error("half of a surrogate pair in a text") }
    return scalar
  }

  private mutating func hexadecimal() throws(JSONSyntaxError) -> UInt32 {
    guard position + 4 <= end else { throw error("\\u needs four hexadecimal digits") }
    var value: UInt32 = 0
    for byte in bytes[position..<position + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw error("\\u needs four hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
    }
    position += 4
    return value
  }

  private func text(_ utf8: ArraySlice<UInt8>, isASCII: Bool, at offset: Int) throws(JSONSyntaxError) -> String {
    let text = String(decoding: utf8, as: UTF8.self)
    // Decoding repairs what is invalid, so only valid bytes come back unchanged.
    guard isASCII || text.utf8.elementsEqual(utf8) else {
      throw JSONSyntaxError(offset: offset, reason: "invalid UTF-8", isEncoding: true)
    }
    return text
  }

  // MARK: Bytes

  private mutating func skipSpace() {
    while position < end, [0x20, 0x0a, 0x0d, 0x09].contains(bytes[position]) { position += 1 }
  }

  /// Whether the next byte but for space is this one; if so, it is consumed.
  private mutating func skip(_ byte: UInt8) -> Bool {
    skipSpace()
    guard position < end, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  private func isLetter(_ byte: UInt8) -> Bool {
    byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
  }

  private func error(_ reason: String) -> JSONSyntaxError {
    JSONSyntaxError(offset: position, reason: reason)
  }
}
