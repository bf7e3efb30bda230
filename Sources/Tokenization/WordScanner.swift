/// The well-known expressions by which byte-level tokenizers part a text into words, scanned by hand over UTF-8 bytes.
///
/// Each matches at every place of a text, so its matches cover the text without a gap, and the next word is a function
/// of the text and the place. Recognised by their exact text; the results are those of Oniguruma, which the package
/// asks.
enum WordScanner: Sendable, Hashable {
  /// GPT-2's.
  case gpt2
  /// GPT-2's inside the pieces that are left when each digit is a piece of its own: SmolLM2's.
  case gpt2BetweenDigits
  /// GPT-4's ("cl100k") and those derived from it, with at most so many digits in a word: Llama 3 has 3, Qwen2 1.
  case cl100k(digits: Int)

  private static let gpt2Expression = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  /// GPT-4's in the spellings that are in use; they mean the same.
  private static let cl100kExpressions: [String: Int] = {
    var expressions: [String: Int] = [:]
    for contraction in ["(?i:'s|'t|'re|'ve|'m|'ll|'d)", "'(?i:[sdmt]|ll|ve|re)"] {
      for letters in [#"[^\r\n\p{L}\p{N}]?\p{L}+"#, #"[^\r\n\p{L}\p{N}]?+\p{L}+"#] {
        for (numbers, digits) in [(#"\p{N}{1,3}"#, 3), (#"\p{N}"#, 1)] {
          for others in [#" ?[^\s\p{L}\p{N}]+[\r\n]*"#, #" ?[^\s\p{L}\p{N}]++[\r\n]*"#] {
            let spaces = #"\s*[\r\n]+|\s+(?!\S)|\s+"#
            expressions[[contraction, letters, numbers, others, spaces].joined(separator: "|")] = digits
          }
        }
      }
    }
    return expressions
  }()

  /// The scanner of an expression, nil for any other text.
  init?(expression: String) {
    if expression == Self.gpt2Expression {
      self = .gpt2
    } else if let digits = Self.cl100kExpressions[expression] {
      self = .cl100k(digits: digits)
    } else {
      return nil
    }
  }

  /// The end of the word that begins at `start`, which is before `end`.
  @inline(__always)
  func next(_ bytes: [UInt8], _ start: Int, _ end: Int, _ classes: ScalarClasses) -> Int {
    switch self {
    case .gpt2: Self.gpt2(bytes, start, end, classes, betweenDigits: false)
    case .gpt2BetweenDigits: Self.gpt2(bytes, start, end, classes, betweenDigits: true)
    case .cl100k(let digits): Self.cl100k(bytes, start, end, classes, digits: digits)
    }
  }

  private static let letter = ScalarClasses.letter
  private static let number = ScalarClasses.number
  private static let space = ScalarClasses.space
  private static let numeric = ScalarClasses.numeric
  private static let wordClasses = letter | number | space

  /// The classes and the bytes of the scalar at a place.
  @inline(__always)
  private static func classify(
    _ bytes: [UInt8], _ index: Int, _ classes: ScalarClasses
  ) -> (mask: ScalarClasses.Mask, length: Int) {
    let byte = bytes[index]
    if byte < 0x80 { return (classes.ascii[Int(byte)], 1) }
    let (value, length) = UTF8Scalars.decode(bytes, index)
    return (classes[value], length)
  }

  /// The end of the run of scalars from `start` on whose classes under `mask` are `wanted`.
  @inline(__always)
  private static func run(
    _ bytes: [UInt8], _ start: Int, _ end: Int, _ classes: ScalarClasses, _ mask: ScalarClasses.Mask,
    _ wanted: ScalarClasses.Mask
  ) -> Int {
    var index = start
    while index < end {
      let (found, length) = classify(bytes, index, classes)
      guard found & mask == wanted else { break }
      index &+= length
    }
    return index
  }

  /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
  @inline(__always)
  private static func gpt2(
    _ bytes: [UInt8], _ start: Int, _ end: Int, _ classes: ScalarClasses, betweenDigits: Bool
  ) -> Int {
    let byte = bytes[start]
    if byte == UInt8(ascii: "'") {
      let contraction = contraction(bytes, start, end, ignoringCase: false)
      if contraction > 0 { return start + contraction }
    }
    var first = start
    var (mask, length) = classify(bytes, start, classes)
    if byte == 0x20, start + 1 < end {
      let following = classify(bytes, start + 1, classes)
      if following.mask & space == 0 {
        // The digit begins a piece of its own; the space stays alone.
        if betweenDigits, following.mask & numeric != 0 { return start + 1 }
        (mask, length) = following
        first = start + 1
      }
    }
    if betweenDigits, mask & numeric != 0 { return first + length }
    if mask & space != 0 { return spaces(bytes, start, end, classes, endAtDigits: betweenDigits) }
    let kinds = betweenDigits ? wordClasses | numeric : wordClasses
    return run(bytes, first + length, end, classes, kinds, mask & wordClasses)
  }

  /// `\s+(?!\S)|\s+`: a run of white space leaves its last scalar to the word that follows, if it has more than one.
  @inline(__always)
  private static func spaces(
    _ bytes: [UInt8], _ start: Int, _ end: Int, _ classes: ScalarClasses, endAtDigits: Bool = false
  ) -> Int {
    var index = start
    var last = start
    while index < end {
      let (mask, length) = classify(bytes, index, classes)
      if mask & space == 0 {
        if endAtDigits, mask & numeric != 0 { return index }
        return last > start ? last : index
      }
      last = index
      index &+= length
    }
    return index
  }

  /// Bytes of a contraction's ending with its apostrophe at `start`, 0 if there is none.
  @inline(__always)
  private static func contraction(_ bytes: [UInt8], _ start: Int, _ end: Int, ignoringCase: Bool) -> Int {
    guard start + 1 < end else { return 0 }
    let fold: UInt8 = ignoringCase ? 0x20 : 0
    let second = bytes[start + 1] | fold
    switch second {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return 2
    default: break
    }
    guard start + 2 < end else { return 0 }
    let third = bytes[start + 2]
    // U+017F, the long s, is an s without regard for case.
    if ignoringCase, bytes[start + 1] == 0xc5, third == 0xbf { return 3 }
    switch (second, third | fold) {
    case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
      (UInt8(ascii: "l"), UInt8(ascii: "l")):
      return 3
    default: return 0
    }
  }

  /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
  @inline(__always)
  private static func cl100k(
    _ bytes: [UInt8], _ start: Int, _ end: Int, _ classes: ScalarClasses, digits: Int
  ) -> Int {
    let byte = bytes[start]
    if byte == UInt8(ascii: "'") {
      let contraction = contraction(bytes, start, end, ignoringCase: true)
      if contraction > 0 { return start + contraction }
    }
    let (mask, length) = classify(bytes, start, classes)
    let second = start + length
    if mask & letter != 0 { return run(bytes, second, end, classes, letter, letter) }
    if mask & number != 0 {
      var index = second
      for _ in 1..<max(1, digits) where index < end {
        let (mask, length) = classify(bytes, index, classes)
        guard mask & number != 0 else { break }
        index += length
      }
      return index
    }
    let isLineEnd = byte == 0x0a || byte == 0x0d
    if !isLineEnd, second < end {
      let following = classify(bytes, second, classes)
      if following.mask & letter != 0 { return run(bytes, second + following.length, end, classes, letter, letter) }
      if byte == 0x20, following.mask & wordClasses == 0 {
        return lineEnds(bytes, run(bytes, second + following.length, end, classes, wordClasses, 0), end)
      }
    }
    if mask & space == 0 { return lineEnds(bytes, run(bytes, second, end, classes, wordClasses, 0), end) }

    let spacesEnd = run(bytes, start, end, classes, space, space)
    var index = spacesEnd
    while index > start {
      if bytes[index - 1] == 0x0a || bytes[index - 1] == 0x0d { return index }
      index -= 1
    }
    return spaces(bytes, start, end, classes)
  }

  @inline(__always)
  private static func lineEnds(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int {
    var index = start
    while index < end, bytes[index] == 0x0a || bytes[index] == 0x0d { index += 1 }
    return index
  }
}
