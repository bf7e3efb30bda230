/// GPT-2's way to write bytes as visible characters: the printable characters of Latin-1 stand for themselves, the
/// other 68 bytes are U+0100, U+0101, ... in their order.
///
/// Source: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019, published code.
enum ByteAlphabet {
  /// The scalar of each byte.
  static let scalars: [UInt32] = {
    var next: UInt32 = 0x100
    return (UInt32(0)..<256).map { byte in
      switch byte {
      case 0x21...0x7e, 0xa1...0xac, 0xae...0xff: return byte
      default:
        defer { next += 1 }
        return next
      }
    }
  }()

  /// The byte of each scalar below U+0144, -1 where it stands for none.
  private static let bytes: [Int16] = {
    var bytes = [Int16](repeating: -1, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = Int16(byte) }
    return bytes
  }()

  static func append(_ byte: UInt8, to output: inout [UInt8]) {
    UTF8Scalars.append(scalars[Int(byte)], to: &output)
  }

  /// Appends the bytes for which a text stands. False, with nothing appended, where one of its scalars stands for none.
  static func appendBytes(of text: ArraySlice<UInt8>, to output: inout [UInt8]) -> Bool {
    let count = output.count
    var index = text.startIndex
    while index < text.endIndex {
      let lead = text[index]
      var scalar = Int(lead)
      if lead >= 0x80 {
        // Scalars above U+07FF have three bytes or more and stand for none.
        scalar = lead < 0xe0 ? Int(lead & 0x1f) << 6 | Int(text[index + 1] & 0x3f) : .max
      }
      guard scalar < bytes.count, bytes[scalar] >= 0 else {
        output.removeLast(output.count - count)
        return false
      }
      output.append(UInt8(bytes[scalar]))
      index += lead < 0x80 ? 1 : 2
    }
    return true
  }
}
