/// What a written file holds before the tensors' bytes, and the order of these: the one place that decides the layout, so
/// that each way to write the same content gives the same bytes.
struct SafetensorsPrelude {
  /// The tensors in the order of their bytes: by descending element size, then by name.
  let ordered: [Safetensors.TensorDescription]
  /// The header's length and the header, padded with spaces to a multiple of 8.
  let bytes: [UInt8]

  /// - Precondition: no name twice, none of them `__metadata__`.
  init(_ tensors: [Safetensors.TensorDescription], metadata: [String: String]) {
    ordered = tensors.sorted { left, right in
      left.dtype.bits != right.dtype.bits
        ? left.dtype.bits > right.dtype.bits : Safetensors.precedes(left.name, right.name)
    }
    var header = JSONObject()
    if !metadata.isEmpty {
      var texts = JSONObject()
      for (key, text) in metadata.sorted(by: { Safetensors.precedes($0.key, $1.key) }) {
        texts.append(key, .string(text))
      }
      header.append("__metadata__", .object(texts))
    }
    var names: Set<String> = ["__metadata__"]
    var offset = 0
    for tensor in ordered {
      precondition(
        names.insert(tensor.name).inserted, "\"\(tensor.name)\" is given twice, or is not a tensor name")
      let end = offset + tensor.byteCount
      header.append(
        tensor.name,
        .object([
          "dtype": .string(tensor.dtype.rawValue), "shape": .array(tensor.shape.map { .integer($0) }),
          "data_offsets": .array([.integer(offset), .integer(end)]),
        ]))
      offset = end
    }
    var text = JSONValue.object(header).utf8()
    text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - text.count % 8) % 8))
    bytes = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
  }
}

extension Safetensors {
  /// What a file's header says of a tensor, its place apart.
  public struct TensorDescription: Hashable, Sendable {
    public let name: String
    public let dtype: DType
    /// Extents, outermost first; empty for a scalar.
    public let shape: [Int]
    /// The bytes that the values take.
    public let byteCount: Int

    /// - Precondition: no extent is negative, and the values take a whole number of bytes below 2^60.
    public init(name: String, dtype: DType, shape: [Int]) {
      guard shape.allSatisfy({ $0 >= 0 }), let byteCount = dtype.byteCount(shape) else {
        preconditionFailure("\(dtype.rawValue) of shape \(shape) takes no whole number of bytes below 2^60")
      }
      self.name = name
      self.dtype = dtype
      self.shape = shape
      self.byteCount = byteCount
    }
  }

  /// Order of bytes, which no locale or Unicode table changes.
  static func precedes(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
  }
}
