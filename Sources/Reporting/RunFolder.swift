import Foundation
import Storage

/// The folder of one run: `config.json` at once, `events.jsonl` line by line, everything else when it is complete.
///
/// Files appear whole or not at all, but for `events.jsonl`, whose last line a killed run may leave half written. A folder
/// without `summary.json` belongs to a run that did not end.
public struct RunFolder: Sendable {
  public let url: URL
  private let events: FileHandle

  /// Makes the folder, and its missing parents.
  ///
  /// - Parameter configuration: all settings, seed, machine, versions; written as `config.json`.
  /// - Throws: `ReportingError.runFolderExists` where something has this name; `ReportingError.runFolderUnwritable` where
  ///   the folder cannot be made, which is then not there.
  public init(at url: URL, configuration: some Encodable) throws {
    let config = try Self.json(configuration)
    try Self.makeFolder(url)
    let eventsURL = url.appendingPathComponent("events.jsonl")
    do {
      try AtomicFile.write(config, to: url.appendingPathComponent("config.json"))
      try Data().write(to: eventsURL)
      events = try FileHandle(forWritingTo: eventsURL)
    } catch {
      try? FileManager.default.removeItem(at: url)
      throw ReportingError.runFolderUnwritable(path: url.path, reason: Self.reason(error))
    }
    self.url = url
  }

  /// Appends one line to `events.jsonl`, by one system call without a buffer: the line outlives a killed process.
  ///
  /// - Throws: `ReportingError.runFolderUnwritable`, e.g. where the disk is full.
  public func record(_ event: some Encodable) throws {
    let line = try JSONText.line(event) + Data("\n".utf8)
    do {
      try events.write(contentsOf: line)
    } catch {
      throw ReportingError.runFolderUnwritable(path: url.path, reason: "events.jsonl: \(Self.reason(error))")
    }
  }

  /// Writes a value as indented JSON.
  ///
  /// - Throws: `StorageError`.
  public func write(_ value: some Encodable, to name: String) throws {
    try AtomicFile.write(Self.json(value), to: url.appendingPathComponent(name))
  }

  /// Writes a text.
  ///
  /// - Throws: `StorageError`.
  public func write(text: String, to name: String) throws {
    try AtomicFile.write(Data(text.utf8), to: url.appendingPathComponent(name))
  }

  private static func makeFolder(_ url: URL) throws(ReportingError) {
    let files = FileManager.default
    // Asked first so that the answer is plain where a parent is not writable either.
    guard !files.fileExists(atPath: url.path) else { throw .runFolderExists(path: url.path) }
    do {
      try files.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    } catch {
      throw .runFolderUnwritable(path: url.path, reason: reason(error))
    }
    do {
      // Of two runs that start at the same time, one gets the folder.
      try files.createDirectory(at: url, withIntermediateDirectories: false)
    } catch CocoaError.fileWriteFileExists {
      throw .runFolderExists(path: url.path)
    } catch {
      throw .runFolderUnwritable(path: url.path, reason: reason(error))
    }
  }

  private static func json(_ value: some Encodable) throws -> Data {
    try JSONText.document(value) + Data("\n".utf8)
  }

  private static func reason(_ error: any Error) -> String {
    (error as? StorageError)?.description ?? error.localizedDescription
  }
}
