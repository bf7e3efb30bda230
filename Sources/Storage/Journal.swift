import Foundation

/// A file of lines that one process at a time adds to, for work of hours that a crash may end at any moment: what
/// `append` was given is on the disk when it returns.
///
/// The lock is an flock of the file, which ends with the process, even by `kill -9`.
public final class Journal: Sendable {
  public let url: URL
  private let descriptor: CInt

  private init(_ url: URL) throws {
    self.url = url
    descriptor = try FileSystem.open(url.path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, action: "open")
  }

  deinit { close(descriptor) }

  /// Opens the file, which is made with its folders where it is missing, and locks it.
  ///
  /// - Returns: nil where another process, or another journal of this one, has it.
  /// - Throws: `StorageError.system`.
  public static func lock(_ url: URL) throws -> Journal? {
    let folder = url.deletingLastPathComponent()
    try AtomicFolder.makeFolder(folder, intermediates: true)
    let journal = try Journal(url)
    guard flock(journal.descriptor, LOCK_EX | LOCK_NB) == 0 else {
      guard errno == EWOULDBLOCK else { throw FileSystem.failure("lock", url.path) }
      return nil
    }
    // The last owner may have removed the file between the opening and the lock.
    var opened = stat()
    var named = stat()
    guard fstat(journal.descriptor, &opened) == 0, stat(url.path, &named) == 0,
      opened.st_dev == named.st_dev, opened.st_ino == named.st_ino
    else { return nil }
    try FileSystem.synchronize(folder.path)
    try FileSystem.synchronize(folder.deletingLastPathComponent().path)
    return journal
  }

  /// The whole lines of the file. What follows the last line end, an append that was cut short, is removed from it.
  ///
  /// - Throws: `StorageError.system`.
  public func recover() throws -> (lines: [UInt8], droppedBytes: Int) {
    var bytes = try FileSystem.read(url.path)
    let end = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    let dropped = bytes.count - end
    if dropped > 0 {
      guard ftruncate(descriptor, off_t(end)) == 0, fsync(descriptor) == 0 else {
        throw FileSystem.failure("shorten", url.path)
      }
      bytes.removeLast(dropped)
    }
    return (bytes, dropped)
  }

  /// Adds whole lines, and flushes the file.
  ///
  /// - Throws: `StorageError.system`; the file may then end in a part of them, and takes no more lines before
  ///   `recover`.
  public func append(_ lines: [UInt8]) throws {
    precondition(lines.last == UInt8(ascii: "\n"), "a journal takes whole lines")
    try lines.withUnsafeBytes { try FileSystem.write($0, to: descriptor, url.path) }
    guard fsync(descriptor) == 0 else { throw FileSystem.failure("sync", url.path) }
  }
}
