import Foundation
import Testing

import Storage

/// Reads what Scripts/fixtures/gzip_files.py wrote (Python 3.11, its own gzip module), whole and damaged.
@Suite struct GunzipTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/gzip")

  private func file(_ name: String) -> URL { Self.folder.appendingPathComponent(name) }

  private func problem(_ bytes: [UInt8], limit: Int = Gunzip.largestByteCount) -> String {
    do {
      return "nothing wrong: \(try Gunzip.unpack(bytes, file: "f.gz", limit: limit).count) bytes"
    } catch { return "\(error)" }
  }

  @Test(arguments: ["lines.jsonl.gz", "members.jsonl.gz"])
  func linesAreReadFromOneMemberAndFromSeveral(name: String) throws {
    var numbers: [Int] = []
    try JSONLines.read(file(name)) { numbers.append(try $0.integer("n")) }
    #expect(numbers == Array(0..<1000))
  }

  @Test func aLongTextIsUnpackedInParts() throws {
    let bytes = try DataFile.read(file("long.bin.gz"))
    #expect(bytes.count == 3_000_000)
    #expect(bytes.indices.allSatisfy { bytes[$0] == UInt8($0 % 251) })
  }

  @Test func anErrorNamesTheCompressedFileAndTheLineWithin() throws {
    try withTemporaryFolder { folder in
      let copy = folder.appendingPathComponent("copy.jsonl.gz")
      try Data(AtomicFile.read(file("lines.jsonl.gz"))).write(to: copy)
      #expect(throws: StorageError.missingField(place: FilePlace(file: copy.path, line: 1), field: "m")) {
        try JSONLines.read(copy) { _ = try $0.integer("m") }
      }
    }
  }

  /// The name need not say that a file is compressed, but a name that says so must be right.
  @Test func theFirstBytesOrTheNameTellACompressedFile() throws {
    try withTemporaryFolder { folder in
      let unnamed = folder.appendingPathComponent("lines.jsonl")
      try Data(AtomicFile.read(file("lines.jsonl.gz"))).write(to: unnamed)
      #expect(try DataFile.read(unnamed) == DataFile.read(file("members.jsonl.gz")))
      let misnamed = folder.appendingPathComponent("plain.jsonl.gz")
      try Data("{\"n\": 0}\n".utf8).write(to: misnamed)
      #expect(throws: StorageError.invalidGzip(file: misnamed.path, reason: "it does not begin as a gzip file does")) {
        try DataFile.read(misnamed)
      }
      try Data().write(to: misnamed)
      #expect(throws: StorageError.self) { try DataFile.read(misnamed) }
    }
  }

  @Test func everyTruncationIsNoticed() throws {
    let bytes = try AtomicFile.read(file("lines.jsonl.gz"))
    for count in 2..<bytes.count {
      #expect(problem(Array(bytes.prefix(count))).contains("stops in the middle of the compressed data"), "\(count)")
    }
  }

  /// A checksum of 32 bits guards the text, the format's fixed fields the rest; the file's name and time may be
  /// anything.
  @Test func aChangedByteIsNoticed() throws {
    let bytes = try AtomicFile.read(file("lines.jsonl.gz"))
    let text = try DataFile.read(file("lines.jsonl.gz"))
    for index in bytes.indices {
      var damaged = bytes
      damaged[index] ^= 0x20
      if let read = try? Gunzip.unpack(damaged, file: "f.gz") { #expect(read == text, "byte \(index)") }
    }
    var wrongSum = bytes
    wrongSum[bytes.count - 8] ^= 1
    #expect(problem(wrongSum) == "f.gz cannot be unpacked: incorrect data check near byte \(bytes.count - 4)")
    var wrongLength = bytes
    wrongLength[bytes.count - 1] ^= 1
    #expect(problem(wrongLength).contains("incorrect length check"))
  }

  @Test func whatFollowsTheLastMemberMustBeCompressedOrZero() throws {
    let bytes = try AtomicFile.read(file("lines.jsonl.gz"))
    #expect(try Gunzip.unpack(bytes + [0, 0], file: "f.gz").count == DataFile.read(file("lines.jsonl.gz")).count)
    #expect(problem(bytes + Array("more".utf8)).contains("after \(bytes.count) bytes something follows"))
    #expect(problem(bytes + bytes.prefix(9)).contains("stops in the middle"))
  }

  @Test func aTextThatUnpacksToTooMuchIsRefused() throws {
    let bytes = try AtomicFile.read(file("long.bin.gz"))
    #expect(bytes.count < 30_000)
    #expect(problem(bytes, limit: 2_999_999).contains("unpacks to more than 2999999 bytes"))
    #expect(problem(bytes, limit: 3_000_000) == "nothing wrong: 3000000 bytes")
  }

  @Test func ofAPlainAndACompressedFileOneMayExist() throws {
    try withTemporaryFolder { folder in
      let plain = folder.appendingPathComponent("a.jsonl")
      let compressed = folder.appendingPathComponent("a.jsonl.gz")
      #expect(try DataFile.plainOrCompressed(plain).path == plain.path)
      try Data([0]).write(to: compressed)
      #expect(try DataFile.plainOrCompressed(plain).path == compressed.path)
      try Data([0]).write(to: plain)
      #expect(throws: StorageError.ambiguousFile(path: plain.path, other: compressed.path)) {
        try DataFile.plainOrCompressed(plain)
      }
    }
  }
}
