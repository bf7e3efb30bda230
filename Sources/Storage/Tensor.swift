import Foundation

extension Safetensors {
  /// The element types of the format, with their sizes in bits.
  public enum DType: String, Sendable, CaseIterable {
    case bool = "BOOL"
    case f4 = "F4"
    case f6e2m3 = "F6_E2M3"
    case f6e3m2 = "F6_E3M2"
    case u8 = "U8"
    case i8 = "I8"
    case f8e5m2 = "F8_E5M2"
    case f8e4m3 = "F8_E4M3"
    case f8e8m0 = "F8_E8M0"
    case f8e4m3fnuz = "F8_E4M3FNUZ"
    case f8e5m2fnuz = "F8_E5M2FNUZ"
    case i16 = "I16"
    case u16 = "U16"
    case f16 = "F16"
    case bf16 = "BF16"
    case i32 = "I32"
    case u32 = "U32"
    case f32 = "F32"
    case c64 = "C64"
    case f64 = "F64"
    case i64 = "I64"
    case u64 = "U64"

    public var bits: Int {
      switch self {
      case .f4: 4
      case .f6e2m3, .f6e3m2: 6
      case .bool, .u8, .i8, .f8e5m2, .f8e4m3, .f8e8m0, .f8e4m3fnuz, .f8e5m2fnuz: 8
      case .i16, .u16, .f16, .bf16: 16
      case .i32, .u32, .f32: 32
      case .c64, .f64, .i64, .u64: 64
      }
    }

    /// Whether the values are integers; BOOL counts as one.
    public var isInteger: Bool {
      switch self {
      case .bool, .u8, .i8, .i16, .u16, .i32, .u32, .i64, .u64: true
      default: false
      }
    }

    /// The bytes of a row-major tensor of this shape; nil where they are no whole number or overflow.
    func byteCount(_ shape: [Int]) -> Int? {
      var bits = self.bits
      for extent in shape {
        let (product, overflow) = bits.multipliedReportingOverflow(by: extent)
        if overflow { return nil }
        bits = product
      }
      return bits % 8 == 0 ? bits / 8 : nil
    }
  }

  /// A typed, shaped block of bytes: row-major, little-endian.
  public struct Tensor: Hashable, Sendable {
    public let dtype: DType
    /// Extents, outermost first; empty for a scalar.
    public let shape: [Int]
    public let bytes: Data

    /// - Precondition: `bytes` has as many bytes as the shape and type need.
    public init(dtype: DType, shape: [Int], bytes: Data) {
      precondition(
        dtype.byteCount(shape) == bytes.count && shape.allSatisfy { $0 >= 0 },
        "a \(dtype.rawValue) tensor of shape \(shape) does not have \(bytes.count) bytes")
      self.dtype = dtype
      self.shape = shape
      self.bytes = bytes
    }

    /// - Parameter shape: extents whose product is the number of values; a vector if nil.
    public init<Scalar: SafetensorsScalar>(_ values: [Scalar], shape: [Int]? = nil) {
      let width = Scalar.dtype.bits / 8
      var bytes: [UInt8] = []
      bytes.reserveCapacity(values.count * width)
      for value in values {
        var pattern = value.littleEndianPattern
        for _ in 0..<width {
          bytes.append(UInt8(truncatingIfNeeded: pattern))
          pattern >>= 8
        }
      }
      self.init(dtype: Scalar.dtype, shape: shape ?? [values.count], bytes: Data(bytes))
    }

    /// A BF16 tensor of these values, rounded to nearest, ties to even; a NaN stays one.
    ///
    /// - Parameter shape: extents whose product is the number of values; a vector if nil.
    public init(bf16 values: [Float], shape: [Int]? = nil) {
      self.init(dtype: .bf16, patterns: values.map(FloatConversion.bfloat16), shape: shape)
    }

    /// An F16 tensor of these values, rounded to nearest, ties to even: 65,520 and above give infinity; a NaN stays one.
    ///
    /// - Parameter shape: extents whose product is the number of values; a vector if nil.
    public init(f16 values: [Float], shape: [Int]? = nil) {
      self.init(dtype: .f16, patterns: values.map(FloatConversion.binary16), shape: shape)
    }

    private init(dtype: DType, patterns: [UInt16], shape: [Int]?) {
      let bytes = patterns.withUnsafeBytes { Data($0) }
      self.init(dtype: dtype, shape: shape ?? [patterns.count], bytes: bytes)
    }

    /// The values in row-major order, bit for bit as they were stored.
    ///
    /// - Throws: `StorageError.tensorType` where the tensor has another type: nothing is converted.
    public func values<Scalar: SafetensorsScalar>(as type: Scalar.Type = Scalar.self) throws -> [Scalar] {
      guard dtype == Scalar.dtype else {
        throw StorageError.tensorType(expected: Scalar.dtype.rawValue, found: dtype.rawValue)
      }
      let bytes = [UInt8](bytes)
      let width = Scalar.dtype.bits / 8
      return stride(from: 0, to: bytes.count, by: width).map { start in
        var pattern: UInt64 = 0
        for offset in 0..<width { pattern |= UInt64(bytes[start + offset]) << UInt64(8 * offset) }
        return Scalar(littleEndianPattern: pattern)
      }
    }
  }
}

/// A Swift number that a tensor can hold without conversion.
public protocol SafetensorsScalar {
  static var dtype: Safetensors.DType { get }
  /// The value's bits, in the low end of the word.
  var littleEndianPattern: UInt64 { get }
  init(littleEndianPattern: UInt64)
}

extension Double: SafetensorsScalar {
  public static var dtype: Safetensors.DType { .f64 }
  public var littleEndianPattern: UInt64 { bitPattern }
  public init(littleEndianPattern: UInt64) { self.init(bitPattern: littleEndianPattern) }
}

extension Float: SafetensorsScalar {
  public static var dtype: Safetensors.DType { .f32 }
  public var littleEndianPattern: UInt64 { UInt64(bitPattern) }
  public init(littleEndianPattern: UInt64) { self.init(bitPattern: UInt32(truncatingIfNeeded: littleEndianPattern)) }
}

extension UInt64: SafetensorsScalar {
  public static var dtype: Safetensors.DType { .u64 }
  public var littleEndianPattern: UInt64 { self }
  public init(littleEndianPattern: UInt64) { self = littleEndianPattern }
}

extension Int64: SafetensorsScalar {
  public static var dtype: Safetensors.DType { .i64 }
  public var littleEndianPattern: UInt64 { UInt64(bitPattern: self) }
  public init(littleEndianPattern: UInt64) { self.init(bitPattern: littleEndianPattern) }
}

extension UInt8: SafetensorsScalar {
  public static var dtype: Safetensors.DType { .u8 }
  public var littleEndianPattern: UInt64 { UInt64(self) }
  public init(littleEndianPattern: UInt64) { self.init(truncatingIfNeeded: littleEndianPattern) }
}
