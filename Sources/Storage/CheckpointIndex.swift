import Foundation

/// The index of a sharded checkpoint, and the opening of its shards with each claim of the index checked.
struct CheckpointIndex {
  private let url: URL
  /// The file of each tensor.
  private let fileOfTensor: [String: String]

  /// - Throws: `StorageError`, where the file is not JSON, lacks `weight_map`, or names a file outside its folder.
  init(_ url: URL) throws {
    self.url = url
    let record = try JSONRecord(contentsOf: url)
    guard case .object(let map) = try record.value("weight_map") else {
      throw record.mistyped("weight_map", expected: "an object {tensor: file}")
    }
    var fileOfTensor: [String: String] = [:]
    for member in map.members {
      guard case .string(let file) = member.value else {
        throw StorageError.invalidCheckpoint(
          path: url.path, reason: "tensor \"\(member.key)\" has \(member.value.summary) for its file, not a name")
      }
      guard Self.isPlainName(file) else {
        throw StorageError.invalidCheckpoint(
          path: url.path,
          reason: "tensor \"\(member.key)\" is said to be in \"\(file)\"; a shard must be named by a plain file name, "
            + "without folders, in the folder of the index")
      }
      fileOfTensor[member.key] = file
    }
    self.fileOfTensor = fileOfTensor
  }

  /// Maps all shards, sorted by name.
  ///
  /// - Throws: `StorageError.invalidCheckpoint` where a shard is missing, or a tensor is not in just the shard that the
  ///   index gives; what `SafetensorsFile` throws.
  func openShards() throws -> [SafetensorsFile] {
    let names = Set(fileOfTensor.values).sorted(by: Safetensors.precedes)
    let folder = url.deletingLastPathComponent()
    let missing = names.filter { !FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path) }
    guard missing.isEmpty else {
      throw invalid("shards are missing: \(Self.list(missing)); download all files of the model")
    }
    let shards = try names.map { try SafetensorsFile(mapping: folder.appendingPathComponent($0)) }

    var shardOfTensor: [String: String] = [:]
    var unlisted: [String] = []
    for (name, shard) in zip(names, shards) {
      for tensor in shard.tensorNames {
        if let other = shardOfTensor.updateValue(name, forKey: tensor) {
          throw invalid("tensor \"\(tensor)\" is in two shards, \(other) and \(name)")
        }
        if fileOfTensor[tensor] == nil { unlisted.append("\"\(tensor)\" (\(name))") }
      }
    }
    guard unlisted.isEmpty else {
      throw invalid("the shards have tensors that the index lacks: \(Self.list(unlisted))")
    }
    for (tensor, file) in fileOfTensor.sorted(by: { Safetensors.precedes($0.key, $1.key) }) {
      guard let found = shardOfTensor[tensor] else {
        throw invalid("tensor \"\(tensor)\" is said to be in \(file), but no shard has it")
      }
      guard found == file else { throw invalid("tensor \"\(tensor)\" is said to be in \(file), but is in \(found)") }
    }
    return shards
  }

  private func invalid(_ reason: String) -> StorageError {
    .invalidCheckpoint(path: url.path, reason: reason)
  }

  /// Whether a name stays in the folder that it is added to.
  private static func isPlainName(_ name: String) -> Bool {
    !name.isEmpty && name != "." && !name.contains("..") && !name.utf8.contains { $0 < 0x20 }
      && !name.utf8.contains(UInt8(ascii: "/")) && !name.utf8.contains(UInt8(ascii: "\\"))
  }

  /// The first few of some names.
  private static func list(_ names: [String]) -> String {
    names.prefix(5).joined(separator: ", ") + (names.count > 5 ? " and \(names.count - 5) more" : "")
  }
}
