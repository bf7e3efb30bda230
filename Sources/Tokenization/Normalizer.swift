/// The `normalizer` of a `tokenizer.json`: what is done to a text before it is split.
///
/// Each works on UTF-8 bytes. `keepsStart` becomes false where the text no longer begins with what stood at its very
/// beginning; Metaspace with `prepend_scheme` "first" asks for that.
enum Normalizer: Sendable {
  case composition(compatibility: Bool)
  case decomposition(compatibility: Bool)
  case lowercase
  case stripAccents
  case strip(left: Bool, right: Bool)
  case bert(BertNormalizer)
  case prepend([UInt8])
  case replace(SplitPattern, with: [UInt8])
  indirect case sequence([Normalizer])

  static let supported =
    "BertNormalizer, Lowercase, NFC, NFD, NFKC, NFKD, Prepend, Replace, Sequence, Strip and StripAccents"

  init(_ reader: ComponentReader) throws(TokenizationError) {
    switch try reader.string("type") {
    case "NFC": self = .composition(compatibility: false)
    case "NFKC": self = .composition(compatibility: true)
    case "NFD": self = .decomposition(compatibility: false)
    case "NFKD": self = .decomposition(compatibility: true)
    case "Lowercase": self = .lowercase
    case "StripAccents": self = .stripAccents
    case "Strip":
      self = .strip(left: try reader.boolean("strip_left"), right: try reader.boolean("strip_right"))
    case "BertNormalizer": self = .bert(try BertNormalizer(reader))
    case "Prepend": self = .prepend(Array(try reader.string("prepend").utf8))
    case "Replace":
      self = .replace(try SplitPattern(reader), with: Array(try reader.string("content").utf8))
    case "Sequence":
      var steps: [Normalizer] = []
      for child in try reader.children("normalizers") { steps.append(try Normalizer(child)) }
      self = .sequence(steps)
    default: throw reader.unsupported("type", Self.supported)
    }
  }

  func apply(_ text: [UInt8], keepsStart: inout Bool) -> [UInt8] {
    switch self {
    case .composition(let compatibility):
      return Composition.composed(text, compatibility: compatibility)
    case .decomposition(let compatibility):
      if UTF8Scalars.isASCII(text) { return text }
      return utf8(Decomposition.of(compatibility: compatibility).decompose(text))
    case .lowercase: return CaseMapping.lowercased(text)
    case .stripAccents: return removing(ScalarClasses.combiningMark, from: text, keepsStart: &keepsStart)
    case .strip(let left, let right): return stripped(text, left: left, right: right, keepsStart: &keepsStart)
    case .bert(let normalizer): return normalizer.apply(text, keepsStart: &keepsStart)
    case .prepend(let prefix): return text.isEmpty ? text : prefix + text
    case .replace(let pattern, let content):
      return replacing(pattern, in: text, with: content, keepsStart: &keepsStart)
    case .sequence(let steps):
      var text = text
      for step in steps { text = step.apply(text, keepsStart: &keepsStart) }
      return text
    }
  }

  private func stripped(_ text: [UInt8], left: Bool, right: Bool, keepsStart: inout Bool) -> [UInt8] {
    let classes = ScalarClasses.shared
    var (start, end) = (0, text.count)
    while left, start < end {
      let (value, length) = UTF8Scalars.decode(text, start)
      guard classes[value] & ScalarClasses.space != 0 else { break }
      start += length
    }
    while right, end > start {
      let (value, length) = UTF8Scalars.decode(text, before: end, from: start)
      guard classes[value] & ScalarClasses.space != 0 else { break }
      end -= length
    }
    if start > 0 { keepsStart = false }
    return start == 0 && end == text.count ? text : Array(text[start..<end])
  }

  private func replacing(
    _ pattern: SplitPattern, in text: [UInt8], with content: [UInt8], keepsStart: inout Bool
  ) -> [UInt8] {
    var matches: [SplitPattern.Match] = []
    pattern.find(in: text, 0..<text.count, into: &matches)
    guard !matches.isEmpty else { return text }
    var output: [UInt8] = []
    output.reserveCapacity(text.count)
    var end = 0
    for match in matches {
      output += text[end..<match.start]
      output += content
      end = match.end
      // New scalars stand for the last one that they replace.
      if match.start == 0, match.end > 0, content.isEmpty || match.end > UTF8Scalars.length(text[0]) {
        keepsStart = false
      }
    }
    output += text[end...]
    return output
  }
}

/// The scalars as UTF-8.
func utf8(_ scalars: [UInt32]) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.reserveCapacity(scalars.count)
  for scalar in scalars { UTF8Scalars.append(scalar, to: &bytes) }
  return bytes
}

/// The text without the scalars of a class.
func removing(_ mask: ScalarClasses.Mask, from text: [UInt8], keepsStart: inout Bool) -> [UInt8] {
  let classes = ScalarClasses.shared
  var output: [UInt8] = []
  output.reserveCapacity(text.count)
  var index = 0
  while index < text.count {
    let (value, length) = UTF8Scalars.decode(text, index)
    if classes[value] & mask == 0 {
      output += text[index..<index + length]
    } else if index == 0 {
      keepsStart = false
    }
    index += length
  }
  return output
}

/// Lower case as Rust has it: scalar by scalar, without regard for what stands around it.
package enum CaseMapping {
  package static func lowercased(_ text: [UInt8]) -> [UInt8] {
    let classes = ScalarClasses.shared
    var output: [UInt8] = []
    output.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      let byte = text[index]
      if byte < 0x80 {
        output.append(byte &- 0x41 < 26 ? byte | 0x20 : byte)
        index += 1
        continue
      }
      let (value, length) = UTF8Scalars.decode(text, index)
      if classes[value] & ScalarClasses.hasLowercase != 0, let scalar = Unicode.Scalar(value) {
        output += scalar.properties.lowercaseMapping.utf8
      } else {
        output += text[index..<index + length]
      }
      index += length
    }
    return output
  }
}
