import Foundation

/// Writing of a safetensors file piece by piece: the memory needed is one buffer, whatever the file's size.
public enum SafetensorsWriter {
  /// Writes a file whose tensors `body` provides, one after another in the order of the file.
  ///
  /// The bytes are those that `Safetensors.encode` gives for the same content, so they are the same on each run. They
  /// go to a hidden sibling, which is flushed and renamed onto `url` as by `AtomicFile`: an existing file is replaced
  /// in one step.
  ///
  /// - Parameters:
  ///   - tensors: all tensors, in any order.
  ///   - body: is called for each tensor by descending element size, then by name, and appends its bytes to the output in
  ///     pieces of any size.
  /// - Throws: `StorageError.system`; `StorageError.unusableTensor` where `body` gives more or fewer bytes than the tensor
  ///   has; `StorageError.invalidSafetensors` where the header would be longer than `Safetensors.longestHeader`; whatever
  ///   `body` throws. In each case an old file is untouched and the sibling removed.
  /// - Precondition: no name is given twice, none is `__metadata__`.
  public static func write(
    to url: URL, tensors: [Safetensors.TensorDescription], metadata: [String: String] = [:],
    _ body: (Safetensors.TensorDescription, inout Output) throws -> Void
  ) throws {
    let prelude = SafetensorsPrelude(tensors, metadata: metadata)
    guard prelude.bytes.count <= 8 + Safetensors.longestHeader else {
      throw StorageError.invalidSafetensors(
        name: url.path,
        reason: "its header would have \(prelude.bytes.count - 8) bytes; the limit is \(Safetensors.longestHeader)")
    }
    try AtomicFile.write(to: url) { descriptor, path in
      try prelude.bytes.withUnsafeBytes { try FileSystem.write($0, to: descriptor, path) }
      var output = Output(descriptor, path: path, file: url.path)
      for tensor in prelude.ordered {
        output.begin(tensor)
        try body(tensor, &output)
        try output.end()
      }
      try output.flush()
    }
  }

  /// Where the bytes of a tensor go. It checks that they are neither too many nor too few.
  public struct Output: ~Copyable {
    private static let bufferSize = 1 << 20
    private let descriptor: CInt
    private let path: String
    private let file: String
    private var tensor: Safetensors.TensorDescription?
    /// Bytes of the tensor that were given so far.
    private var given = 0
    private var buffer: [UInt8] = []

    fileprivate init(_ descriptor: CInt, path: String, file: String) {
      self.descriptor = descriptor
      self.path = path
      self.file = file
      buffer.reserveCapacity(Self.bufferSize)
    }

    /// Appends the next bytes of the tensor: row-major, little-endian, cut wherever it suits the caller.
    ///
    /// - Throws: `StorageError.system`; `StorageError.unusableTensor` where the tensor has no room for them.
    public mutating func append(_ bytes: some ContiguousBytes) throws {
      try bytes.withUnsafeBytes { try append($0) }
    }

    /// Appends the next values of a tensor of type F32, BF16 or F16; the narrow types are rounded to nearest, ties to even.
    ///
    /// - Throws: as for bytes; `StorageError.unusableTensor` also for other types.
    public mutating func append(_ values: [Float]) throws {
      switch tensor?.dtype {
      case .f32: try values.withUnsafeBytes { try append($0) }
      case .bf16: try appendNarrowed(values, FloatConversion.bfloat16)
      case .f16: try appendNarrowed(values, FloatConversion.binary16)
      default: throw unusable("values of Float can be written as F32, BF16 or F16 only")
      }
    }

    private mutating func appendNarrowed(_ values: [Float], _ narrow: (Float) -> UInt16) throws {
      let block = Self.bufferSize / 2
      for start in stride(from: 0, to: values.count, by: block) {
        let patterns = values[start..<min(start + block, values.count)].map(narrow)
        try patterns.withUnsafeBytes { try append($0) }
      }
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
      let size = tensor?.byteCount ?? 0
      guard bytes.count <= size - given else {
        throw unusable("\(bytes.count) bytes were given after \(given), but it has only \(size)")
      }
      given += bytes.count
      if buffer.count + bytes.count > Self.bufferSize { try flush() }
      if bytes.count >= Self.bufferSize {
        try FileSystem.write(bytes, to: descriptor, path)
      } else {
        buffer.append(contentsOf: bytes)
      }
    }

    fileprivate mutating func begin(_ tensor: Safetensors.TensorDescription) {
      self.tensor = tensor
      given = 0
    }

    fileprivate func end() throws {
      let size = tensor?.byteCount ?? 0
      guard given == size else {
        throw unusable("\(given) bytes were given, but \(size) are needed; give all of its values")
      }
    }

    fileprivate mutating func flush() throws {
      try buffer.withUnsafeBytes { try FileSystem.write($0, to: descriptor, path) }
      buffer.removeAll(keepingCapacity: true)
    }

    private func unusable(_ reason: String) -> StorageError {
      .unusableTensor(file: file, tensor: tensor?.name ?? "", reason: reason)
    }
  }
}
