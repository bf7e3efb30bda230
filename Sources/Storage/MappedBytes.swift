import Foundation

/// Some bytes of a mapped file: a value that keeps the map alive and copies nothing.
///
/// As a Foundation `ContiguousBytes` it can be read by modules that do not know this one.
public struct MappedBytes: Sendable, ContiguousBytes {
  public let file: MappedFile
  /// Where the bytes lie in the file.
  public let range: Range<Int>

  /// How many bytes these are.
  public var count: Int { range.count }

  /// A part of these bytes, counted from their start.
  ///
  /// - Precondition: `part` lies in `0..<count`.
  public subscript(part: Range<Int>) -> MappedBytes {
    precondition(part.lowerBound >= 0 && part.upperBound <= count, "bytes \(part) of \(count)")
    return MappedBytes(file: file, range: range.lowerBound + part.lowerBound..<range.lowerBound + part.upperBound)
  }

  /// Calls `body` with the bytes. The pointer may not leave it; several threads may read at once.
  public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try file.withUnsafeBytes(in: range, body)
  }

  /// Whether the first byte's address is a multiple of `alignment` bytes, as a load of typed values needs.
  ///
  /// Safetensors promises no alignment: copy the values where this is false.
  public func isAligned(to alignment: Int) -> Bool {
    precondition(alignment > 0, "an alignment of \(alignment) bytes")
    return file.address(ofByte: range.lowerBound) % UInt(alignment) == 0
  }

  /// Asks the kernel to read the bytes ahead, so that the first use finds them in memory (`MADV_WILLNEED`).
  public func willNeed() {
    file.advise(MADV_WILLNEED, range, wholePages: false)
  }

  /// Gives the memory of the bytes back (`MADV_DONTNEED`), which are read once and then converted.
  ///
  /// The bytes stay readable: a page that is touched again is read again. Pages shared with the bytes before or after stay.
  public func release() {
    file.advise(MADV_DONTNEED, range, wholePages: true)
  }
}
