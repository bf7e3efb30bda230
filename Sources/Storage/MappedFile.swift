import Foundation

/// A regular file mapped into memory for reading: opening costs no copy, and pages are read when they are first touched.
///
/// The map lives until the last `MappedFile`, `MappedBytes` or tensor of it is gone. The file may be renamed or removed
/// meanwhile, which `AtomicFile` does when it replaces one: the map keeps the old bytes. But a process that *truncates* the
/// file in place takes the pages away, and reading one then ends this process with SIGBUS, which no check here can prevent:
/// the size is compared with the contents when the file is opened. A process that overwrites the file in place may change
/// bytes that were checked already. So replace files by renaming, as every writer of this package does.
public final class MappedFile: Sendable {
  /// The path as given, for error texts.
  public let path: String
  /// The file's length in bytes at opening.
  public let count: Int
  // An integer, because a pointer is not Sendable; a pointer is made for the time of a closure only.
  private let address: UInt

  /// Maps the whole file (`PROT_READ`, `MAP_PRIVATE`). Constant time; an empty file has no map and zero bytes.
  ///
  /// - Throws: `StorageError.system`, with the path, where the file cannot be opened or is no regular file.
  public init(_ url: URL) throws {
    path = url.path
    // Without O_NONBLOCK the opening of a fifo would wait for its writer.
    let descriptor = try FileSystem.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, action: "map")
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileSystem.failure("map", path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw StorageError.system(action: "map", path: path, reason: "it is not a regular file")
    }
    count = Int(status.st_size)
    guard count > 0 else {
      address = 0
      return
    }
    guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
      throw FileSystem.failure("map", path)
    }
    address = UInt(bitPattern: start)
  }

  deinit {
    if let start = UnsafeMutableRawPointer(bitPattern: address) { munmap(start, count) }
  }

  /// All bytes of the file.
  public var bytes: MappedBytes { MappedBytes(file: self, range: 0..<count) }

  /// Calls `body` with some of the bytes; the pointer is valid only until it returns.
  func withUnsafeBytes<Result>(
    in range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    try withExtendedLifetime(self) {
      let start = UnsafeRawPointer(bitPattern: address).map { $0 + range.lowerBound }
      return try body(UnsafeRawBufferPointer(start: start, count: range.count))
    }
  }

  /// Where a byte of the file lies in memory; 0 for an empty file.
  func address(ofByte offset: Int) -> UInt { address + UInt(offset) }

  /// Tells the kernel what will happen to the pages of a range. Only a hint: a refusal is of no consequence.
  ///
  /// - Parameter wholePages: whether to leave out a page that lies in the range only in part.
  func advise(_ advice: CInt, _ range: Range<Int>, wholePages: Bool) {
    let page = Int(getpagesize())
    // The map starts on a page. Its last page belongs to it as a whole.
    let lower = wholePages ? (range.lowerBound + page - 1) / page * page : range.lowerBound / page * page
    let upper = wholePages && range.upperBound < count ? range.upperBound / page * page : range.upperBound
    guard lower < upper, let start = UnsafeMutableRawPointer(bitPattern: address) else { return }
    _ = madvise(start + lower, upper - lower, advice)
  }
}
