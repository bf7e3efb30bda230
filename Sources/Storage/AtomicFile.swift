import Foundation

/// Whole-file reading, and writing in one step: whoever reads meanwhile, or after a crash, finds the old bytes or the new.
public enum AtomicFile {
  /// All bytes of the file.
  ///
  /// - Throws: `StorageError.system`, with the path and the system's reason.
  public static func read(_ url: URL) throws -> [UInt8] {
    try FileSystem.read(url.path)
  }

  /// Writes `data` to a hidden sibling, flushes it, renames it onto `url` and flushes the folder.
  ///
  /// A killed process leaves at most a file `.NAME.tmp-PID-…`, which nothing reads.
  ///
  /// - Throws: `StorageError.system`; the old file is then untouched and the sibling removed.
  public static func write(_ data: Data, to url: URL) throws {
    try write(to: url) { descriptor, path in
      try data.withUnsafeBytes { try FileSystem.write($0, to: descriptor, path) }
    }
  }

  /// The same for bytes that `body` writes to the descriptor of the sibling, whose path it is given for error texts.
  static func write(to url: URL, _ body: (CInt, String) throws -> Void) throws {
    let target = FileSystem.target(url)
    let temporary = FileSystem.temporarySibling(of: target)
    do {
      try FileSystem.create(temporary.path) { try body($0, temporary.path) }
      try FileSystem.rename(temporary.path, to: target.path)
    } catch {
      unlink(temporary.path)
      throw error
    }
    try FileSystem.synchronize(target.deletingLastPathComponent().path)
  }

  /// Removes a file, which may be gone already, and flushes its folder.
  ///
  /// - Throws: `StorageError.system`.
  public static func remove(_ url: URL) throws {
    guard unlink(url.path) == 0 || errno == ENOENT else { throw FileSystem.failure("remove", url.path) }
    try FileSystem.synchronize(url.deletingLastPathComponent().path)
  }
}
