internal import CZlib

/// Unpacking of gzip files with the system's zlib.
///
/// A file may hold several members one after another, which unpack to one text, and zero bytes after the last one. zlib
/// checks the checksum and the length of each member.
///
/// Source: Deutsch, "GZIP file format specification", RFC 1952.
package enum Gunzip {
  /// A file of a few megabytes can unpack to a thousand times as much: whoever reads it gets an error instead of a
  /// machine without memory. Above any dataset that is read whole.
  package static let largestByteCount = 4 << 30

  private static let magic: [UInt8] = [0x1f, 0x8b]
  /// The largest window, and 16 for a gzip header and trailer instead of zlib's own.
  private static let windowBits: CInt = 15 + 16
  /// zlib counts in 32 bits: longer inputs and outputs go through it in parts.
  private static let partByteCount = 1 << 20

  /// Whether the bytes begin as a gzip file does, which no text of UTF-8 can.
  package static func isCompressed(_ bytes: [UInt8]) -> Bool { bytes.starts(with: magic) }

  /// What the bytes unpack to; `file` is their name in error texts. O(bytes of the result).
  ///
  /// - Parameter limit: the most bytes that the result may have.
  /// - Throws: `StorageError.invalidGzip` for bytes that are no gzip file, are damaged or stop too early, and for too large a result.
  package static func unpack(_ bytes: [UInt8], file: String, limit: Int = largestByteCount) throws(StorageError)
    -> [UInt8]
  {
    func damaged(_ reason: String) -> StorageError { .invalidGzip(file: file, reason: reason) }
    guard isCompressed(bytes) else { throw damaged("it does not begin as a gzip file does") }
    // zlib keeps the stream's address, so it may not move between the calls.
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    defer { stream.deallocate() }
    guard inflateInit2_(stream, windowBits, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw damaged("zlib cannot begin, for want of memory")
    }
    defer { inflateEnd(stream) }

    var result: [UInt8] = []
    var read = 0
    while true {
      let (code, readNow, written) = inflate(stream, bytes[read...])
      read += readNow
      result += written
      guard result.count <= limit else {
        throw damaged("it unpacks to more than \(limit) bytes; split it into smaller files")
      }
      switch code {
      case Z_STREAM_END:
        let rest = bytes[read...]
        if rest.allSatisfy({ $0 == 0 }) { return result }
        guard rest.starts(with: magic) else {
          throw damaged("after \(read) bytes something follows that is not compressed")
        }
        guard inflateReset(stream) == Z_OK else { throw damaged("zlib cannot go on to the next member") }
      case Z_OK where readNow > 0 || !written.isEmpty: continue
      // No progress: all input is read, and the end of the member has not come.
      case Z_OK, Z_BUF_ERROR:
        throw damaged("it stops in the middle of the compressed data; copy it again")
      case Z_MEM_ERROR: throw damaged("zlib needs more memory than there is")
      default:
        throw damaged("\(stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(code)") near byte \(read)")
      }
    }
  }

  /// One part of the input, and what it unpacks to: at most a part.
  private static func inflate(
    _ stream: UnsafeMutablePointer<z_stream>, _ input: ArraySlice<UInt8>
  ) -> (code: CInt, read: Int, written: [UInt8]) {
    var code = Z_OK
    var read = 0
    // zlib declares its input mutable and leaves it as it is.
    let written = [UInt8](unsafeUninitializedCapacity: partByteCount) { output, count in
      input.prefix(partByteCount).withUnsafeBufferPointer { part in
        stream.pointee.next_in = UnsafeMutablePointer(mutating: part.baseAddress)
        stream.pointee.avail_in = CUnsignedInt(part.count)
        stream.pointee.next_out = output.baseAddress
        stream.pointee.avail_out = CUnsignedInt(partByteCount)
        code = CZlib.inflate(stream, Z_NO_FLUSH)
        read = part.count - Int(stream.pointee.avail_in)
        count = partByteCount - Int(stream.pointee.avail_out)
        // No pointer outlives its array.
        (stream.pointee.next_in, stream.pointee.next_out) = (nil, nil)
      }
    }
    return (code, read, written)
  }
}
