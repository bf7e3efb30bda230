/// The normalizer of BERT: takes control characters away, makes all white space a space, puts spaces around ideographs, takes
/// accents away and lowercases, each where its flag says so.
struct BertNormalizer: Sendable {
  let cleansText: Bool
  let separatesIdeographs: Bool
  let stripsAccents: Bool
  let lowercases: Bool

  init(_ reader: ComponentReader) throws(TokenizationError) {
    cleansText = try reader.boolean("clean_text")
    separatesIdeographs = try reader.boolean("handle_chinese_chars")
    lowercases = try reader.boolean("lowercase")
    // Without a word on accents, lower case takes them away too.
    stripsAccents = try reader.boolean("strip_accents", default: lowercases)
  }

  func apply(_ text: [UInt8], keepsStart: inout Bool) -> [UInt8] {
    if UTF8Scalars.isASCII(text) { return applyASCII(text, keepsStart: &keepsStart) }
    var text = text
    if cleansText { text = cleaned(text, keepsStart: &keepsStart) }
    if separatesIdeographs { text = separated(text, keepsStart: &keepsStart) }
    if stripsAccents {
      text = removing(
        ScalarClasses.nonspacingMark, from: utf8(Decomposition.canonical.decompose(text)), keepsStart: &keepsStart)
    }
    return lowercases ? CaseMapping.lowercased(text) : text
  }

  /// One pass for what most texts are.
  private func applyASCII(_ text: [UInt8], keepsStart: inout Bool) -> [UInt8] {
    var output = text
    var count = 0
    for index in 0..<text.count {
      var byte = text[index]
      if cleansText, byte < 0x20 || byte == 0x7f {
        if 0x09...0x0d ~= byte, byte != 0x0b, byte != 0x0c {
          byte = 0x20
        } else {
          if count == 0 { keepsStart = false }
          continue
        }
      } else if lowercases, byte &- 0x41 < 26 {
        byte |= 0x20
      }
      output[count] = byte
      count += 1
    }
    output.removeLast(text.count - count)
    return output
  }

  private func cleaned(_ text: [UInt8], keepsStart: inout Bool) -> [UInt8] {
    let classes = ScalarClasses.shared
    var output: [UInt8] = []
    output.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      let (value, length) = UTF8Scalars.decode(text, index)
      let mask = classes[value]
      if mask & ScalarClasses.control != 0 {
        if index == 0 { keepsStart = false }
      } else if mask & ScalarClasses.space != 0 {
        output.append(0x20)
      } else {
        output += text[index..<index + length]
      }
      index += length
    }
    return output
  }

  private func separated(_ text: [UInt8], keepsStart: inout Bool) -> [UInt8] {
    let classes = ScalarClasses.shared
    var output: [UInt8] = []
    output.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      let (value, length) = UTF8Scalars.decode(text, index)
      if classes[value] & ScalarClasses.ideograph != 0 {
        output.append(0x20)
        output += text[index..<index + length]
        output.append(0x20)
      } else {
        output += text[index..<index + length]
      }
      index += length
    }
    return output
  }
}
