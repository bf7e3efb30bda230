import Foundation

/// The POSIX calls behind reading and atomic writing; each failure names the path and the system's own reason.
enum FileSystem {
  /// All bytes of a file, a pipe or a device that ends.
  static func read(_ path: String) throws -> [UInt8] {
    let descriptor = try open(path, O_RDONLY | O_CLOEXEC, action: "read")
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure("read", path) }
    // One byte more than the size, so that the end of the file shows without growing the array.
    var bytes = [UInt8](repeating: 0, count: max(0, Int(status.st_size)) + 1)
    var filled = 0
    while true {
      if filled == bytes.count { bytes.append(contentsOf: repeatElement(0, count: max(1 << 16, bytes.count))) }
      let count = bytes.withUnsafeMutableBytes { buffer in
        let free = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
        return Foundation.read(descriptor, free.baseAddress, free.count)
      }
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        throw failure("read", path)
      }
      filled += count
    }
    bytes.removeLast(bytes.count - filled)
    return bytes
  }

  /// A new file that `body` fills through its descriptor, on the disk when the call returns.
  static func create(_ path: String, _ body: (CInt) throws -> Void) throws {
    let descriptor = try open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, action: "create")
    defer { close(descriptor) }
    try body(descriptor)
    guard fsync(descriptor) == 0 else { throw failure("sync", path) }
  }

  /// Appends all bytes to an open file; `path` is its name in error texts.
  static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: CInt, _ path: String) throws {
    var written = 0
    while written < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
      let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw failure("write", path)
      }
      written += count
    }
  }

  /// Flushes a file or folder to the disk.
  static func synchronize(_ path: String) throws {
    let descriptor = try open(path, O_RDONLY | O_CLOEXEC, action: "sync")
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure("sync", path) }
  }

  static func rename(_ source: String, to target: String) throws {
    guard Foundation.rename(source, target) == 0 else { throw failure("rename \(source) to", target) }
  }

  /// Swaps two names in one step: at each moment both exist.
  static func exchange(_ first: String, _ second: String) throws {
    #if canImport(Darwin)
      let result = renamex_np(first, second, UInt32(RENAME_SWAP))
    #else
      // glibc declares renameat2 for _GNU_SOURCE only, which Swift's importer does not define.
      typealias Rename = @convention(c) (CInt, UnsafePointer<CChar>, CInt, UnsafePointer<CChar>, CUnsignedInt) -> CInt
      guard let symbol = dlsym(nil, "renameat2") else {
        throw StorageError.system(
          action: "replace", path: second, reason: "this system has no renameat2; remove the folder first")
      }
      let renameExchange: CUnsignedInt = 2
      let result = unsafeBitCast(symbol, to: Rename.self)(AT_FDCWD, first, AT_FDCWD, second, renameExchange)
    #endif
    guard result == 0 else { throw failure("replace", second) }
  }

  /// Whether something has this name, and whether it is a folder. A dangling symbolic link counts as something.
  static func kind(_ path: String) -> (exists: Bool, isFolder: Bool) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return (false, false) }
    return (true, status.st_mode & S_IFMT == S_IFDIR)
  }

  /// The error of the call that failed just now.
  static func failure(_ action: String, _ path: String) -> StorageError {
    .system(action: action, path: path, reason: String(cString: strerror(errno)))
  }

  /// A hidden sibling name that no other write uses; a leftover of a killed process tells its process id.
  static func temporarySibling(of target: URL) -> URL {
    let unique = UUID().uuidString.prefix(8).lowercased()
    return target.deletingLastPathComponent().appendingPathComponent(
      ".\(target.lastPathComponent).tmp-\(getpid())-\(unique)")
  }

  /// The absolute path that a write to `url` really changes: links resolved, no trailing slash.
  static func target(_ url: URL) -> URL {
    let standard = url.standardizedFileURL
    let parent = standard.deletingLastPathComponent().resolvingSymlinksInPath()
    let here = parent.appendingPathComponent(standard.lastPathComponent)
    return URL(fileURLWithPath: here.resolvingSymlinksInPath().path)
  }

  static func open(_ path: String, _ flags: CInt, action: String) throws -> CInt {
    let descriptor = Foundation.open(path, flags, 0o666)
    guard descriptor >= 0 else { throw failure(action, path) }
    return descriptor
  }
}
