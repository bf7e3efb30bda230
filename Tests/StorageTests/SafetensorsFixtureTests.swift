import Foundation
import Storage
import Testing

/// What Scripts/fixtures/safetensors_files.py wrote, with what a reader should find in it.
struct SafetensorsFixture {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")

  struct Expected {
    let name: String
    let dtype: Safetensors.DType
    let shape: [Int]
    let bytes: [UInt8]
    /// The values as patterns of Float, for types that are read so.
    let floatBits: [UInt32]?
    let integers: [Int64]?
  }

  let metadata: [String: String]
  let tensors: [Expected]

  init() throws {
    let record = try JSONRecord(contentsOf: Self.folder.appendingPathComponent("safetensors.json"))
    var metadata: [String: String] = [:]
    let texts = try JSONRecord(record.value("metadata"), at: record.place)
    for member in texts.object.members { metadata[member.key] = try texts.string(member.key) }
    self.metadata = metadata
    tensors = try record.records("tensors").map { row in
      func integers(_ field: String) throws -> [Int] {
        try row.array(field).compactMap { if case .integer(let value) = $0 { value } else { nil } }
      }
      let digits = Array(try row.string("bytes"))
      return Expected(
        name: try row.string("name"), dtype: try #require(Safetensors.DType(rawValue: row.string("dtype"))),
        shape: try integers("shape"),
        bytes: try stride(from: 0, to: digits.count, by: 2).map {
          try #require(UInt8(String(digits[$0...$0 + 1]), radix: 16))
        },
        floatBits: row.optional("float_bits") == nil ? nil : try integers("float_bits").map { UInt32($0) },
        integers: row.optional("integers") == nil ? nil : try integers("integers").map { Int64($0) })
    }
  }
}

@Suite struct SafetensorsFixtureTests {
  let fixture: SafetensorsFixture

  init() throws { fixture = try SafetensorsFixture() }

  private func file(_ name: String) -> URL { SafetensorsFixture.folder.appendingPathComponent(name) }

  private func check(_ tensor: MappedTensor, against expected: SafetensorsFixture.Expected) throws {
    #expect(tensor.name == expected.name && tensor.dtype == expected.dtype && tensor.shape == expected.shape)
    #expect(tensor.count == expected.shape.reduce(1, *))
    #expect(tensor.bytes.withUnsafeBytes { [UInt8]($0) } == expected.bytes)
    if let bits = expected.floatBits {
      #expect(try tensor.floats().map(\.bitPattern) == bits, "\(expected.name)")
    } else {
      #expect(throws: StorageError.self) { try tensor.floats() }
    }
    if let integers = expected.integers {
      #expect(try tensor.integers() == integers, "\(expected.name)")
    } else {
      #expect(throws: StorageError.self) { try tensor.integers() }
    }
  }

  @Test(arguments: ["all-types.safetensors", "written.safetensors"])
  func readsEachTypeOfTheReference(name: String) throws {
    let mapped = try SafetensorsFile(mapping: file(name))
    #expect(mapped.metadata == fixture.metadata)
    #expect(mapped.tensorNames.sorted() == fixture.tensors.map(\.name).sorted())
    #expect(mapped.totalBytes == fixture.tensors.reduce(0) { $0 + $1.bytes.count })
    let decoded = try Safetensors.decode(Data(contentsOf: file(name)), name: name)
    for expected in fixture.tensors {
      try check(try mapped.tensor(expected.name), against: expected)
      #expect(decoded.tensors[expected.name]?.bytes == Data(expected.bytes))
    }
  }

  @Test func readsTheReferencesShards() throws {
    let checkpoint = try CheckpointTensors(folder: file("sharded"))
    #expect(checkpoint.files.count == 2)
    #expect(checkpoint.tensorNames == fixture.tensors.map(\.name).sorted())
    for expected in fixture.tensors { try check(try checkpoint.tensor(expected.name), against: expected) }
    let index = try JSONRecord(contentsOf: file("sharded/model.safetensors.index.json"))
    #expect(try JSONRecord(index.value("metadata"), at: index.place).integer("total_size") == checkpoint.totalBytes)
  }

  /// The bytes are those of written.safetensors, which the fixture script reads with the reference (`--check`). With
  /// BAYESIANROUTER_WRITE_FIXTURES set they are put there.
  @Test func writesWhatTheReferenceReads() throws {
    let descriptions = fixture.tensors.reversed().map {
      Safetensors.TensorDescription(name: $0.name, dtype: $0.dtype, shape: $0.shape)
    }
    let bytes = Dictionary(uniqueKeysWithValues: fixture.tensors.map { ($0.name, $0.bytes) })
    try withTemporaryFolder { folder in
      let isRecording = ProcessInfo.processInfo.environment["BAYESIANROUTER_WRITE_FIXTURES"] != nil
      let url = isRecording ? file("written.safetensors") : folder.appendingPathComponent("written.safetensors")
      try SafetensorsWriter.write(to: url, tensors: descriptions, metadata: fixture.metadata) { tensor, output in
        try output.append(bytes[tensor.name, default: []])
      }
      #expect(try Data(contentsOf: url) == Data(contentsOf: file("written.safetensors")))
    }
  }

  @Test func writesTheReferencesBytesWhereWidthsTellTypes() throws {
    let url = file("one-type-per-width.safetensors")
    let reference = try Data(contentsOf: url)
    let decoded = try Safetensors.decode(reference, name: url.path)
    #expect(decoded.tensors.count == 6)
    #expect(Safetensors.encode(decoded.tensors, metadata: decoded.metadata) == reference)
  }
}
