#if !_endian(little)
  #error("safetensors files are little-endian, and their numbers are read in place")
#endif

/// Conversion between Float and the narrow formats that checkpoints use. Widening has neither tables nor branches, so that
/// the compiler turns it into vector code.
///
/// binary16 (F16): sign 1, exponent 5 (bias 15), fraction 10 bits, IEEE 754-2019, 3.6. bfloat16 (BF16): the upper half of a
/// Float's 32 bits. Widening is exact and keeps each bit of a NaN; narrowing rounds to nearest, ties to even, and keeps a
/// NaN's sign and leading fraction bits but makes it quiet.
enum FloatConversion {
  /// The exponent of Float minus that of binary16 for the same value, at its place in a Float.
  private static let rebias: UInt32 = (127 - 15) << 23

  @inline(__always) static func float(bfloat16 bits: UInt16) -> Float {
    Float(bitPattern: UInt32(bits) << 16)
  }

  @inline(__always) static func float(binary16 bits: UInt16) -> Float {
    let exponentMask: UInt32 = 0x1f << 23
    let magnitude = UInt32(bits & 0x7fff) << 13
    let exponent = magnitude & exponentMask
    // Infinities and NaN take the step from exponent 31 to 255 in two halves.
    let normal = magnitude &+ rebias &+ (exponent == exponentMask ? rebias : 0)
    // A fraction f below the normal range is f 2^-24 = (1 + f 2^-10) 2^-14 - 2^-14, exact in Float, and so is zero. No
    // subnormal Float occurs, so that modes which flush them do no harm.
    let smallestNormal = rebias &+ 1 << 23
    let subnormal = Float(bitPattern: magnitude &+ smallestNormal) - Float(bitPattern: smallestNormal)
    return Float(bitPattern: UInt32(bits & 0x8000) << 16 | (exponent == 0 ? subnormal.bitPattern : normal))
  }

  @inline(__always) static func bfloat16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let rounded = (bits &+ 0x7fff &+ (bits >> 16 & 1)) >> 16
    return UInt16(truncatingIfNeeded: value.isNaN ? bits >> 16 | 0x40 : rounded)
  }

  @inline(__always) static func binary16(_ value: Float) -> UInt16 {
    let sign = value.bitPattern >> 16 & 0x8000
    let magnitude = value.bitPattern & 0x7fff_ffff
    let overflow: UInt32 = (127 + 16) << 23
    let smallestNormal = rebias &+ 1 << 23
    let result: UInt32
    if magnitude > 0x7f80_0000 {
      result = 0x7e00 | magnitude >> 13 & 0x3ff
    } else if magnitude >= overflow {
      result = 0x7c00
    } else if magnitude < smallestNormal {
      // One unit in the last place of 1/2 is the smallest subnormal, 2^-24, so that the sum is rounded where it must be.
      result = (Float(bitPattern: magnitude) + 0.5).bitPattern &- Float(0.5).bitPattern
    } else {
      // A carry out of the fraction counts the exponent up, at the end to infinity.
      result = (magnitude &- rebias &+ 0xfff &+ (magnitude >> 13 & 1)) >> 13
    }
    return UInt16(truncatingIfNeeded: sign | result)
  }

  /// Writes `count` values as Float: copies F32, widens BF16 and F16, rounds F64 to nearest. False for other types.
  ///
  /// - Parameters:
  ///   - source: the values' bytes at any alignment, `count` of them at least.
  ///   - target: memory for `count` values, which need not be initialized.
  static func copy(
    _ dtype: Safetensors.DType, _ source: UnsafeRawPointer, to target: UnsafeMutablePointer<Float>, count: Int
  ) -> Bool {
    switch dtype {
    case .f32:
      UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: 4 * count)
    case .bf16:
      for index in 0..<count {
        target[index] = float(bfloat16: source.loadUnaligned(fromByteOffset: 2 &* index, as: UInt16.self))
      }
    case .f16:
      for index in 0..<count {
        target[index] = float(binary16: source.loadUnaligned(fromByteOffset: 2 &* index, as: UInt16.self))
      }
    case .f64:
      for index in 0..<count {
        target[index] = Float(source.loadUnaligned(fromByteOffset: 8 &* index, as: Double.self))
      }
    default:
      return false
    }
    return true
  }
}
