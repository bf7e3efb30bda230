import Dialogues
import Foundation
import Storage
import TestSupport
import Testing

@Suite struct StateCacheTests {
  @Test func cacheSurvivesItsFile() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("states-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let encoder = Fingerprint(high: 1, low: .max)
    let keys = (0..<5).map { Fingerprint([UInt8($0)]) }
    var one = StateCache(encoder: encoder, size: 3)
    for key in keys[..<3] { one.insert(key, [1, 2, Float(key.low & 0xff)]) }
    try one.save(in: folder)
    // Another process adds to the same file.
    var other = StateCache(encoder: encoder, size: 3)
    for key in keys[3...] { other.insert(key, [4, 5, 6]) }
    try other.save(in: folder)
    let read = try StateCache(folder: folder, encoder: encoder, size: 3)
    #expect(read.count == 5)
    for key in keys { #expect(read[key] == one[key] ?? other[key]) }

    let file = folder.appendingPathComponent("\(encoder).safetensors")
    #expect(throws: StorageError.self) { try StateCache(folder: folder, encoder: encoder, size: 4) }
    let bytes = try AtomicFile.read(file)
    try AtomicFile.write(Data(bytes.dropLast()), to: file)
    #expect(throws: StorageError.self) { try StateCache(folder: folder, encoder: encoder, size: 3) }
  }
}
