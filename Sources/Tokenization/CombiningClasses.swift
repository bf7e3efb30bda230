/// Canonical combining classes of the scalars up to Unicode 11; 0 for starters and all younger scalars.
struct CombiningClasses: Sendable {
  static let shared = CombiningClasses()

  private var pageNumbers = [UInt8](repeating: 0, count: 0x200)
  private var pages = [UInt8](repeating: 0, count: 256)

  private init() {
    for value in UInt32(0x300)..<0x20000 {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let combining = scalar.properties.canonicalCombiningClass.rawValue
      guard combining > 0, ScalarClasses.age(scalar.properties) <= 1100 else { continue }
      let block = Int(value >> 8)
      if pageNumbers[block] == 0 {
        pageNumbers[block] = UInt8(pages.count >> 8)
        pages += [UInt8](repeating: 0, count: 256)
      }
      pages[Int(pageNumbers[block]) << 8 | Int(value & 0xff)] = combining
    }
  }

  @inline(__always)
  subscript(value: UInt32) -> UInt8 {
    value < 0x300 || value >= 0x20000 ? 0 : pages[Int(pageNumbers[Int(value >> 8)]) << 8 | Int(value & 0xff)]
  }

  /// Sorts a run of scalars that are no starters by their classes, equal ones in their order. n log n for long runs.
  func order(_ scalars: inout [UInt32], from start: Int) {
    // The position in the low bits keeps equal classes in order.
    let run = scalars[start...].enumerated().map { offset, scalar in
      UInt64(self[scalar]) << 56 | UInt64(offset) << 21 | UInt64(scalar)
    }
    if zip(run, run.dropFirst()).allSatisfy({ $0 <= $1 }) { return }
    for (offset, key) in run.sorted().enumerated() { scalars[start + offset] = UInt32(key & 0x1f_ffff) }
  }
}

/// Hangul syllables, whose decompositions are arithmetic (The Unicode Standard, section 3.12).
enum Hangul {
  private static let (syllables, leads, vowels, trails): (UInt32, UInt32, UInt32, UInt32) = (
    0xac00, 0x1100, 0x1161, 0x11a7
  )
  private static let (vowelCount, trailCount, syllableCount): (UInt32, UInt32, UInt32) = (21, 28, 11172)

  static func decompose(_ syllable: UInt32, _ append: (UInt32) -> Void) {
    let index = syllable - syllables
    append(leads + index / (vowelCount * trailCount))
    append(vowels + index % (vowelCount * trailCount) / trailCount)
    if index % trailCount > 0 { append(trails + index % trailCount) }
  }

  static func compose(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if leads..<leads + 19 ~= first, vowels..<vowels + vowelCount ~= second {
      return syllables + ((first - leads) * vowelCount + second - vowels) * trailCount
    }
    if syllables..<syllables + syllableCount ~= first, (first - syllables) % trailCount == 0,
      trails + 1..<trails + trailCount ~= second
    {
      return first + second - trails
    }
    return nil
  }
}
