import Foundation

/// Writing of a folder in one step: after a crash, even `kill -9`, its name holds all of the old content or all of the new.
public enum AtomicFolder {
  /// Lets `body` fill a hidden sibling folder, flushes what it wrote and gives it the name `folder`.
  ///
  /// An existing folder is exchanged for the new one by a single system call (renameat2 or renamex_np) and then deleted.
  /// Missing parent folders are made. A killed process leaves at most a folder `.NAME.tmp-PID-…`, which nothing reads.
  ///
  /// - Parameters:
  ///   - replacing: whether an existing folder may be replaced.
  ///   - body: writes files into the folder that it is given.
  /// - Throws: `StorageError.exists` before `body` is called where something has the name and may not be replaced or is
  ///   no folder; `StorageError.system`; whatever `body` throws. In each case the old content is untouched.
  public static func write(to folder: URL, replacing: Bool, _ body: (URL) throws -> Void) throws {
    let target = FileSystem.target(folder)
    let old = FileSystem.kind(target.path)
    guard !old.exists || (replacing && old.isFolder) else { throw StorageError.exists(path: target.path) }
    let parent = target.deletingLastPathComponent()
    try makeFolder(parent, intermediates: true)
    let temporary = FileSystem.temporarySibling(of: target)
    try makeFolder(temporary, intermediates: false)
    do {
      try body(temporary)
      try synchronize(temporary)
      if old.exists {
        try FileSystem.exchange(temporary.path, target.path)
      } else {
        try claim(target, for: temporary)
      }
    } catch {
      try? FileManager.default.removeItem(at: temporary)
      throw error
    }
    try FileSystem.synchronize(parent.path)
    // The exchange left the old content under the temporary name. That it cannot be deleted harms nobody.
    if old.exists { try? FileManager.default.removeItem(at: temporary) }
  }

  /// Renames where the target is still free: rename(2) itself refuses a folder that has content.
  private static func claim(_ target: URL, for temporary: URL) throws {
    guard !FileSystem.kind(target.path).exists else { throw StorageError.exists(path: target.path) }
    try FileSystem.rename(temporary.path, to: target.path)
  }

  static func makeFolder(_ url: URL, intermediates: Bool) throws {
    let missing = sequence(first: url) { $0.path == "/" ? nil : $0.deletingLastPathComponent() }
      .prefix { !FileManager.default.fileExists(atPath: $0.path) }
    for folder in Array(missing).reversed() {
      // Another process may make the same parent at the same time.
      let made = mkdir(folder.path, 0o777) == 0 || (intermediates && errno == EEXIST)
      guard made else { throw FileSystem.failure("create folder", folder.path) }
    }
  }

  /// Flushes each file and folder below `folder`, and `folder` itself.
  private static func synchronize(_ folder: URL) throws {
    for name in FileManager.default.enumerator(atPath: folder.path)?.compactMap({ $0 as? String }) ?? [] {
      try FileSystem.synchronize(folder.appendingPathComponent(name).path)
    }
    try FileSystem.synchronize(folder.path)
  }
}
