import Foundation
import Storage
import Testing

@Suite struct CheckpointTensorsTests {
  private let first = "model-00001-of-00002.safetensors"
  private let second = "model-00002-of-00002.safetensors"

  private func tensor(_ value: Float) -> Safetensors.Tensor { .init([value]) }

  private func write(_ folder: URL, _ name: String, _ tensors: [String: Safetensors.Tensor]) throws {
    try Safetensors.encode(tensors).write(to: folder.appendingPathComponent(name))
  }

  private func index(_ folder: URL, _ text: String, name: String = "model.safetensors.index.json") throws {
    try Data(text.utf8).write(to: folder.appendingPathComponent(name))
  }

  private func index(_ folder: URL, _ map: [String: String]) throws {
    var members = JSONObject()
    for (tensor, file) in map { members.append(tensor, .string(file)) }
    try index(
      folder,
      JSONValue.object(["metadata": .object(["total_size": .integer(1)]), "weight_map": .object(members)]).text())
  }

  private func problem(_ folder: URL, name: String = "model.safetensors") throws -> String {
    try #require(throws: StorageError.self) { try CheckpointTensors(folder: folder, name: name) }.description
  }

  @Test func readsASingleFileEvenBesideAnIndex() throws {
    try withTemporaryFolder { folder in
      try write(folder, "model.safetensors", ["b": tensor(2), "a": .init([1, 2] as [UInt8]), "Z": tensor(3)])
      try index(folder, "{}")
      let checkpoint = try CheckpointTensors(folder: folder)
      #expect(checkpoint.tensorNames == ["Z", "a", "b"] && checkpoint.totalBytes == 10)
      #expect(try checkpoint.tensor("b").floats() == [2] && checkpoint["Z"]?.floats() == [3])
      let path = folder.appendingPathComponent("model.safetensors").path
      #expect(throws: StorageError.missingTensor(name: path, tensor: "nope")) { try checkpoint.tensor("nope") }
    }
  }

  @Test func readsShardsByTheIndex() throws {
    try withTemporaryFolder { folder in
      try write(folder, second, ["b": tensor(2), "a": tensor(1)])
      try write(folder, first, ["c": tensor(3)])
      try write(folder, "unrelated.safetensors", ["d": tensor(4)])
      try index(folder, ["a": second, "b": second, "c": first])
      let checkpoint = try CheckpointTensors(folder: folder)
      #expect(checkpoint.files.map { ($0.file.path as NSString).lastPathComponent } == [first, second])
      #expect(checkpoint.tensorNames == ["a", "b", "c"] && checkpoint.totalBytes == 12)
      for (name, value) in [("a", 1), ("b", 2), ("c", 3)] as [(String, Float)] {
        #expect(try checkpoint.tensor(name).floats() == [value])
      }
      let path = folder.appendingPathComponent("model.safetensors.index.json").path
      #expect(throws: StorageError.missingTensor(name: path, tensor: "d")) { try checkpoint.tensor("d") }
    }
  }

  @Test func readsAnAdapterByItsName() throws {
    try withTemporaryFolder { folder in
      try write(folder, "adapter_model.safetensors", ["lora": tensor(1)])
      #expect(try CheckpointTensors(folder: folder, name: "adapter_model.safetensors").tensorNames == ["lora"])
      #expect(try problem(folder).contains("there is neither model.safetensors nor model.safetensors.index.json"))
    }
  }

  @Test func readsShardsThroughSymbolicLinks() throws {
    try withTemporaryFolder { folder in
      // Hugging Face's cache keeps the files elsewhere, under their hashes.
      let blobs = folder.appendingPathComponent("blobs")
      let snapshot = folder.appendingPathComponent("snapshot")
      for made in [blobs, snapshot] {
        try FileManager.default.createDirectory(at: made, withIntermediateDirectories: true)
      }
      try write(blobs, "5ca1ab1e", ["a": tensor(1)])
      let link = snapshot.appendingPathComponent(first).path
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "../blobs/5ca1ab1e")
      try index(snapshot, ["a": first])
      #expect(try CheckpointTensors(folder: snapshot).tensor("a").floats() == [1])
    }
  }

  @Test func contradictionsOfIndexAndShardsAreNamed() throws {
    try withTemporaryFolder { folder in
      try write(folder, first, ["a": tensor(1), "b": tensor(2)])
      try write(folder, second, ["c": tensor(3)])
      try index(folder, ["a": first, "b": first, "c": "model-3.safetensors"])
      #expect(try problem(folder).contains("index.json: shards are missing: model-3.safetensors; download"))
      try index(folder, ["a": first, "c": second])
      #expect(try problem(folder).contains("tensors that the index lacks: \"b\" (\(first))"))
      try index(folder, ["a": first, "b": first, "c": second, "d": second])
      #expect(try problem(folder).contains("tensor \"d\" is said to be in \(second), but no shard has it"))
      try index(folder, ["a": first, "b": second, "c": second])
      #expect(try problem(folder).contains("tensor \"b\" is said to be in \(second), but is in \(first)"))
      try write(folder, second, ["b": tensor(2), "c": tensor(3)])
      #expect(try problem(folder).contains("tensor \"b\" is in two shards, \(first) and \(second)"))
      try Data("no".utf8).write(to: folder.appendingPathComponent(second))
      #expect(try problem(folder).contains("\(second) is not a valid safetensors file"))
    }
  }

  @Test(arguments: ["../model.safetensors", "/etc/passwd", "a/b", "..", ".", "", "a\\b", "x..y", "a\u{0}b"])
  func refusesFilesOutsideTheFolder(name: String) throws {
    try withTemporaryFolder { folder in
      try write(folder, first, ["a": tensor(1)])
      try index(folder, ["a": name])
      #expect(
        try problem(folder).contains("tensor \"a\" is said to be in \"\(name)\"; a shard must be named by a plain"))
    }
  }

  @Test func refusesABrokenIndex() throws {
    try withTemporaryFolder { folder in
      for (text, expected) in [
        ("{", "line 1, column 2"), ("[]", "expected a JSON object"), ("{}", "field \"weight_map\" is missing"),
        ("{\"weight_map\":[]}", "expected an object {tensor: file}, found an empty list"),
        ("{\"weight_map\":{\"a\":1}}", "tensor \"a\" has the number 1 for its file"),
        ("{\"weight_map\":{\"a\":\"x\",\"a\":\"y\"}}", "the key \"a\" is given twice"),
      ] {
        try index(folder, text)
        #expect(try problem(folder).contains(expected))
      }
      try index(folder, "{\"weight_map\":{}}")
      #expect(try CheckpointTensors(folder: folder).tensorNames.isEmpty)
    }
  }

  @Test(arguments: [
    ("pytorch_model.bin", "model.safetensors", "pytorch_model*.bin"),
    ("pytorch_model.bin.index.json", "model.safetensors", "pytorch_model*.bin"),
    ("adapter_model.bin", "adapter_model.safetensors", "adapter_model*.bin"),
  ])
  func tellsHowToConvertPyTorchFiles(present: String, name: String, pattern: String) throws {
    try withTemporaryFolder { folder in
      try Data().write(to: folder.appendingPathComponent(present))
      let text = try problem(folder, name: name)
      #expect(text.contains("there is \(present) but no \(name)"))
      #expect(text.contains("glob.glob('\(pattern)')") && text.contains("'\(name)', {'format': 'pt'})\""))
      #expect(!text.contains("\n"))
    }
  }
}
