/// The search for infinities and NaN in stored numbers: at memory speed, so that every weight can be looked at on loading.
enum NonFiniteScan {
  /// Values between two looks at what was gathered.
  private static let block = 4096

  /// The index of the first value whose exponent bits are all ones; nil if there is none.
  ///
  /// Adding one unit of the exponent to a value without its sign carries into the sign bit just where the exponent is all
  /// ones. The carries of a block are gathered by OR, without a branch for each value. Linear; one pass.
  ///
  /// - Parameters:
  ///   - exponentUnit: the lowest bit of the exponent.
  ///   - source: `count` patterns at any alignment.
  @inline(__always) private static func firstIndex<Pattern: FixedWidthInteger & UnsignedInteger>(
    _ source: UnsafeRawPointer, _ count: Int, exponentUnit: Pattern
  ) -> Int? {
    let magnitude = Pattern.max >> 1
    let width = MemoryLayout<Pattern>.size
    var start = 0
    while start < count {
      let end = min(start &+ block, count)
      var carries: Pattern = 0
      for index in start..<end {
        let pattern = source.loadUnaligned(fromByteOffset: width &* index, as: Pattern.self)
        carries |= (pattern & magnitude) &+ exponentUnit
      }
      if carries > magnitude {
        return (start..<end).first { index in
          let pattern = source.loadUnaligned(fromByteOffset: width &* index, as: Pattern.self)
          return (pattern & magnitude) &+ exponentUnit > magnitude
        }
      }
      start = end
    }
    return nil
  }

  /// The same for a type of the format; all integers are finite. `.some(nil)` where none was found, nil where the type is
  /// a float that is not read.
  static func firstIndex(_ dtype: Safetensors.DType, _ source: UnsafeRawPointer, _ count: Int) -> Int?? {
    switch dtype {
    case .f16: .some(firstIndex(source, count, exponentUnit: UInt16(1) << 10))
    case .bf16: .some(firstIndex(source, count, exponentUnit: UInt16(1) << 7))
    case .f32: .some(firstIndex(source, count, exponentUnit: UInt32(1) << 23))
    case .f64: .some(firstIndex(source, count, exponentUnit: UInt64(1) << 52))
    default: dtype.isInteger ? .some(nil) : nil
    }
  }
}
