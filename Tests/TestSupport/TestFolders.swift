import Foundation

/// Folders of the test targets.
public enum TestFolders {
  /// A file or folder under `Tests`, e.g. the fixture of another target.
  public static func url(_ path: String) -> URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent(path)
  }

  /// Calls `body` with a new folder, which is gone afterwards.
  public static func withTemporary<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }
}

/// A copy of a folder in a temporary place, which may be damaged there and is removed with the object.
public final class TemporaryCopy {
  public let folder: URL

  public init(of original: URL) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("copy-\(UUID().uuidString)")
    try FileManager.default.copyItem(at: original, to: folder)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }
}
