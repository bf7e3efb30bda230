import Foundation

/// A 128-bit hash of bytes: names a checkpoint or a text in a cache. Not cryptographic: it protects from mistakes, not
/// from malice.
///
/// Bytes are read as 64-bit words by four chains, each `h = rotate(h ^ word) * odd`; the chains, the rest of the bytes
/// and the length are then folded by a finalizer that mixes all bits (that of MurmurHash3). At about the speed of
/// memory; the same on every machine.
public struct Fingerprint: Hashable, Sendable, CustomStringConvertible {
  public private(set) var high: UInt64
  public private(set) var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The hash of one block of bytes.
  public init(_ bytes: some ContiguousBytes) {
    var lanes = SIMD4<UInt64>(
      0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89)
    let multiplier: UInt64 = 0x9e37_79b9_7f4a_7c15
    (high, low) = bytes.withUnsafeBytes { buffer in
      let blocks = buffer.count / 32
      for block in 0..<blocks {
        let words = buffer.loadUnaligned(fromByteOffset: 32 * block, as: SIMD4<UInt64>.self)
        lanes ^= words
        lanes = lanes &<< 29 | lanes &>> 35
        lanes[0] = lanes[0] &* multiplier
        lanes[1] = lanes[1] &* multiplier
        lanes[2] = lanes[2] &* multiplier
        lanes[3] = lanes[3] &* multiplier
      }
      var rest = UInt64(buffer.count)
      for byte in buffer[(32 * blocks)...] { rest = Self.mix((rest ^ UInt64(byte)) &* multiplier) }
      var high = Self.mix(rest ^ 0x4528_21e6_38d0_1377)
      var low = Self.mix(rest &+ 0xbe54_66cf_34e9_0c6c)
      for lane in 0..<4 {
        high = Self.mix(high ^ lanes[lane])
        low = Self.mix(low &* multiplier &+ lanes[lane])
      }
      return (high, low)
    }
  }

  /// The hash of this hash and another, in this order.
  public func combined(with other: Fingerprint) -> Fingerprint {
    Fingerprint(
      high: Self.mix(high &* 3 ^ Self.mix(other.high &+ 0x9e37_79b9_7f4a_7c15)),
      low: Self.mix(low &* 5 ^ Self.mix(other.low &+ 0xc2b2_ae3d_27d4_eb4f)))
  }

  /// 32 hexadecimal digits.
  public var description: String {
    [high, low].map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  private static func mix(_ word: UInt64) -> UInt64 {
    var word = word
    word ^= word >> 33
    word = word &* 0xff51_afd7_ed55_8ccd
    word ^= word >> 33
    word = word &* 0xc4ce_b9fe_1a85_ec53
    return word ^ (word >> 33)
  }
}

extension CheckpointTensors {
  /// The hash of all weight files as they are, headers included. Linear: reads every byte once.
  public var fingerprint: Fingerprint {
    files.reduce(Fingerprint([UInt8]())) { hash, file in
      defer { file.file.bytes.release() }
      return hash.combined(with: Fingerprint(file.file.bytes))
    }
  }
}
