import Foundation
import Storage
import Testing

/// Seeded damage to small valid files: each input is refused with a `StorageError`, or gives tensors that lie in the file and
/// survive being encoded again. BAYESIANROUTER_FUZZ_INPUTS sets the number of inputs, e.g. for a run under AddressSanitizer.
@Suite struct SafetensorsFuzzTests {
  private static let inputs =
    ProcessInfo.processInfo.environment["BAYESIANROUTER_FUZZ_INPUTS"].flatMap { Int($0) } ?? 20_000

  private static let seeds: [[UInt8]] = [
    Safetensors.encode(
      [
        "mean": .init([1.5, .infinity, .nan] as [Double], shape: [3, 1]), "w": .init([0.25, -3] as [Float]),
        "half": .init(f16: [1, 2, 3]), "brain": .init(bf16: [1], shape: []), "mask": .init([0, 255] as [UInt8]),
        "empty": .init([] as [Float], shape: [0, 5]), "state": .init([.max, 0] as [UInt64]),
      ], metadata: ["a": "1", "é": "\"\\"]),
    Safetensors.encode(["b": .init(dtype: .bool, shape: [2], bytes: Data([0, 1]))]),
    Safetensors.encode(["f4": .init(dtype: .f4, shape: [4], bytes: Data([1, 2])), "i": .init([-1] as [Int64])]),
    Safetensors.encode([:], metadata: ["only": "text"]),
  ].map { [UInt8]($0) }

  @Test func damagedFilesAreRefusedOrRead() throws {
    var mutator = Mutator(state: 20_240_607)
    var accepted = 0
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("mutant.safetensors")
      for _ in 0..<Self.inputs {
        let mutant = mutator.mutant(of: Self.seeds[mutator.index(below: Self.seeds.count)])
        try put(mutant, url)
        if try check(mutant, url) { accepted += 1 }
      }
    }
    // Neither may the damage be too light to matter nor too heavy to reach the offsets.
    #expect(accepted > Self.inputs / 100 && accepted < Self.inputs / 2, "\(accepted) of \(Self.inputs) were read")
    print("\(accepted) of \(Self.inputs) damaged safetensors files were still valid")
  }

  /// A new file each time, for the old one may be mapped. `Data.write` would flush each to the disk.
  private func put(_ bytes: [UInt8], _ url: URL) throws {
    unlink(url.path)
    let file = try #require(fopen(url.path, "w"))
    defer { fclose(file) }
    try #require(fwrite(bytes, 1, bytes.count, file) == bytes.count)
  }

  /// Whether the file is read; both readers must agree.
  private func check(_ bytes: [UInt8], _ url: URL) throws -> Bool {
    let decoded: Safetensors
    do {
      decoded = try Safetensors.decode(Data(bytes), name: url.path)
    } catch let error as StorageError {
      #expect(throws: error) { try SafetensorsFile(mapping: url) }
      return false
    }
    let again = try Safetensors.decode(Safetensors.encode(decoded.tensors, metadata: decoded.metadata), name: "again")
    #expect(again == decoded)
    let file = try SafetensorsFile(mapping: url)
    #expect(file.metadata == decoded.metadata && Set(file.tensorNames) == Set(decoded.tensors.keys))
    var covered = 0
    for name in file.tensorNames {
      let tensor = try file.tensor(name)
      #expect(tensor.bytes.range.lowerBound >= 8 && tensor.bytes.range.upperBound <= bytes.count)
      #expect(tensor.bytes.withUnsafeBytes { Data($0) } == decoded.tensors[name]?.bytes)
      covered += tensor.bytes.count
      try readValues(tensor)
    }
    #expect(covered <= bytes.count - 8 && covered == file.totalBytes)
    return true
  }

  /// Every way to read values either works or refuses the type.
  private func readValues(_ tensor: MappedTensor) throws {
    do { #expect(try tensor.floats().count == tensor.count) } catch is StorageError {}
    do { #expect(try tensor.integers().count == tensor.count) } catch is StorageError {}
    do { _ = try tensor.firstNonFinite() } catch is StorageError {}
  }

  @Test func damagedIndexesAreRefusedOrRead() throws {
    var mutator = Mutator(state: 7)
    try withTemporaryFolder { folder in
      for name in ["x1", "x2"] {
        let tensor = Safetensors.Tensor([1, 2] as [Float])
        try Safetensors.encode(["t.\(name)": tensor]).write(to: folder.appendingPathComponent(name))
      }
      let url = folder.appendingPathComponent("model.safetensors.index.json")
      let text = Array("{\"metadata\":{\"total_size\":16},\"weight_map\":{\"t.x1\":\"x1\",\"t.x2\":\"x2\"}}".utf8)
      for _ in 0..<Self.inputs / 10 {
        var mutant = text
        for _ in 0...mutator.index(below: 2) { mutator.damage(&mutant, 0..<mutant.count) }
        try put(mutant, url)
        do {
          let checkpoint = try CheckpointTensors(folder: folder)
          #expect(checkpoint.totalBytes == 8 * checkpoint.tensorNames.count && checkpoint.tensorNames.count <= 2)
        } catch is StorageError {}
      }
    }
  }
}

/// Damage drawn from SplitMix64 (Steele, Lea, Flood 2014).
private struct Mutator {
  var state: UInt64

  private static let interesting =
    Array("{}[]\",:0123456789-eE.\\ \u{0}FIU_null".utf8) + [0xff, 0xc3, 0x80]
  private static let numbers = [
    "0", "1", "2", "7", "8", "16", "255", "4294967296", "2305843009213693952", "4611686018427387904",
    "9223372036854775807", "9223372036854775808", "18446744073709551615", "-1", "1e3", "0.5",
  ]

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }

  mutating func index(below bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// A valid file with one to three pieces of damage; mostly the header's length is made to fit its new text.
  mutating func mutant(of file: [UInt8]) -> [UInt8] {
    let length = file[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    var header = Array(file[8..<8 + length])
    var data = Array(file[(8 + length)...])
    let damages = 1 + index(below: 3)
    for _ in 0..<damages {
      switch index(below: 9) {
      case 0...2: damage(&header, 0..<header.count)
      case 3...5: replaceNumber(&header)
      case 6: repeatMember(&header)
      case 7: replaceType(&header)
      default:
        if next() & 1 == 0 { data.removeLast(min(data.count, index(below: 16))) } else { data.append(0) }
      }
    }
    var written = header.count
    switch index(below: 12) {
    case 0: written += index(below: 17) - 8
    case 1: written = [0, 1, length, 100_000_000, 100_000_001, Int.max, -1][index(below: 7)]
    default: break
    }
    let lengthBytes = (0..<8).map { UInt8(truncatingIfNeeded: written >> (8 * $0)) }
    var bytes = lengthBytes + header + data
    if index(below: 20) == 0 { bytes.removeLast(index(below: bytes.count + 1)) }
    return bytes
  }

  /// Flips a bit, or puts, inserts or removes a byte.
  mutating func damage(_ bytes: inout [UInt8], _ range: Range<Int>) {
    guard !range.isEmpty else { return }
    let position = range.lowerBound + index(below: range.count)
    let byte = Self.interesting[index(below: Self.interesting.count)]
    switch index(below: 4) {
    case 0: bytes[position] ^= 1 << UInt8(index(below: 8))
    case 1: bytes[position] = byte
    case 2: bytes.insert(byte, at: position)
    default: bytes.remove(at: position)
    }
  }

  /// Edits an extent or an offset: to a number of note, or by a little.
  private mutating func replaceNumber(_ header: inout [UInt8]) {
    let runs = Self.digitRuns(header)
    guard !runs.isEmpty else { return }
    let run = runs[index(below: runs.count)]
    let old = Int(String(decoding: header[run], as: UTF8.self)) ?? 0
    let new =
      next() & 1 == 0
      ? Self.numbers[index(below: Self.numbers.count)] : String(old &+ [-8, -4, -1, 1, 4, 8][index(below: 6)])
    header.replaceSubrange(run, with: Array(new.utf8))
  }

  private static func digitRuns(_ bytes: [UInt8]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    var start: Int?
    for (position, byte) in (bytes + [0]).enumerated() {
      if byte &- 0x30 < 10 {
        start = start ?? position
      } else if let first = start {
        runs.append(first..<position)
        start = nil
      }
    }
    return runs
  }

  /// Gives a member of the header again, as it is.
  private mutating func repeatMember(_ header: inout [UInt8]) {
    let text = String(decoding: header, as: UTF8.self)
    let pieces = text.components(separatedBy: "},")
    guard pieces.count > 1 else { return }
    let piece = pieces[1 + index(below: pieces.count - 1)].replacingOccurrences(of: "}}", with: "")
    header = Array((pieces + [piece]).joined(separator: "},").utf8)
  }

  private mutating func replaceType(_ header: inout [UInt8]) {
    let types = Safetensors.DType.allCases.map(\.rawValue) + ["F99", ""]
    let pieces = String(decoding: header, as: UTF8.self).components(separatedBy: "\"dtype\":\"")
    guard pieces.count > 1 else { return }
    let chosen = 1 + index(below: pieces.count - 1)
    let type = types[index(below: types.count)]
    let changed = pieces.enumerated().map { $0 == chosen ? type + $1.drop { $0 != "\"" } : $1 }
    header = Array(changed.joined(separator: "\"dtype\":\"").utf8)
  }
}
