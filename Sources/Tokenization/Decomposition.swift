import Foundation

/// The four Unicode normalization forms as the `tokenizers` package computes them: with the data of Unicode 11.
///
/// Scalars that are younger than that stay as they are and part the text around them, as unassigned scalars do. The
/// decompositions of single scalars come from Foundation, by one call at first use (about 50 ms); reordering and
/// composition are computed here, so that a text costs O(its bytes) and no conversion to Foundation's strings.
///
/// Source: Unicode Standard Annex #15.
package struct Decomposition: Sendable {
  package static let canonical = Decomposition(compatibility: false)
  package static let compatibility = Decomposition(compatibility: true)

  /// That of NFC and NFD, or of NFKC and NFKD.
  static func of(compatibility: Bool) -> Decomposition { compatibility ? .compatibility : .canonical }

  private static let unicodeVersion = 1100

  /// Pages of 256 for the scalars' blocks; page 0 is empty.
  private var pageNumbers = [UInt16](repeating: 0, count: 0x1100)
  /// Positions in `scalars` by page, 0 where a scalar has no decomposition.
  private var pages = [UInt32](repeating: 0, count: 256)
  /// Each decomposition after its length; a length comes first so that no position is 0.
  private var scalars: [UInt32] = [0]

  private init(compatibility: Bool) {
    var candidates = String.UnicodeScalarView()
    for value in UInt32(0x80)..<0x30000 {
      // Hangul is computed. Unified ideographs have none.
      if 0xac00...0xd7a3 ~= value { continue }
      guard let scalar = Unicode.Scalar(value), Self.mayDecompose(scalar) else { continue }
      candidates.append(scalar)
      candidates.append("\n")
    }
    let text = String(candidates)
    let decomposed =
      compatibility ? text.decomposedStringWithCompatibilityMapping : text.decomposedStringWithCanonicalMapping
    var originals = candidates.makeIterator()
    var parts: [UInt32] = []
    for scalar in decomposed.unicodeScalars {
      if scalar != "\n" {
        parts.append(scalar.value)
        continue
      }
      if let original = originals.next(), parts != [original.value] { set(original.value, parts) }
      _ = originals.next()
      parts.removeAll(keepingCapacity: true)
    }
  }

  private static func mayDecompose(_ scalar: Unicode.Scalar) -> Bool {
    let properties = scalar.properties
    if properties.isUnifiedIdeograph { return false }
    switch properties.generalCategory {
    case .unassigned, .control, .privateUse, .surrogate: return false
    default: return ScalarClasses.age(properties) <= unicodeVersion
    }
  }

  private mutating func set(_ value: UInt32, _ parts: [UInt32]) {
    let block = Int(value >> 8)
    if pageNumbers[block] == 0 {
      pageNumbers[block] = UInt16(pages.count >> 8)
      pages += [UInt32](repeating: 0, count: 256)
    }
    pages[Int(pageNumbers[block]) << 8 | Int(value & 0xff)] = UInt32(scalars.count)
    scalars.append(UInt32(parts.count))
    scalars += parts
  }

  /// The full decomposition of each scalar that has one.
  func forEach(_ body: (UInt32, ArraySlice<UInt32>) -> Void) {
    for block in 0..<pageNumbers.count where pageNumbers[block] != 0 {
      for low in 0..<256 {
        let start = Int(pages[Int(pageNumbers[block]) << 8 | low])
        if start > 0 { body(UInt32(block << 8 | low), scalars[start + 1...start + Int(scalars[start])]) }
      }
    }
  }

  /// The decomposition of a text in canonical order: NFD or NFKD.
  package func decompose(_ text: [UInt8]) -> [UInt32] {
    var output: [UInt32] = []
    output.reserveCapacity(text.count)
    let classes = CombiningClasses.shared
    // Where the scalars since the last starter begin; they are put in order when the next starter comes.
    var marks = 0
    func append(_ value: UInt32) {
      if classes[value] == 0 {
        if output.count - marks > 1 { classes.order(&output, from: marks) }
        output.append(value)
        marks = output.count
      } else {
        output.append(value)
      }
    }
    var index = 0
    while index < text.count {
      let (value, length) = UTF8Scalars.decode(text, index)
      index += length
      if 0xac00...0xd7a3 ~= value {
        Hangul.decompose(value, append)
        continue
      }
      let start = Int(pages[Int(pageNumbers[Int(value >> 8)]) << 8 | Int(value & 0xff)])
      if start == 0 {
        append(value)
      } else {
        for part in scalars[start + 1...start + Int(scalars[start])] { append(part) }
      }
    }
    if output.count - marks > 1 { classes.order(&output, from: marks) }
    return output
  }
}
