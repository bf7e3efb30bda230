import Foundation
import PreferenceData
import Randomness
import Storage
import Testing

/// The bytes of a text as a gzip file: one member of one stored block, which takes up to 65,535 bytes.
private func gzipped(_ text: String) -> Data {
  let bytes = Array(text.utf8)
  precondition(bytes.count <= 65_535, "a stored block holds 65,535 bytes")
  func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
  var sum: UInt32 = ~0
  for byte in bytes {
    sum ^= UInt32(byte)
    for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xedb8_8320 : sum >> 1 }
  }
  let length = UInt16(bytes.count)
  return Data(
    [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1] + littleEndian(length) + littleEndian(~length) + bytes
      + littleEndian(~sum)
      + littleEndian(UInt32(bytes.count)))
}

/// Dataset folders and imported files that are compressed.
@Suite struct CompressedFolderTests {
  /// Writes the texts of a valid folder, some of its files compressed.
  private func write(_ texts: FolderTexts, to folder: URL, compressing names: Set<String>) throws {
    try texts.write(to: folder)
    for name in names {
      let file = folder.appendingPathComponent(name)
      try gzipped(String(contentsOf: file, encoding: .utf8)).write(to: URL(fileURLWithPath: file.path + ".gz"))
      try FileManager.default.removeItem(at: file)
    }
  }

  @Test(arguments: [["pairs.jsonl"], ["scores.jsonl"], ["pairs.jsonl", "scores.jsonl"]] as [Set<String>])
  func compressedFilesAreReadAsPlainOnes(names: Set<String>) throws {
    try withTemporaryFolder { plain in
      try FolderTexts().write(to: plain)
      let expected = try PreferenceDataset(folder: plain)
      try withTemporaryFolder { folder in
        try write(FolderTexts(), to: folder, compressing: names)
        #expect(try PreferenceDataset(folder: folder) == expected)
        #expect(try DatasetFolder.readPairs(folder) == expected.pairs)
      }
    }
  }

  @Test(arguments: ["pairs.jsonl", "scores.jsonl"])
  func aFileInBothFormsIsRefused(name: String) throws {
    try withTemporaryFolder { folder in
      try write(FolderTexts(), to: folder, compressing: [name])
      try FolderTexts().write(to: folder)
      let path = folder.appendingPathComponent(name).path
      let error = try #require(throws: StorageError.self) { try PreferenceDataset(folder: folder) }
      #expect(error == .ambiguousFile(path: path, other: path + ".gz"))
      #expect("\(error)".contains("remove one of them"))
    }
  }

  @Test func errorsNameTheCompressedFile() throws {
    try withTemporaryFolder { folder in
      var texts = FolderTexts()
      texts.scores = texts.scores?.replacingOccurrences(of: "\"m1\"", with: "\"m9\"")
      try write(texts, to: folder, compressing: ["scores.jsonl"])
      let error = try #require(throws: PreferenceDataError.self) { try PreferenceDataset(folder: folder) }
      #expect("\(error)".hasPrefix(folder.appendingPathComponent("scores.jsonl.gz").path + " line 1"))
      let file = folder.appendingPathComponent("scores.jsonl.gz")
      try Data(contentsOf: file).dropLast(20).write(to: file)
      #expect(throws: StorageError.self) { try PreferenceDataset(folder: folder) }
    }
  }

  @Test func importersReadCompressedFiles() throws {
    let lines = (0..<3).map { "{\"prompt\": \"p\($0)\", \"chosen\": \"good\", \"rejected\": \"bad\"}" }
    for text in [lines.joined(separator: "\n"), "[\(lines.joined(separator: ","))]"] {
      try withTemporaryFolder { folder in
        let file = folder.appendingPathComponent("preferences.jsonl.gz")
        try gzipped(text).write(to: file)
        var generator = PhiloxGenerator(seed: 1, stream: "sides")
        let pairs = try PairsImporter.read(file, using: &generator).dataset.pairs
        #expect(pairs.map(\.prompt) == [.text("p0"), .text("p1"), .text("p2")])
      }
    }
  }
}
