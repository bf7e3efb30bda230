import Foundation

/// Damages the bytes of files at random, alike in each run, for tests that readers refuse damage and never crash.
public struct ByteDamage {
  private var generator: SplitMix64

  public init(seed: UInt64) { generator = SplitMix64(state: seed) }

  /// How many damaged files a test reads; `BAYESIANROUTER_FUZZ_INPUTS` asks for more, e.g. 100,000 under
  /// `--sanitize=address`.
  public static let inputs =
    ProcessInfo.processInfo.environment["BAYESIANROUTER_FUZZ_INPUTS"].flatMap(Int.init) ?? 20_000

  /// Pieces that a damaged file gets in some place.
  private static let pieces = [
    "null", "true", "0", "-1", "1e9", "4294967296", "9223372036854775807", "\"\"", "[]", "{}", "\"a\"", "\"\\u0000\"",
    "[[]]", "\",\"",
    "Sequence", "ByteLevel", "Metaspace", "Split", "Regex", "String", "(a|b)*", "\\\\p{L}+", "(", "[", "}", "],",
    "\"type\":", "type",
    "NFKC", "Strip", "Replace", "Removed", "true", "false", "▁", "\u{301}", "é", "<0x00>", "##", "##\"", "\"##", " ",
  ]

  /// The bytes with one change in half of the cases, else with two to four.
  public mutating func damaged(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<(Bool.random(using: &generator) ? 1 : Int.random(in: 2...4, using: &generator)) where !bytes.isEmpty {
      change(&bytes)
    }
    return bytes
  }

  private mutating func change(_ bytes: inout [UInt8]) {
    let place = Int.random(in: 0..<bytes.count, using: &generator)
    let end = min(bytes.count, place + Int.random(in: 1...12, using: &generator))
    switch Int.random(in: 0..<16, using: &generator) {
    case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
    case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 2: bytes.removeSubrange(place..<end)
    case 3: bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
    case 4: bytes.removeSubrange(place...)
    case 5, 6:
      let piece = Self.pieces.randomElement(using: &generator) ?? ""
      bytes.replaceSubrange(place..<(Bool.random(using: &generator) ? place : end), with: piece.utf8)
    case 7...10:
      // A letter for a letter leaves the syntax alone.
      if let letter = bytes[place...].firstIndex(where: { 0x61...0x7a ~= $0 }) {
        bytes[letter] = UInt8.random(in: 0x61...0x7a, using: &generator)
      }
    default:
      // A whole value is replaced by another one.
      guard let colon = bytes[place...].firstIndex(of: UInt8(ascii: ":")) else { break }
      let stop = bytes[colon...].firstIndex { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "}") } ?? bytes.count
      let piece = Self.pieces.randomElement(using: &generator) ?? ""
      bytes.replaceSubrange(colon + 1..<stop, with: piece.utf8)
    }
  }
}

/// The random generator SplitMix64, whose numbers are the same on every machine.
///
/// Source: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
public struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  public init(state: UInt64) { self.state = state }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
