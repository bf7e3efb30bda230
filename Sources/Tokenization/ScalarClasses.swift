/// The classes of Unicode scalars by which texts are split, each as the library sees it that the `tokenizers` package asks.
///
/// Those libraries know different versions of Unicode: Oniguruma and the `regex` crate 16.0, Rust's `char` 17.0, and
/// the crates behind BERT's normalizer 8.0 and 9.0. A scalar that is younger than a library's version counts as
/// unassigned there, so each class asks for the scalar's age; the few scalars that changed their category since are
/// listed. Compared with the package over all code points.
///
/// A two-stage table, built once at first use from the properties in Swift's standard library (about 20 ms).
package struct ScalarClasses: Sendable {
  /// Bits of a scalar's classes.
  package typealias Mask = UInt16

  /// `\p{L}` in Oniguruma.
  package static let letter: Mask = 1 << 0
  /// `\p{N}` in Oniguruma.
  package static let number: Mask = 1 << 1
  /// `\s` everywhere.
  package static let space: Mask = 1 << 2
  /// Rust's `char::is_numeric`.
  package static let numeric: Mask = 1 << 3
  /// ASCII punctuation and symbols, and what the `unicode_categories` crate calls punctuation.
  package static let punctuation: Mask = 1 << 4
  /// `\w` in the `regex` crate.
  package static let word: Mask = 1 << 5
  /// What BERT's clean-up takes away: U+0000, U+FFFD and the categories Cc, Cf and Co, but for tab and line ends.
  package static let control: Mask = 1 << 6
  /// Category Mn in the `unicode_categories` crate.
  package static let nonspacingMark: Mask = 1 << 7
  /// A combining mark in the `unicode_normalization_alignments` crate.
  package static let combiningMark: Mask = 1 << 8
  /// The blocks of ideographs around which BERT puts spaces.
  package static let ideograph: Mask = 1 << 9
  /// Lower case differs.
  package static let hasLowercase: Mask = 1 << 10

  package static let shared = ScalarClasses()

  /// The classes of the scalars below 128.
  let ascii: [Mask]
  /// Where the page of each 256 scalars begins.
  private let pageStarts: [Int32]
  private let pages: [Mask]

  @inline(__always)
  package subscript(value: UInt32) -> Mask {
    pages[Int(pageStarts[Int(value >> 8)]) &+ Int(value & 0xff)]
  }

  private init() {
    var pageStarts: [Int32] = []
    var pages: [Mask] = []
    var known: [[Mask]: Int32] = [:]
    for block in UInt32(0)..<0x1100 {
      let page = Self.page(block)
      if known[page] == nil {
        known[page] = Int32(pages.count)
        pages += page
      }
      pageStarts.append(known[page, default: 0])
    }
    self.pageStarts = pageStarts
    self.pages = pages
    ascii = Array(pages[0..<128])
  }

  private static func page(_ block: UInt32) -> [Mask] {
    let first = block << 8
    var page: [Mask]
    if isUniform(block) {
      page = [Mask](repeating: classes(first), count: 256)
    } else {
      page = (first..<first + 256).map(classes)
    }
    for index in 0..<256 where isIdeograph(first + UInt32(index)) { page[index] |= ideograph }
    return page
  }

  /// Whether all scalars of a block have the classes of its first one, known without asking each: it would take four
  /// times as long to build the table.
  private static func isUniform(_ block: UInt32) -> Bool {
    switch block {
    // Hangul syllables, surrogates, private use, unassigned planes, private planes but for their noncharacters.
    case 0xac...0xd6, 0xd8...0xf7, 0x400..<0xe00, 0xe02..<0xf00: return true
    case 0xf00...: return block & 0xff != 0xff
    default:
      // Blocks of ideographs end within pages, and have grown.
      return (block << 8..<(block + 1) << 8).allSatisfy { value in
        guard let properties = Unicode.Scalar(value)?.properties else { return false }
        return properties.isUnifiedIdeograph && age(properties) <= 1600
      }
    }
  }

  /// The version of Unicode that assigned a scalar, 100 major + minor; none is beyond all.
  static func age(_ properties: Unicode.Scalar.Properties) -> Int {
    properties.age.map { $0.major * 100 + $0.minor } ?? .max
  }

  private static func classes(_ value: UInt32) -> Mask {
    guard let scalar = Unicode.Scalar(value) else { return 0 }
    if value == 0xfffd { return control }
    let properties = scalar.properties
    let category = properties.generalCategory
    if category == .unassigned { return 0 }
    if category == .privateUse { return control }
    let age = age(properties)
    var mask: Mask = 0
    if properties.isWhitespace { mask |= space }
    var isLetter = false
    var isMark = false
    switch category {
    case .uppercaseLetter, .titlecaseLetter, .lowercaseLetter, .modifierLetter, .otherLetter: isLetter = true
    case .decimalNumber, .letterNumber, .otherNumber:
      if age <= 1700 { mask |= numeric }
      if age <= 1600 { mask |= number }
    case .nonspacingMark, .spacingMark, .enclosingMark: isMark = true
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      if age <= 800 { mask |= punctuation }
    case .control, .format:
      if age <= 800, value != 0x09, value != 0x0a, value != 0x0d { mask |= control }
    default: break
    }
    if age <= 1600 {
      if isLetter { mask |= letter }
      let isWord = isLetter || isMark || category == .decimalNumber || category == .connectorPunctuation
      if isWord || properties.isAlphabetic || properties.isJoinControl { mask |= word }
    }
    if age <= 1700, properties.changesWhenLowercased { mask |= hasLowercase }
    if isMark {
      if category == .nonspacingMark, age <= 800 { mask |= nonspacingMark }
      if age <= 900 { mask |= combiningMark }
    }
    if value < 0x80, "$+<=>^`|~".unicodeScalars.contains(scalar) { mask |= punctuation }
    return changed(value, mask)
  }

  /// The scalars whose category in the crates' old versions was another one than today's.
  private static func changed(_ value: UInt32, _ mask: Mask) -> Mask {
    switch value {
    case 0x166d: mask | punctuation
    case 0x1734, 0x1171e: mask | nonspacingMark
    case 0x1885, 0x1886, 0xa9bd: mask & ~nonspacingMark
    case 0x1cf2, 0x1cf3: mask | combiningMark
    case 0x111c9: (mask | punctuation) & ~(nonspacingMark | combiningMark)
    default: mask
    }
  }

  private static func isIdeograph(_ value: UInt32) -> Bool {
    switch value {
    case 0x4e00...0x9fff, 0x3400...0x4dbf, 0x20000...0x2a6df, 0x2a700...0x2b73f, 0x2b740...0x2b81f,
      0x2b920...0x2ceaf, 0xf900...0xfaff, 0x2f800...0x2fa1f:
      true
    default: false
    }
  }
}
