import Foundation
import Storage
import Testing

@Suite struct SafetensorsFileTests {
  private let sample: [String: Safetensors.Tensor] = [
    "b": .init([1, 2, 3, 4] as [Float], shape: [2, 2]), "a": .init(bf16: [0.5, -1]), "c": .init([7] as [UInt8]),
    "empty": .init([] as [Float], shape: [0, 2]),
  ]

  @Test func hasTheTensorsInTheOrderOfTheirBytes() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("m.safetensors")
      try Safetensors.encode(sample, metadata: ["k": "v"]).write(to: url)
      let file = try SafetensorsFile(mapping: url)
      #expect(file.tensorNames == ["b", "empty", "a", "c"] || file.tensorNames == ["empty", "b", "a", "c"])
      #expect(file.metadata == ["k": "v"] && file.totalBytes == 21)
      #expect(try file.tensor("b").floats() == [1, 2, 3, 4] && file.tensor("b").shape == [2, 2])
      #expect(try file["a"]?.floats() == [0.5, -1] && file["c"]?.integers() == [7])
      #expect(file["nope"] == nil)
      #expect(throws: StorageError.missingTensor(name: url.path, tensor: "nope")) { try file.tensor("nope") }
    }
  }

  @Test func tensorsOutliveTheFileValue() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("m.safetensors")
      try Safetensors.encode(sample).write(to: url)
      let tensor = try SafetensorsFile(mapping: url).tensor("b")
      try FileManager.default.removeItem(at: url)
      #expect(try tensor.floats() == [1, 2, 3, 4])
    }
  }

  @Test func anErrorNamesThePath() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("m.safetensors")
      let data = Safetensors.encode(sample)
      for count in [0, 7, 8, 100, data.count - 1] {
        try data.prefix(count).write(to: url)
        let error = try #require(throws: StorageError.self) { try SafetensorsFile(mapping: url) }
        #expect(error.description.hasPrefix("\(url.path) is not a valid safetensors file: "))
      }
      let missing = folder.appendingPathComponent("missing.safetensors")
      #expect(throws: StorageError.system(action: "map", path: missing.path, reason: "No such file or directory")) {
        try SafetensorsFile(mapping: missing)
      }
    }
  }
}
