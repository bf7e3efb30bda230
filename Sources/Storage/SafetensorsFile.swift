import Foundation

/// A safetensors file that stays on the disk: its header is read and checked in full, its tensors are parts of a map.
///
/// For files of any size; `Safetensors.decode` reads a small one as a whole. Source of the format: github.com/huggingface/
/// safetensors, README "Format".
public struct SafetensorsFile: Sendable {
  public let file: MappedFile
  /// The names in the order of their tensors' bytes, which is the quickest to read them in.
  public let tensorNames: [String]
  public let metadata: [String: String]
  private let tensors: [String: MappedTensor]

  /// Maps the file and checks its header; the tensors' bytes are not touched. Linear in the header's length.
  ///
  /// - Throws: `StorageError.system` where it cannot be mapped. `StorageError.invalidSafetensors` unless the header fits,
  ///   has at most `Safetensors.longestHeader` bytes, is JSON that starts with `{` and gives no key twice, and the tensors
  ///   follow each other without hole or overlap to the last byte, each with the bytes that its type and shape need.
  public init(mapping url: URL) throws {
    let file = try MappedFile(url)
    let header = try file.bytes.withUnsafeBytes { try SafetensorsHeader($0, name: file.path) }
    var tensors: [String: MappedTensor] = [:]
    for entry in header.entries {
      tensors[entry.name] = MappedTensor(
        name: entry.name, dtype: entry.dtype, shape: entry.shape, bytes: file.bytes[entry.range])
    }
    self.file = file
    self.tensors = tensors
    tensorNames = header.entries.map(\.name)
    metadata = header.metadata
  }

  /// The tensor of this name, if the file has it.
  public subscript(name: String) -> MappedTensor? { tensors[name] }

  /// - Throws: `StorageError.missingTensor`.
  public func tensor(_ name: String) throws -> MappedTensor {
    guard let tensor = tensors[name] else { throw StorageError.missingTensor(name: file.path, tensor: name) }
    return tensor
  }

  /// The bytes of all tensors together.
  public var totalBytes: Int { tensors.values.reduce(0) { $0 + $1.bytes.count } }
}
