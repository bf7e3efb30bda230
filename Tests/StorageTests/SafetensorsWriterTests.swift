import Foundation
import Storage
import Testing

@Suite struct SafetensorsWriterTests {
  private let sample: [String: Safetensors.Tensor] = [
    "layer.1.weight": .init((0..<600_000).map { Float($0) / 7 }, shape: [600, 1000]),
    "layer.0.weight": .init(f16: (0..<3000).map { Float($0) }, shape: [3, 1000]),
    "count": .init([3] as [Int64], shape: []),
    "empty": .init([] as [Double], shape: [0]),
    "mask": .init(dtype: .bool, shape: [3], bytes: Data([1, 0, 1])),
  ]

  private var descriptions: [Safetensors.TensorDescription] {
    sample.map { .init(name: $0.key, dtype: $0.value.dtype, shape: $0.value.shape) }
  }

  /// Chunks below, at and above the size of the writer's buffer.
  @Test(arguments: [1000, 4096, 1 << 20, 1 << 20 + 1, 3_000_000])
  func givesTheBytesOfEncode(chunk: Int) throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("m.safetensors")
      try Data("old".utf8).write(to: url)
      let metadata = ["b": "2", "a": "1"]
      for _ in 0..<2 {
        try SafetensorsWriter.write(to: url, tensors: descriptions, metadata: metadata) { description, output in
          let bytes = try #require(sample[description.name]).bytes
          for start in stride(from: 0, to: bytes.count, by: chunk) {
            try output.append(bytes[start..<min(start + chunk, bytes.count)])
          }
        }
        #expect(try Data(contentsOf: url) == Safetensors.encode(sample, metadata: metadata))
      }
      #expect(try names(in: folder) == ["m.safetensors"])
    }
  }

  @Test func writesFloatsInTheTensorsType() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("m.safetensors")
      let values = (0..<1_100_000).map { Float($0) / 3 }
      let tensors = [Safetensors.DType.f32, .bf16, .f16].map {
        Safetensors.TensorDescription(name: $0.rawValue, dtype: $0, shape: [values.count])
      }
      try SafetensorsWriter.write(to: url, tensors: tensors) { _, output in
        try output.append(Array(values[..<17]))
        try output.append(Array(values[17...]))
      }
      let expected: [String: Safetensors.Tensor] = [
        "F32": .init(values), "BF16": .init(bf16: values), "F16": .init(f16: values),
      ]
      #expect(try Data(contentsOf: url) == Safetensors.encode(expected))
      let error = try #require(throws: StorageError.self) {
        try SafetensorsWriter.write(to: url, tensors: [.init(name: "i", dtype: .i32, shape: [1])]) { _, output in
          try output.append([1] as [Float])
        }
      }
      #expect(error.description.contains("tensor \"i\": values of Float can be written as F32, BF16 or F16 only"))
    }
  }

  @Test func copiesATensorFromAMap() throws {
    try withTemporaryFolder { folder in
      let source = folder.appendingPathComponent("source.safetensors")
      let copy = folder.appendingPathComponent("copy.safetensors")
      try Safetensors.encode(sample).write(to: source)
      let file = try SafetensorsFile(mapping: source)
      try SafetensorsWriter.write(to: copy, tensors: descriptions) { description, output in
        let bytes = try file.tensor(description.name).bytes
        try output.append(bytes)
        bytes.release()
      }
      #expect(try Data(contentsOf: copy) == Data(contentsOf: source))
    }
  }

  /// Whatever goes wrong, the old file stays and nothing is left beside it.
  @Test func aFailureChangesNothing() throws {
    struct Stop: Error {}
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("m.safetensors")
      try Data("old".utf8).write(to: url)
      let tensor = Safetensors.TensorDescription(name: "w", dtype: .f32, shape: [2])
      #expect(throws: Stop.self) { try SafetensorsWriter.write(to: url, tensors: [tensor]) { _, _ in throw Stop() } }
      let few = try #require(throws: StorageError.self) {
        try SafetensorsWriter.write(to: url, tensors: [tensor]) { _, output in try output.append(Data([1, 2, 3])) }
      }
      #expect(
        few.description == "\(url.path), tensor \"w\": 3 bytes were given, but 8 are needed; give all of its values")
      let many = try #require(throws: StorageError.self) {
        try SafetensorsWriter.write(to: url, tensors: [tensor]) { _, output in
          try output.append([1, 2] as [Float])
          try output.append(Data([3]))
        }
      }
      #expect(many.description == "\(url.path), tensor \"w\": 1 bytes were given after 8, but it has only 8")
      #expect(try text(url) == "old")
      #expect(try names(in: folder) == ["m.safetensors"])
      let missing = folder.appendingPathComponent("missing/m.safetensors")
      #expect(throws: StorageError.self) { try SafetensorsWriter.write(to: missing, tensors: []) { _, _ in } }
    }
  }

  @Test func aFileWithoutTensorsIsOne() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("m.safetensors")
      try SafetensorsWriter.write(to: url, tensors: [], metadata: ["a": "b"]) { _, _ in }
      let file = try SafetensorsFile(mapping: url)
      #expect(file.tensorNames.isEmpty && file.metadata == ["a": "b"])
    }
  }
}
