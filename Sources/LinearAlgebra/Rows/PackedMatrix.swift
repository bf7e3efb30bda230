import Foundation
internal import CKernels

/// The number format in which products read their operands; sums are always in float32.
public enum Precision: String, Sendable, Codable, CaseIterable {
  case float32
  /// Weights and inputs rounded to bfloat16 (8 bits of significand): about twice as fast, where the CPU has AVX512-BF16.
  case bfloat16

  /// Whether this CPU computes in this format.
  public var isSupported: Bool { self == .float32 || kernels_has_bf16() }
}

/// The weights W of a linear map, laid out once in the order in which the product kernel reads them.
///
/// Panels of 48 rows of W, each a run over the inputs; missing rows of the last panel are 0. The original matrix is not
/// kept: a packed matrix takes `outputs x inputs` elements, and for reading them back there is the checkpoint.
public final class PackedMatrix: Sendable {
  /// Rows and columns of W.
  public let outputs: Int
  public let inputs: Int
  public let precision: Precision
  private let address: UInt
  /// Where the memory comes from and goes to; nil for the system.
  private let memory: PackedMemory?

  /// Packs W, read in blocks of rows and in parallel.
  ///
  /// - Parameter read: the given rows of W, row-major: `range.count * inputs` floats. Called once for each block, on
  ///   several threads.
  /// - Throws: the first error, by row, that `read` throws.
  /// - Complexity: one pass; no more than a block of rows a thread is in memory beside the result.
  public init(
    outputs: Int, inputs: Int, precision: Precision = .float32, memory: PackedMemory? = nil,
    workers: Int = BLASRuntime.usableThreads, _ read: @Sendable (Range<Int>) throws -> [Float]
  ) throws {
    precondition(outputs > 0 && inputs > 0, "a linear map of \(inputs) to \(outputs) does not exist")
    precondition(precision.isSupported, "this CPU does not compute in \(precision.rawValue)")
    self.outputs = outputs
    self.inputs = inputs
    self.precision = precision
    self.memory = memory
    let bytes = Self.byteCount(outputs: outputs, inputs: inputs, precision: precision)
    address = memory?.take(byteCount: bytes) ?? PackedMemory.allocate(byteCount: bytes)

    // Whole panels, so that no two threads write to one.
    let blockRows = Self.panel
    let blocks = (outputs + blockRows - 1) / blockRows
    let blockBytes = bytes / blocks
    let base = address
    try concurrentFor(blocks, workers: workers) { (_, block) throws(any Error) in
      let rows = block * blockRows..<min(outputs, (block + 1) * blockRows)
      let target = UnsafeMutableRawPointer(bitPattern: base)!
      if rows.count < blockRows { memset(target + block * blockBytes, 0, blockBytes) }
      let values = try read(rows)
      precondition(
        values.count == rows.count * inputs,
        "rows \(rows) have \(values.count) values instead of \(rows.count * inputs)")
      switch precision {
      case .float32:
        kernels_pack_f32(
          rows.count, inputs, values, inputs, target.assumingMemoryBound(to: Float.self), rows.lowerBound)
      case .bfloat16:
        kernels_pack_bf16(
          rows.count, inputs, values, inputs, target.assumingMemoryBound(to: UInt32.self), rows.lowerBound)
      }
    }
  }

  /// Packs W whose rows are those of several row-major arrays, one array after another.
  public convenience init(
    _ parts: [[Float]], inputs: Int, memory: PackedMemory? = nil, workers: Int = BLASRuntime.usableThreads
  ) {
    let ends = Self.rowEnds(parts, columns: inputs)
    do {
      try self.init(outputs: ends[parts.count], inputs: inputs, memory: memory, workers: workers) { rows in
        var values: [Float] = []
        values.reserveCapacity(rows.count * inputs)
        for (part, weights) in parts.enumerated() {
          let own = rows.clamped(to: ends[part]..<ends[part + 1])
          values += weights[(own.lowerBound - ends[part]) * inputs..<(own.upperBound - ends[part]) * inputs]
        }
        return values
      }
    } catch {
      preconditionFailure("reading memory failed: \(error)")
    }
  }

  /// Packs W' instead, for dX = dY W: `outputs` are then the columns of the arrays, `inputs` their rows together.
  public init(
    transposing parts: [[Float]], columns: Int, memory: PackedMemory? = nil, workers: Int = BLASRuntime.usableThreads
  ) {
    let ends = Self.rowEnds(parts, columns: columns)
    let depth = ends[parts.count]
    outputs = columns
    inputs = depth
    precision = .float32
    self.memory = memory
    let bytes = Self.byteCount(outputs: outputs, inputs: inputs, precision: .float32)
    address = memory?.take(byteCount: bytes) ?? PackedMemory.allocate(byteCount: bytes)
    let blocks = (columns + Self.panel - 1) / Self.panel
    let base = address
    concurrentFor(blocks, workers: workers) { _, block in
      let own = block * Self.panel..<min(columns, (block + 1) * Self.panel)
      let target = UnsafeMutablePointer<Float>(bitPattern: base)! + block * Self.panel * depth
      if own.count < Self.panel { target.update(repeating: 0, count: Self.panel * depth) }
      for (part, weights) in parts.enumerated() {
        weights.withUnsafeBufferPointer { weights in
          guard let weights = weights.baseAddress else { return }
          kernels_pack_transposed_f32(
            ends[part + 1] - ends[part], own.count, weights + own.lowerBound, columns, target, depth, ends[part])
        }
      }
    }
  }

  /// Where the rows of each part begin and the last ends.
  private static func rowEnds(_ parts: [[Float]], columns: Int) -> [Int] {
    precondition(
      columns > 0 && parts.contains { !$0.isEmpty } && parts.allSatisfy { $0.count % columns == 0 },
      "the parts of a matrix have rows of \(columns)")
    return parts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count / columns) }
  }

  /// Packs a matrix that is in memory.
  public convenience init(_ weights: Matrix<Float>, precision: Precision = .float32) {
    do {
      try self.init(outputs: weights.rows, inputs: weights.columns, precision: precision) { rows in
        [Float](weights.elements[rows.lowerBound * weights.columns..<rows.upperBound * weights.columns])
      }
    } catch {
      preconditionFailure("reading memory failed: \(error)")
    }
  }

  deinit {
    if let memory {
      memory.give(address, byteCount: byteCount)
    } else {
      UnsafeMutableRawPointer(bitPattern: address)?.deallocate()
    }
  }

  /// Rows of W that lie side by side.
  private static let panel = 48

  /// Bytes of the packed weights.
  public var byteCount: Int { Self.byteCount(outputs: outputs, inputs: inputs, precision: precision) }

  /// Bytes that a matrix takes when it is packed.
  public static func byteCount(outputs: Int, inputs: Int, precision: Precision) -> Int {
    switch precision {
    case .float32: 4 * kernels_packed_count(outputs, inputs)
    case .bfloat16: 4 * kernels_packed_count_bf16(outputs, inputs)
    }
  }

  /// Floats of scratch that a product with `rows` rows takes.
  public func scratchCount(rows: Int) -> Int {
    precision == .float32 ? 0 : kernels_round_count_bf16(rows, inputs)
  }

  fileprivate var floats: UnsafePointer<Float> { UnsafePointer(bitPattern: address)! }
  fileprivate var words: UnsafePointer<UInt32> { UnsafePointer(bitPattern: address)! }
}

/// Y = X W' + bias, or Y += X W' + bias. X is rows x inputs, Y rows x outputs, on the calling thread.
///
/// Each row of Y depends on its row of X alone, to the bit: neither the number of rows nor the threads that share them
/// change it.
///
/// - Parameter scratch: at least `weights.scratchCount(rows:)` floats that nothing else uses meanwhile; nil where that
///   is 0.
/// - Complexity: 2 rows inputs outputs operations.
public func product(
  _ x: RowBlock, _ weights: PackedMatrix, bias: [Float]? = nil, accumulating: Bool = false, into y: RowBlock,
  scratch: RowBuffer? = nil
) {
  precondition(x.columns == weights.inputs, "product: X has \(x.columns) columns, W takes \(weights.inputs)")
  precondition(
    y.rows == x.rows && y.columns == weights.outputs,
    "product: the result is \(x.rows) x \(weights.outputs), Y is \(y.rows) x \(y.columns)")
  precondition(
    bias == nil || bias?.count == weights.outputs, "product: \(bias?.count ?? 0) biases for \(weights.outputs) outputs")
  guard x.rows > 0 else { return }
  func run(_ bias: UnsafePointer<Float>?) {
    switch weights.precision {
    case .float32:
      kernels_product_f32(
        x.rows, weights.outputs, weights.inputs, x.pointer, x.stride, weights.floats, bias, accumulating, y.pointer,
        y.stride)
    case .bfloat16:
      let needed = weights.scratchCount(rows: x.rows)
      guard let scratch, scratch.rows * scratch.columns >= needed else {
        preconditionFailure("product: \(needed) floats of scratch are needed")
      }
      let rounded = UnsafeMutableRawPointer(scratch.pointer).assumingMemoryBound(to: UInt32.self)
      kernels_round_bf16(x.rows, weights.inputs, x.pointer, x.stride, rounded)
      kernels_product_bf16(
        x.rows, weights.outputs, weights.inputs, rounded, weights.words, bias, accumulating, y.pointer, y.stride)
    }
  }
  if let bias { bias.withUnsafeBufferPointer { run($0.baseAddress) } } else { run(nil) }
}
