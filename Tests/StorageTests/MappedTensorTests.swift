import Foundation
import Storage
import TestSupport
import Testing

@Suite struct MappedTensorTests {
  /// Maps one tensor of these bytes.
  private func mapped(
    _ dtype: Safetensors.DType, _ shape: [Int], _ bytes: Data, _ body: (MappedTensor) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("t.safetensors")
      try Safetensors.encode(["t": .init(dtype: dtype, shape: shape, bytes: bytes)]).write(to: url)
      try body(try SafetensorsFile(mapping: url).tensor("t"))
    }
  }

  private let everyPattern = (0...UInt16.max).map { $0 }
  private var everyPatternBytes: Data { everyPattern.withUnsafeBytes { Data($0) } }

  #if !(os(macOS) && arch(x86_64))
    @Test func widensEachBinary16() throws {
      try mapped(.f16, [256, 256], everyPatternBytes) { tensor in
        let values = try tensor.floats()
        for pattern in everyPattern {
          let value = values[Int(pattern)]
          let half = Float16(bitPattern: pattern)
          if half.isNaN {
            let nan = UInt32(pattern & 0x8000) << 16 | 0x7f80_0000 | UInt32(pattern & 0x3ff) << 13
            #expect(value.bitPattern == nan)
          } else {
            #expect(value.bitPattern == Float(half).bitPattern)
          }
        }
      }
    }

    /// Around each binary16 value and each midpoint of two, where the rounding turns.
    @Test func narrowsToTheNearestBinary16() throws {
      var values: [Float] = []
      for pattern in everyPattern where Float16(bitPattern: pattern).isFinite {
        let value = Float(Float16(bitPattern: pattern))
        // Beyond the largest value stands what would follow it with one more exponent.
        let next = (pattern & 0x7fff) == 0x7bff ? value * (65536 / 65504) : Float(Float16(bitPattern: pattern + 1))
        let middle = (value + next) / 2
        values += [value, value.nextUp, value.nextDown, middle, middle.nextUp, middle.nextDown]
      }
      values += [
        .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 1e-8,
      ]
      let tensor = Safetensors.Tensor(f16: values)
      let found = patterns(tensor)
      for (value, pattern) in matched(values, found) { #expect(pattern == Float16(value).bitPattern, "\(value)") }
    }
  #endif

  private func patterns(_ tensor: Safetensors.Tensor) -> [UInt16] {
    stride(from: 0, to: tensor.bytes.count, by: 2).map { UInt16(tensor.bytes[$0]) | UInt16(tensor.bytes[$0 + 1]) << 8 }
  }

  @Test func widensEachBFloat16() throws {
    try mapped(.bf16, [1 << 16], everyPatternBytes) { tensor in
      try #expect(tensor.floats().map(\.bitPattern) == everyPattern.map { UInt32($0) << 16 })
    }
  }

  @Test func narrowsToTheNearestBFloat16() {
    let cases: [(Float, UInt16)] = [
      (1, 0x3f80), (-0.0, 0x8000), (Float(bitPattern: 0x3f80_8000), 0x3f80), (Float(bitPattern: 0x3f81_8000), 0x3f82),
      (Float(bitPattern: 0x3f80_8001), 0x3f81), (Float(bitPattern: 0x3f80_7fff), 0x3f80), (.infinity, 0x7f80),
      (.greatestFiniteMagnitude, 0x7f80), (-.greatestFiniteMagnitude, 0xff80), (.leastNonzeroMagnitude, 0),
      (Float(bitPattern: 0x0000_8001), 1), (.nan, 0x7fc0), (Float(bitPattern: 0xff80_0001), 0xffc0),
    ]
    #expect(patterns(Safetensors.Tensor(bf16: cases.map(\.0))) == cases.map(\.1))
    #expect(Safetensors.Tensor(bf16: [1, 2, 3, 4, 5, 6], shape: [2, 3]).shape == [2, 3])
  }

  @Test func narrowingUndoesWideningAndKeepsNaN() throws {
    for dtype in [Safetensors.DType.f16, .bf16] {
      try mapped(dtype, [1 << 16], everyPatternBytes) { tensor in
        let values = try tensor.floats()
        let back = patterns(dtype == .f16 ? .init(f16: values) : .init(bf16: values))
        let quiet: UInt16 = dtype == .f16 ? 0x200 : 0x40
        for pattern in everyPattern {
          let expected = values[Int(pattern)].isNaN ? pattern | quiet : pattern
          #expect(back[Int(pattern)] == expected)
        }
      }
    }
  }

  @Test func roundsDoublesAndCopiesFloats() throws {
    let doubles = [0.1, -0.0, 1e-46, 1e39, -.infinity, .nan, 1 + 0x1p-24, 1 + 0x1.8p-23]
    try mapped(.f64, [2, 4], doubles.withUnsafeBytes { Data($0) }) { tensor in
      try #expect(tensor.floats().map(\.bitPattern) == doubles.map { Float($0).bitPattern })
    }
    let floats: [Float] = [0.1, -0.0, .leastNonzeroMagnitude, Float(bitPattern: 0x7f80_0001), 3]
    try mapped(.f32, [5], floats.withUnsafeBytes { Data($0) }) { tensor in
      try #expect(tensor.floats().map(\.bitPattern) == floats.map(\.bitPattern))
      try #expect(tensor.floats(4..<5) == [3] && tensor.floats(2..<2).isEmpty)
    }
  }

  /// The format promises no alignment: an odd number of bytes may stand before.
  @Test(arguments: [Safetensors.DType.f16, .bf16, .f32, .f64])
  func readsValuesAtOddAddresses(dtype: Safetensors.DType) throws {
    let values: [Double] = [1, -2, 0.5, 1024, 0, .infinity]
    let tensor: Safetensors.Tensor =
      switch dtype {
      case .f16: .init(f16: values.map { Float($0) })
      case .bf16: .init(bf16: values.map { Float($0) })
      case .f32: .init(values.map { Float($0) })
      default: .init(values)
      }
    let header =
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"t\":{\"dtype\":\"\(dtype.rawValue)\",\"shape\":[6],"
      + "\"data_offsets\":[1,\(1 + tensor.bytes.count)]}}"
    let padded = header + String(repeating: " ", count: 7 - (header.utf8.count + 7) % 8)
    let data = Data([UInt8(padded.utf8.count), 0, 0, 0, 0, 0, 0, 0]) + Data(padded.utf8) + Data([7]) + tensor.bytes
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("t.safetensors")
      try data.write(to: url)
      let mapped = try SafetensorsFile(mapping: url).tensor("t")
      #expect(!mapped.bytes.isAligned(to: 2))
      try #expect(mapped.floats() == values.map { Float($0) })
      try #expect(mapped.firstNonFinite()?.index == 5)
    }
  }

  @Test func fillsPartsOfTheCallersMemory() throws {
    let values = (0..<1000).map { Float($0) }
    try mapped(.bf16, [1000], Safetensors.Tensor(bf16: values).bytes) { tensor in
      let expected = try tensor.floats()
      var filled = [Float](repeating: -1, count: 1000)
      try filled.withUnsafeMutableBufferPointer { buffer in
        for range in [0..<1, 1..<400, 400..<1000, 7..<7] {
          try tensor.copyFloats(into: UnsafeMutableBufferPointer(rebasing: buffer[range]), range: range)
        }
      }
      #expect(filled == expected)
    }
  }

  // MARK: Integers

  @Test func integersAreChecked() throws {
    try mapped(.u64, [3], Safetensors.Tensor([1, UInt64(Int64.max), 1 << 63] as [UInt64]).bytes) { tensor in
      let error = try #require(throws: StorageError.self) { try tensor.integers() }
      #expect(error.description.contains("tensor \"t\": value 2 is 9223372036854775808"))
    }
    try mapped(.bool, [3], Data([0, 1, 2])) { tensor in
      let error = try #require(throws: StorageError.self) { try tensor.integers() }
      #expect(error.description.contains("value 2 is the byte 2"))
    }
    try mapped(.i8, [2], Data([0x80, 0x7f])) { try #expect($0.integers() == [-128, 127]) }
  }

  @Test func theWrongKindOfReadIsNamed() throws {
    try mapped(.i32, [1], Data([1, 0, 0, 0])) { tensor in
      let error = try #require(throws: StorageError.self) { try tensor.floats() }
      let text = "t.safetensors, tensor \"t\": its values are integers (I32), not floats; read them by integers()"
      #expect(error.description.hasSuffix(text))
    }
    try mapped(.f8e4m3, [1], Data([1])) { tensor in
      let error = try #require(throws: StorageError.self) { try tensor.floats() }
      #expect(error.description.contains("F8_E4M3 is not read as Float; convert"))
      #expect(throws: StorageError.self) { try tensor.firstNonFinite() }
      #expect(throws: StorageError.self) { try tensor.integers() }
    }
  }

  // MARK: Values that are not finite

  @Test(arguments: [Safetensors.DType.f16, .bf16]) func findsEachNonFinitePattern(dtype: Safetensors.DType) throws {
    try mapped(dtype, [1 << 16], everyPatternBytes) { tensor in
      let values = try tensor.floats()
      for index in 0..<values.count {
        let found = try tensor.firstNonFinite(index..<index + 1)
        #expect((found == nil) == values[index].isFinite)
      }
      try #expect(tensor.firstNonFinite()?.index == values.firstIndex { !$0.isFinite })
    }
  }

  @Test(arguments: [0, 1, 4095, 4096, 4097, 9999]) func findsTheFirstNonFiniteValue(index: Int) throws {
    for bad in [Double.infinity, -.infinity, .nan] {
      var values = [Double](repeating: -Double(Float.greatestFiniteMagnitude), count: 10_000)
      values[index] = bad
      values[9_999] = bad
      for tensor in [Safetensors.Tensor(values), .init(values.map { Float($0) })] {
        try mapped(tensor.dtype, [10_000], tensor.bytes) { tensor in
          let found = try #require(try tensor.firstNonFinite())
          #expect(found.index == index && (found.value == bad || (found.value.isNaN && bad.isNaN)))
          try #expect(tensor.firstNonFinite(min(index + 1, 9_999)..<9_999) == nil)
          try #expect(tensor.firstNonFinite(0..<index) == nil)
        }
      }
    }
    try mapped(.i64, [1], Safetensors.Tensor([-1] as [Int64]).bytes) { try #expect($0.firstNonFinite() == nil) }
    try mapped(.f32, [0, 4], Data()) {
      try #expect($0.firstNonFinite() == nil)
      try #expect($0.floats().isEmpty)
    }
  }
}
