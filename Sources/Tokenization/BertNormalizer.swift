/// The normalizer of BERT: takes control characters away, makes all white space a space, puts spaces around ideographs,
/// takes accents away and lowercases, each where its flag says so.
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

  /// One pass over the ASCII characters, which most texts consist of; each run of others goes through the steps one by one.
  /// That is the same: no step joins scalars across an ASCII character.
  func apply(_ text: [UInt8], keepsStart: inout Bool) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(text.count + text.count / 8)
    var index = 0
    while index < text.count {
      let byte = text[index]
      if byte >= 0x80 {
        var end = index + 1
        while end < text.count, text[end] >= 0x80 { end += 1 }
        var runKeepsStart = true
        output += applySteps(Array(text[index..<end]), keepsStart: &runKeepsStart)
        if index == 0 { keepsStart = keepsStart && runKeepsStart }
        index = end
        continue
      }
      index &+= 1
      if cleansText, byte < 0x20 || byte == 0x7f {
        if byte == 0x09 || byte == 0x0a || byte == 0x0d {
          output.append(0x20)
        } else if index == 1 {
          keepsStart = false
        }
      } else {
        output.append(lowercases && byte &- 0x41 < 26 ? byte | 0x20 : byte)
      }
    }
    return output
  }

  private func applySteps(_ text: [UInt8], keepsStart: inout Bool) -> [UInt8] {
    var text = text
    if cleansText { text = cleaned(text, keepsStart: &keepsStart) }
    if separatesIdeographs { text = separated(text) }
    if stripsAccents {
      text = removing(
        ScalarClasses.nonspacingMark, from: utf8(Decomposition.canonical.decompose(text)), keepsStart: &keepsStart)
    }
    return lowercases ? CaseMapping.lowercased(text) : text
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

  private func separated(_ text: [UInt8]) -> [UInt8] {
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
