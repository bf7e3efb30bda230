/// Reading and writing Unicode scalars in arrays of UTF-8 bytes.
///
/// All texts inside this module are valid UTF-8, so a lead byte tells how many bytes follow.
enum UTF8Scalars {
  /// Bytes of the scalar whose first byte this is.
  @inline(__always)
  static func length(_ lead: UInt8) -> Int {
    lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  }

  /// The scalar that begins at `index`, and its bytes.
  @inline(__always)
  static func decode(_ bytes: [UInt8], _ index: Int) -> (value: UInt32, length: Int) {
    let lead = UInt32(bytes[index])
    if lead < 0x80 { return (lead, 1) }
    let second = UInt32(bytes[index + 1]) & 0x3f
    if lead < 0xe0 { return ((lead & 0x1f) << 6 | second, 2) }
    let third = UInt32(bytes[index + 2]) & 0x3f
    if lead < 0xf0 { return ((lead & 0x0f) << 12 | second << 6 | third, 3) }
    return ((lead & 0x07) << 18 | second << 12 | third << 6 | UInt32(bytes[index + 3]) & 0x3f, 4)
  }

  /// The scalar that ends before `index`, and its bytes; `index` is more than `start`.
  @inline(__always)
  static func decode(_ bytes: [UInt8], before index: Int, from start: Int) -> (value: UInt32, length: Int) {
    var first = index - 1
    while first > start, bytes[first] & 0xc0 == 0x80 { first -= 1 }
    return (decode(bytes, first).value, index - first)
  }

  static func append(_ value: UInt32, to bytes: inout [UInt8]) {
    switch value {
    case 0..<0x80:
      bytes.append(UInt8(truncatingIfNeeded: value))
    case 0x80..<0x800:
      bytes.append(UInt8(truncatingIfNeeded: 0xc0 | value >> 6))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | value & 0x3f))
    case 0x800..<0x10000:
      bytes.append(UInt8(truncatingIfNeeded: 0xe0 | value >> 12))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | value >> 6 & 0x3f))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | value & 0x3f))
    default:
      bytes.append(UInt8(truncatingIfNeeded: 0xf0 | value >> 18))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | value >> 12 & 0x3f))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | value >> 6 & 0x3f))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | value & 0x3f))
    }
  }

  /// The scalars of a text.
  static func values(_ bytes: [UInt8]) -> [UInt32] {
    var values: [UInt32] = []
    values.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      let (value, length) = decode(bytes, index)
      values.append(value)
      index += length
    }
    return values
  }

  static func isASCII(_ bytes: [UInt8]) -> Bool {
    var all: UInt8 = 0
    for byte in bytes { all |= byte }
    return all < 0x80
  }

  /// The bytes as text that is surely valid: ill-formed sequences become U+FFFD, as `String(decoding:as:)` has it.
  static func repaired(_ bytes: [UInt8]) -> [UInt8] {
    isASCII(bytes) ? bytes : Array(String(decoding: bytes, as: UTF8.self).utf8)
  }
}
