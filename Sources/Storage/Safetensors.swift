import Foundation

/// Named tensors with text metadata, in Hugging Face's safetensors format.
///
/// Layout: the header's length N (8 bytes, little-endian), N bytes of JSON
/// `{"name": {"dtype", "shape", "data_offsets": [begin, end)}, …, "__metadata__": {text: text}}`, then the tensors' bytes.
/// Source: github.com/huggingface/safetensors, README "Format".
public struct Safetensors: Hashable, Sendable {
  /// The longest header that is read, in bytes.
  public static let longestHeader = 100_000_000

  public var tensors: [String: Tensor]
  public var metadata: [String: String]

  public init(tensors: [String: Tensor], metadata: [String: String] = [:]) {
    self.tensors = tensors
    self.metadata = metadata
  }

  /// - Throws: `StorageError.missingTensor`; `file` is the name in its text.
  public func tensor(_ name: String, in file: String) throws -> Tensor {
    guard let tensor = tensors[name] else { throw StorageError.missingTensor(name: file, tensor: name) }
    return tensor
  }

  /// The file's bytes: tensors by descending element size, then by name, metadata by key, the header padded with spaces
  /// to a multiple of 8. Equal content gives equal bytes. `SafetensorsWriter` makes the same file piece by piece.
  ///
  /// - Precondition: no tensor is named `__metadata__`.
  public static func encode(_ tensors: [String: Tensor], metadata: [String: String] = [:]) -> Data {
    let prelude = SafetensorsPrelude(
      tensors.map { TensorDescription(name: $0.key, dtype: $0.value.dtype, shape: $0.value.shape) },
      metadata: metadata)
    var data = Data(capacity: prelude.bytes.count + prelude.ordered.reduce(0) { $0 + $1.byteCount })
    data.append(contentsOf: prelude.bytes)
    for description in prelude.ordered {
      if let tensor = tensors[description.name] { data.append(tensor.bytes) }
    }
    return data
  }

  /// Reads and checks a whole file.
  ///
  /// - Parameter name: what error texts call the data, usually the path.
  /// - Throws: `StorageError.invalidSafetensors` unless the header fits, is JSON that starts with `{` and gives no key
  ///   twice, and the tensors follow each other without hole or overlap to the last byte, each with the bytes that its
  ///   type and shape need.
  public static func decode(_ data: Data, name: String) throws -> Safetensors {
    let header = try data.withUnsafeBytes { try SafetensorsHeader($0, name: name) }
    var tensors: [String: Tensor] = [:]
    for entry in header.entries {
      let start = data.startIndex + entry.range.lowerBound
      tensors[entry.name] = Tensor(
        dtype: entry.dtype, shape: entry.shape, bytes: Data(data[start..<start + entry.range.count]))
    }
    return Safetensors(tensors: tensors, metadata: header.metadata)
  }
}
