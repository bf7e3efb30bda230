/// The header of a safetensors file, checked against the length of the file: the tensors fill what follows it, each
/// with the bytes that its type and shape need.
struct SafetensorsHeader {
  struct Entry {
    let name: String
    let dtype: Safetensors.DType
    let shape: [Int]
    /// Where the tensor's bytes lie in the file.
    let range: Range<Int>
  }

  /// The tensors, in the order of their bytes.
  let entries: [Entry]
  let metadata: [String: String]

  /// - Parameters:
  ///   - file: all bytes of the file, of which those of the header are read.
  ///   - name: what error texts call the file.
  /// - Throws: `StorageError.invalidSafetensors`.
  init(_ file: UnsafeRawBufferPointer, name: String) throws {
    func invalid(_ reason: String) -> StorageError { .invalidSafetensors(name: name, reason: reason) }
    guard file.count >= 8 else { throw invalid("\(file.count) bytes cannot hold the header's length") }
    let length = UInt64(littleEndian: file.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(Safetensors.longestHeader) else {
      throw invalid("its header would have \(length) bytes; the limit is \(Safetensors.longestHeader)")
    }
    let dataStart = 8 + Int(length)
    guard dataStart <= file.count else {
      throw invalid("its header would have \(length) bytes, but only \(file.count - 8) follow: the file is cut off")
    }
    let bytes = [UInt8](file[8..<dataStart])
    guard bytes.first == UInt8(ascii: "{") else { throw invalid("the header does not start with '{'") }
    let parsed: JSONValue
    do {
      parsed = try JSONParser.parse(bytes, in: 0..<bytes.count)
    } catch {
      throw invalid("header byte \(error.offset): \(error.reason)")
    }
    guard case .object(let header) = parsed else { throw invalid("the header is no object") }

    var metadata: [String: String] = [:]
    var claims: [Claim] = []
    for member in header.members {
      guard case .object(let fields) = member.value else {
        throw invalid("\"\(member.key)\" is \(member.value.summary), not an object")
      }
      if member.key == "__metadata__" {
        for field in fields.members {
          guard case .string(let text) = field.value else {
            throw invalid("metadata \"\(field.key)\" is \(field.value.summary), not a text")
          }
          metadata[field.key] = text
        }
      } else {
        guard let claim = Claim(member.key, fields) else {
          throw invalid("tensor \"\(member.key)\" lacks a known dtype, a shape or data_offsets of two integers")
        }
        claims.append(claim)
      }
    }
    self.metadata = metadata
    do {
      entries = try Self.placed(claims, from: dataStart, dataCount: file.count - dataStart)
    } catch {
      throw invalid(error.reason)
    }
  }

  /// Checks that the tensors follow each other from the first byte of the data to the last without hole or overlap.
  private static func placed(
    _ claims: [Claim], from dataStart: Int, dataCount: Int
  ) throws(Misplacement) -> [Entry] {
    var expected = 0
    var entries: [Entry] = []
    entries.reserveCapacity(claims.count)
    for claim in claims.sorted(by: Claim.precedes) {
      guard claim.begin == expected else {
        throw Misplacement(
          reason: "tensor \"\(claim.name)\" begins at byte \(claim.begin) of the data instead of \(expected), so "
            + "bytes are " + (claim.begin > expected ? "unused" : "shared"))
      }
      guard claim.end <= dataCount else {
        throw Misplacement(
          reason: "tensor \"\(claim.name)\" ends at byte \(claim.end) of \(dataCount): the file is cut off")
      }
      guard claim.end >= claim.begin, claim.dtype.byteCount(claim.shape) == claim.end - claim.begin else {
        throw Misplacement(
          reason: "tensor \"\(claim.name)\" has offsets \(claim.begin) to \(claim.end), which do not fit "
            + "\(claim.dtype.rawValue) of shape \(claim.shape)")
      }
      expected = claim.end
      entries.append(
        Entry(
          name: claim.name, dtype: claim.dtype, shape: claim.shape,
          range: dataStart + claim.begin..<dataStart + claim.end))
    }
    guard expected == dataCount else {
      throw Misplacement(reason: "the tensors end at byte \(expected) of the data, but the file holds \(dataCount)")
    }
    return entries
  }

  private struct Misplacement: Error {
    let reason: String
  }
}

/// What the header says of one tensor: fields of the right types, with offsets into the data that nobody has checked yet.
private struct Claim {
  let name: String
  let dtype: Safetensors.DType
  let shape: [Int]
  let begin: Int
  let end: Int

  /// Nil where a field is missing or mistyped; further fields are ignored.
  init?(_ name: String, _ fields: JSONObject) {
    guard case .string(let code) = fields["dtype"], let dtype = Safetensors.DType(rawValue: code),
      let shape = Self.integers(fields["shape"]), let offsets = Self.integers(fields["data_offsets"]),
      offsets.count == 2
    else { return nil }
    self.name = name
    self.dtype = dtype
    self.shape = shape
    begin = offsets[0]
    end = offsets[1]
  }

  /// The order by offset, so that each tensor begins where the one before ends; empty ones at one place by name.
  static func precedes(_ left: Claim, _ right: Claim) -> Bool {
    if left.begin != right.begin { return left.begin < right.begin }
    if left.end != right.end { return left.end < right.end }
    return Safetensors.precedes(left.name, right.name)
  }

  private static func integers(_ value: JSONValue?) -> [Int]? {
    guard case .array(let values) = value else { return nil }
    var integers: [Int] = []
    for case .integer(let integer) in values where integer >= 0 { integers.append(integer) }
    return integers.count == values.count ? integers : nil
  }
}
