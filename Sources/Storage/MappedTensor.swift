/// A tensor of a mapped safetensors file: its type and shape, and its bytes where they lie in the file.
public struct MappedTensor: Sendable {
  public let name: String
  public let dtype: Safetensors.DType
  /// Extents, outermost first; empty for a scalar.
  public let shape: [Int]
  /// The values, row-major and little-endian. Their alignment is the file's; see `MappedBytes.isAligned(to:)`.
  public let bytes: MappedBytes

  /// How many values the tensor has: the product of `shape`.
  public var count: Int { bytes.count * 8 / dtype.bits }

  /// The values as Float, row-major: F32 as stored, BF16 and F16 widened exactly, F64 rounded to nearest.
  ///
  /// A NaN keeps its bits, except one of F64. Linear; nothing is checked for being finite: see `firstNonFinite`.
  ///
  /// - Parameter range: which values, counted in row-major order; all if nil.
  /// - Throws: `StorageError.unusableTensor` for any other type.
  /// - Precondition: `range` lies in `0..<count`.
  public func floats(_ range: Range<Int>? = nil) throws -> [Float] {
    let range = range ?? 0..<count
    return try [Float](unsafeUninitializedCapacity: range.count) { buffer, filled in
      try copyFloats(into: UnsafeMutableBufferPointer(rebasing: buffer[..<range.count]), range: range)
      filled = range.count
    }
  }

  /// Writes what `floats(range)` would give to memory of the caller, which need not be initialized. Threads may fill parts
  /// of one matrix at the same time.
  ///
  /// - Throws: `StorageError.unusableTensor` for a type other than F32, BF16, F16 and F64.
  /// - Precondition: `range` lies in `0..<count`, and `target` has room for just these values.
  public func copyFloats(into target: UnsafeMutableBufferPointer<Float>, range: Range<Int>) throws {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "values \(range) of \(count) of \"\(name)\"")
    precondition(target.count == range.count, "\(range.count) values do not fit memory for \(target.count)")
    guard isFloatConvertible else {
      throw unusable(
        dtype.isInteger
          ? "its values are integers (\(dtype.rawValue)), not floats; read them by integers()"
          : "\(dtype.rawValue) is not read as Float; convert the file to F32, BF16 or F16")
    }
    guard let start = target.baseAddress else { return }
    bytes[byteRange(range)].withUnsafeBytes { source in
      guard let source = source.baseAddress else { return }
      _ = FloatConversion.copy(dtype, source, to: start, count: range.count)
    }
  }

  /// The values of an integer type or BOOL (0 or 1), row-major. Linear.
  ///
  /// - Throws: `StorageError.unusableTensor` for other types, for a U64 above 2^63 - 1, and for a BOOL that is neither
  ///   0 nor 1.
  public func integers() throws -> [Int64] {
    switch dtype {
    case .i8: return values(Int8.self)
    case .u8: return values(UInt8.self)
    case .i16: return values(Int16.self)
    case .u16: return values(UInt16.self)
    case .i32: return values(Int32.self)
    case .u32: return values(UInt32.self)
    case .i64: return values(Int64.self)
    case .u64:
      // As Int64 such a value would be negative.
      let values = values(UInt64.self)
      if let index = values.firstIndex(where: { $0 < 0 }) {
        throw unusable("value \(index) is \(UInt64(bitPattern: values[index])), above the largest signed integer")
      }
      return values
    case .bool:
      let values = values(UInt8.self)
      if let index = values.firstIndex(where: { $0 > 1 }) {
        throw unusable("value \(index) is the byte \(values[index]), but a BOOL is 0 or 1")
      }
      return values
    default:
      throw unusable("its values are \(dtype.rawValue), not integers; read floats by floats()")
    }
  }

  /// The first infinity or NaN, with its index in row-major order; nil if all values are finite, as integers are.
  ///
  /// Linear, at about the speed at which memory can be read; a file that is not in memory yet is thereby read.
  ///
  /// - Parameter range: which values; all if nil. The index counts from the tensor's first value nonetheless.
  /// - Throws: `StorageError.unusableTensor` for floats that are not read: F4, F6, F8 and C64.
  /// - Precondition: `range` lies in `0..<count`.
  public func firstNonFinite(_ range: Range<Int>? = nil) throws -> (index: Int, value: Double)? {
    let range = range ?? 0..<count
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "values \(range) of \(count) of \"\(name)\"")
    guard isFloatConvertible || dtype.isInteger else {
      throw unusable("\(dtype.rawValue) is not read, so nothing can be checked; convert the file to F32, BF16 or F16")
    }
    return bytes[byteRange(range)].withUnsafeBytes { source in
      guard let source = source.baseAddress,
        let index = NonFiniteScan.firstIndex(dtype, source, range.count) ?? nil
      else { return nil }
      let place = source + index * (dtype.bits / 8)
      let value: Double
      switch dtype {
      case .f64: value = place.loadUnaligned(as: Double.self)
      case .f32: value = Double(place.loadUnaligned(as: Float.self))
      case .f16: value = Double(FloatConversion.float(binary16: place.loadUnaligned(as: UInt16.self)))
      default: value = Double(FloatConversion.float(bfloat16: place.loadUnaligned(as: UInt16.self)))
      }
      return (range.lowerBound + index, value)
    }
  }

  private var isFloatConvertible: Bool {
    switch dtype {
    case .f16, .bf16, .f32, .f64: true
    default: false
    }
  }

  private func byteRange(_ range: Range<Int>) -> Range<Int> {
    let width = dtype.bits / 8
    return range.lowerBound * width..<range.upperBound * width
  }

  private func values<Integer: FixedWidthInteger>(_ type: Integer.Type) -> [Int64] {
    let width = MemoryLayout<Integer>.size
    return bytes.withUnsafeBytes { source in
      (0..<count).map { Int64(truncatingIfNeeded: source.loadUnaligned(fromByteOffset: width * $0, as: type)) }
    }
  }

  private func unusable(_ reason: String) -> StorageError {
    .unusableTensor(file: bytes.file.path, tensor: name, reason: reason)
  }
}
