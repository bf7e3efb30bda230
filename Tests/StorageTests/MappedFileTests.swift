import Foundation
import Storage
import Testing

@Suite struct MappedFileTests {
  private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

  @Test(arguments: [1, 4095, 4096, 4097, 300_000]) func hasTheFilesBytes(count: Int) throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("bytes")
      try Data(bytes(count)).write(to: url)
      let file = try MappedFile(url)
      #expect(file.count == count && file.path == url.path)
      #expect(file.bytes.withUnsafeBytes { [UInt8]($0) } == bytes(count))
      let part = file.bytes[count / 3..<count][0..<count / 3]
      #expect(part.withUnsafeBytes { [UInt8]($0) } == Array(bytes(count)[count / 3..<count / 3 * 2]))
      #expect(part.range == count / 3..<count / 3 * 2)
    }
  }

  @Test func anEmptyFileHasNoBytes() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("empty")
      try Data().write(to: url)
      let bytes = try MappedFile(url).bytes
      #expect(bytes.withUnsafeBytes { $0.count } == 0)
      #expect(bytes[0..<0].isAligned(to: 64))
      bytes.willNeed()
      bytes.release()
    }
  }

  @Test func refusesWhatIsNoRegularFile() throws {
    try withTemporaryFolder { folder in
      let missing = folder.appendingPathComponent("missing")
      #expect(
        throws: StorageError.system(action: "map", path: missing.path, reason: "No such file or directory")
      ) { try MappedFile(missing) }
      let irregular = StorageError.system(action: "map", path: folder.path, reason: "it is not a regular file")
      #expect(throws: irregular) { try MappedFile(folder) }
      // Without a writer the opening of a fifo would wait for ever.
      let fifo = folder.appendingPathComponent("fifo")
      try #require(mkfifo(fifo.path, 0o600) == 0)
      #expect(throws: StorageError.system(action: "map", path: fifo.path, reason: "it is not a regular file")) {
        try MappedFile(fifo)
      }
    }
  }

  @Test func bytesOutliveTheFilesNameAndItsReplacement() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("bytes")
      try AtomicFile.write(Data(bytes(10_000)), to: url)
      let mapped = try MappedFile(url).bytes
      try AtomicFile.write(Data("short".utf8), to: url)
      #expect(mapped.withUnsafeBytes { [UInt8]($0) } == bytes(10_000))
      try FileManager.default.removeItem(at: url)
      #expect(mapped.withUnsafeBytes { [UInt8]($0) } == bytes(10_000))
    }
  }

  @Test func adviceChangesNoByte() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("bytes")
      try Data(bytes(100_000)).write(to: url)
      let all = try MappedFile(url).bytes
      for range in [0..<100_000, 1..<5, 4096..<8192, 5000..<99_999, 99_999..<100_000, 7..<7] {
        all[range].willNeed()
        #expect(all.withUnsafeBytes { [UInt8]($0) } == bytes(100_000))
        all[range].release()
        #expect(all.withUnsafeBytes { [UInt8]($0) } == bytes(100_000))
      }
    }
  }

  @Test func tellsTheAlignment() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("bytes")
      try Data(bytes(100)).write(to: url)
      let all = try MappedFile(url).bytes
      #expect(all.isAligned(to: 4096) && all[8..<16].isAligned(to: 8) && all[7..<9].isAligned(to: 1))
      #expect(!all[6..<10].isAligned(to: 4) && !all[8..<16].isAligned(to: 16))
    }
  }

  /// A generic reader, as another module would have one.
  private func sum(_ bytes: some ContiguousBytes) -> Int { bytes.withUnsafeBytes { $0.reduce(0) { $0 + Int($1) } } }

  @Test func isReadAsContiguousBytesByManyTasks() async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("storage-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appendingPathComponent("bytes")
    try Data(bytes(1 << 16)).write(to: url)
    let all = try MappedFile(url).bytes
    let expected = bytes(1 << 16).reduce(0) { $0 + Int($1) }
    let found = await withTaskGroup(of: Int.self) { group in
      for part in 0..<16 { group.addTask { sum(all[part << 12..<(part + 1) << 12]) } }
      return await group.reduce(0, +)
    }
    #expect(found == expected)
  }
}
