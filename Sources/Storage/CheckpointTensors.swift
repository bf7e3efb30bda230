import Foundation

/// All tensors of a checkpoint folder as Hugging Face lays it out: one safetensors file, or shards that an index names.
///
/// The index is `{"metadata": …, "weight_map": {tensor: file}}` in `model.safetensors.index.json`. It is held to what the
/// shards have: each tensor must be in just the shard that the index gives. Its `metadata` is ignored.
public struct CheckpointTensors: Sendable {
  /// The files, shards by name.
  public let files: [SafetensorsFile]
  /// Sorted by bytes.
  public let tensorNames: [String]
  private let tensors: [String: MappedTensor]
  private let path: String

  /// Maps the folder's file, or all of its shards, and checks their headers; the tensors' bytes are not touched.
  ///
  /// - Parameters:
  ///   - folder: holds the files.
  ///   - name: the single file's name, which is preferred where it exists; an index has this name with `.index.json` added.
  ///     An adapter has `adapter_model.safetensors`.
  /// - Throws: `StorageError.invalidCheckpoint` where neither file exists (with the way to convert, if there is a PyTorch
  ///   file), and where index and shards contradict each other; what `SafetensorsFile` throws for a file and
  ///   `JSONRecord` for the index.
  public init(folder: URL, name: String = "model.safetensors") throws {
    let single = folder.appendingPathComponent(name)
    let index = folder.appendingPathComponent(name + ".index.json")
    if FileManager.default.fileExists(atPath: single.path) {
      files = [try SafetensorsFile(mapping: single)]
      path = single.path
    } else if FileManager.default.fileExists(atPath: index.path) {
      files = try CheckpointIndex(index).openShards()
      path = index.path
    } else {
      throw Self.missing(folder: folder, name: name)
    }
    var tensors: [String: MappedTensor] = [:]
    for file in files {
      for name in file.tensorNames { tensors[name] = file[name] }
    }
    self.tensors = tensors
    tensorNames = tensors.keys.sorted(by: Safetensors.precedes)
  }

  /// The tensor of this name, if the checkpoint has it.
  public subscript(name: String) -> MappedTensor? { tensors[name] }

  /// - Throws: `StorageError.missingTensor`, which names the file or the index.
  public func tensor(_ name: String) throws -> MappedTensor {
    guard let tensor = tensors[name] else { throw StorageError.missingTensor(name: path, tensor: name) }
    return tensor
  }

  /// The bytes of all tensors together.
  public var totalBytes: Int { files.reduce(0) { $0 + $1.totalBytes } }

  private static func missing(folder: URL, name: String) -> StorageError {
    let stem = name.hasSuffix(".safetensors") ? String(name.dropLast(".safetensors".count)) : name
    let pickles = ["pytorch_\(stem).bin", "\(stem).bin"].flatMap { [$0, $0 + ".index.json"] }
    guard
      let pickle = pickles.first(where: {
        FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path)
      })
    else {
      return .invalidCheckpoint(
        path: folder.path, reason: "there is neither \(name) nor \(name).index.json; choose the folder that has one")
    }
    // The copies give tied weights, which share memory, a tensor each, as the format demands.
    let pattern = pickle.replacingOccurrences(of: ".index.json", with: "").dropLast(".bin".count) + "*.bin"
    return .invalidCheckpoint(
      path: folder.path,
      reason: """
        there is \(pickle) but no \(name); PyTorch's own format can run code and is not read. Convert it there by: \
        python3 -c "import glob, torch, safetensors.torch as s; s.save_file({k: v.clone().contiguous() \
        for f in sorted(glob.glob('\(pattern)')) \
        for k, v in torch.load(f, map_location='cpu', weights_only=True).items()}, '\(name)', {'format': 'pt'})"
        """)
  }
}
