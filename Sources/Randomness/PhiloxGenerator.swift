import Foundation

/// A counter-based random generator: Philox 4x64 with ten rounds, one independent sequence per seed, stream name and index.
///
/// Output block i is `philox(counter: i, key)`, four 64-bit words, so a draw depends on nothing but (seed, stream, index,
/// position): a new draw in one stream shifts no other, and the state is six words that save and load exactly.
///
/// - Period: 2^256 blocks a key; the index occupies the fourth counter word, so streams of different index never meet.
/// - Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011. The words of a key and
///   counter equal those of `numpy.random.Philox` and of Random123's known-answer file.
public struct PhiloxGenerator: RandomNumberGenerator, Sendable, Equatable, Codable {
  /// The two key words.
  public let key: SIMD2<UInt64>
  /// The counter of the block that is being handed out.
  public private(set) var counter: SIMD4<UInt64>
  /// How many words of the current block were handed out, 0 to 4.
  public private(set) var position: Int
  /// The second normal of the last pair, if it was not yet used.
  private var spareNormal: Double?
  private var block: SIMD4<UInt64>

  /// A generator whose first block is that of `counter + 1`, as `numpy.random.Philox(key:counter:)` does.
  public init(key: SIMD2<UInt64>, counter: SIMD4<UInt64> = .zero) {
    self.key = key
    self.counter = counter
    position = 4
    block = .zero
  }

  /// The generator of one purpose.
  ///
  /// - Parameters:
  ///   - seed: the user's seed.
  ///   - stream: names the purpose, e.g. `"thompson"`; hashed (FNV-1a, 64 bits) to the second key word.
  ///   - index: counts repetitions of one purpose, e.g. the run.
  public init(seed: UInt64, stream: String, index: UInt64 = 0) {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in stream.utf8 {
      hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }
    self.init(key: SIMD2(seed, hash), counter: SIMD4(0, 0, 0, index))
  }

  public mutating func next() -> UInt64 {
    if position == 4 {
      advanceCounter()
      block = Self.philox(counter: counter, key: key)
      position = 0
    }
    defer { position += 1 }
    return block[position]
  }

  /// Uniform in [0, 1), 53 bits.
  public mutating func nextUniform() -> Double {
    Double(next() >> 11) * 0x1p-53
  }

  /// Uniform integer in 0..<bound, without bias.
  public mutating func nextIndex(below bound: Int) -> Int {
    precondition(bound > 0, "no index below \(bound)")
    // Lemire's method: the high word of word x bound, rejecting the few low words that would favour small indices.
    let range = UInt64(bound)
    let threshold = (0 &- range) % range
    while true {
      let product = next().multipliedFullWidth(by: range)
      if product.low >= threshold { return Int(product.high) }
    }
  }

  /// A standard normal, by the polar method of Marsaglia: exact up to the rounding of `log` and `sqrt`.
  public mutating func nextNormal() -> Double {
    if let spare = spareNormal {
      spareNormal = nil
      return spare
    }
    while true {
      let u = 2 * nextUniform() - 1
      let v = 2 * nextUniform() - 1
      let radius = u * u + v * v
      guard radius > 0, radius < 1 else { continue }
      let scale = (-2 * log(radius) / radius).squareRoot()
      spareNormal = v * scale
      return u * scale
    }
  }

  /// `count` standard normals, in the order in which `nextNormal` gives them.
  public mutating func normals(_ count: Int) -> [Double] {
    var values: [Double] = []
    values.reserveCapacity(count)
    for _ in 0..<count { values.append(nextNormal()) }
    return values
  }

  /// The indices 0..<count in a uniformly random order (Fisher-Yates, fixed here so that no library release changes it).
  public mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(last, nextIndex(below: last + 1))
    }
    return order
  }

  private mutating func advanceCounter() {
    for word in 0..<4 {
      counter[word] &+= 1
      if counter[word] != 0 { return }
    }
  }

  /// Ten Philox rounds on one counter.
  package static func philox(counter: SIMD4<UInt64>, key: SIMD2<UInt64>) -> SIMD4<UInt64> {
    var (c0, c1, c2, c3) = (counter[0], counter[1], counter[2], counter[3])
    var (k0, k1) = (key[0], key[1])
    for round in 0..<10 {
      if round > 0 {
        k0 &+= 0x9e37_79b9_7f4a_7c15
        k1 &+= 0xbb67_ae85_84ca_a73b
      }
      let left = (0xd2e7_470e_e14c_6c93 as UInt64).multipliedFullWidth(by: c0)
      let right = (0xca5a_8263_9512_1157 as UInt64).multipliedFullWidth(by: c2)
      (c0, c1, c2, c3) = (right.high ^ c1 ^ k0, right.low, left.high ^ c3 ^ k1, left.low)
    }
    return SIMD4(c0, c1, c2, c3)
  }
}
