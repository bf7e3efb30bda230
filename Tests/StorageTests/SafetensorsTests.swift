import Foundation
import Storage
import Testing

@Suite struct SafetensorsTests {
  /// A file of this header text and this many bytes of data.
  private func file(_ header: String, data: Int, length: UInt64? = nil) -> Data {
    var bytes = Data()
    let length = length ?? UInt64(header.utf8.count)
    for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: length >> UInt64(8 * shift))) }
    return bytes + Data(header.utf8) + Data(repeating: 7, count: data)
  }

  private func header(of data: Data) -> String {
    let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    return String(decoding: data.dropFirst(8).prefix(length), as: UTF8.self)
  }

  private func problem(_ data: Data) throws -> String {
    try #require(throws: StorageError.self) { try Safetensors.decode(data, name: "m.safetensors") }.description
  }

  private let sample: [String: Safetensors.Tensor] = [
    "mean": .init([1.5, -0.0, .infinity, .nan, .leastNonzeroMagnitude, 1e308] as [Double], shape: [2, 3]),
    "weights": .init([0.25, -3] as [Float]),
    "state": .init([UInt64.max, 0, 1 << 63] as [UInt64], shape: [3, 1]),
    "counts": .init([Int64.min, -1] as [Int64]),
    "mask": .init([0, 255, 3] as [UInt8]),
    "scalar": .init([42] as [Double], shape: []),
    "empty": .init([] as [Float], shape: [0, 5]),
  ]

  @Test func keepsEachBit() throws {
    let metadata = ["format": "1", "name": "é \"quoted\""]
    let data = Safetensors.encode(sample, metadata: metadata)
    let read = try Safetensors.decode(data, name: "m")
    #expect(read.metadata == metadata)
    #expect(read.tensors == sample)
    let means: [Double] = try read.tensor("mean", in: "m").values()
    #expect(
      means.map(\.bitPattern) == [1.5, -0.0, .infinity, Double.nan, .leastNonzeroMagnitude, 1e308].map(\.bitPattern))
    #expect(try read.tensor("weights", in: "m").values(as: Float.self) == [0.25, -3])
    #expect(try read.tensor("state", in: "m").values(as: UInt64.self) == [.max, 0, 1 << 63])
    #expect(try read.tensor("counts", in: "m").values(as: Int64.self) == [.min, -1])
    #expect(try read.tensor("mask", in: "m").values(as: UInt8.self) == [0, 255, 3])
    #expect(try read.tensor("scalar", in: "m").shape.isEmpty)
  }

  @Test func laysOutLikeTheReferenceWriter() throws {
    let data = Safetensors.encode(sample, metadata: ["b": "2", "a": "1"])
    #expect(data == Safetensors.encode(sample, metadata: ["a": "1", "b": "2"]))
    let text = header(of: data)
    #expect(text.utf8.count % 8 == 0)
    #expect(
      text.hasPrefix(
        "{\"__metadata__\":{\"a\":\"1\",\"b\":\"2\"},\"counts\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[0,16]}"
      ))
    let order = ["counts", "mean", "scalar", "state", "empty", "weights", "mask"]
    let positions = order.compactMap { text.range(of: "\"\($0)\":")?.lowerBound }
    #expect(positions.count == order.count && positions == positions.sorted())
  }

  @Test func readsASliceOfAnotherBuffer() throws {
    let data = (Data([1, 2, 3]) + Safetensors.encode(sample)).dropFirst(3)
    #expect(try Safetensors.decode(data, name: "m").tensors == sample)
  }

  @Test func wrongTypesAndNamesAreErrors() throws {
    let file = Safetensors(tensors: sample)
    #expect(throws: StorageError.missingTensor(name: "m", tensor: "nope")) { try file.tensor("nope", in: "m") }
    #expect(throws: StorageError.tensorType(expected: "F64", found: "F32")) {
      try file.tensor("weights", in: "m").values(as: Double.self)
    }
  }

  @Test(
    arguments: [
      ("{}", 0, nil), ("{}      ", 0, nil),
      ("{\"a\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[0,8]}}", 8, nil),
      ("{\"a\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,1]}}", 1, nil),
      (
        "{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]},\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}",
        2, nil
      ),
      ("{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0],\"extra\":1}}", 0, nil),
    ] as [(String, Int, UInt64?)])
  func acceptsWhatTheFormatAllows(header: String, data: Int, length: UInt64?) throws {
    #expect(throws: Never.self) { try Safetensors.decode(file(header, data: data, length: length), name: "m") }
  }

  @Test(
    arguments: [
      ("{}", 0, 100_000_001, "limit"), ("{}", 0, .max, "limit"), ("{}", 0, 3, "cut off"), ("", 0, 0, "start with '{'"),
      (" {}", 0, nil, "start with '{'"), ("[]", 0, nil, "start with '{'"), ("{", 0, nil, "header byte 1"),
      ("{}", 1, nil, "holds 1"),
      ("{\"a\":1}", 0, nil, "not an object"), ("{\"__metadata__\":{\"a\":1}}", 0, nil, "not a text"),
      ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, nil, "lacks"),
      ("{\"a\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, nil, "lacks a known dtype"),
      ("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, nil, "lacks"),
      ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, nil, "lacks"),
      ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4, nil, "two integers"),
      ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, nil, "begins at byte 4"),
      ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, nil, "do not fit F32 of shape [2]"),
      ("{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}", 1, nil, "do not fit"),
      ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3, nil, "cut off"),
      ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, nil, "unused"),
      ("{\"a\":{\"dtype\":\"F64\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0, nil, "do not fit"),
      (
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[9223372036854775807],\"data_offsets\":[0,9223372036854775807]}}", 0, nil,
        "cut off"
      ),
      (
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
        2, nil, "given twice"
      ),
      (
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
        3, nil, "shared"
      ),
      (
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}",
        3, nil, "unused"
      ),
    ] as [(String, Int, UInt64?, String)])
  func refusesABrokenFile(header: String, data: Int, length: UInt64?, problem: String) throws {
    let found = try self.problem(file(header, data: data, length: length))
    #expect(found.hasPrefix("m.safetensors is not a valid safetensors file: "))
    #expect(found.contains(problem))
  }

  @Test func refusesEachTruncation() throws {
    let data = Safetensors.encode(sample, metadata: ["a": "1"])
    for count in 0..<data.count {
      #expect(throws: StorageError.self) { try Safetensors.decode(data.prefix(count), name: "m") }
    }
    #expect(throws: StorageError.self) { try Safetensors.decode(data + [0], name: "m") }
  }
}
