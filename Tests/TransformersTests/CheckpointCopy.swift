import Foundation
import LinearAlgebra
import Storage
import Testing
import Transformers

/// A fixture's folder in a temporary place, to be damaged there.
struct CheckpointCopy {
  let folder: URL

  /// Calls `body` with a copy that is gone afterwards.
  static func with<Result>(_ fixture: String, _ body: (CheckpointCopy) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("checkpoint-\(UUID().uuidString)")
    try FileManager.default.copyItem(at: ParityTests.folder.appendingPathComponent(fixture), to: folder)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(CheckpointCopy(folder: folder))
  }

  func url(_ name: String) -> URL { folder.appendingPathComponent(name) }

  func write(_ name: String, _ text: String) throws {
    try FileManager.default.createDirectory(
      at: url(name).deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url(name))
  }

  /// Sets a key of config.json, or removes it.
  func set(_ key: String, _ value: JSONValue?) throws {
    let old = try JSONRecord(contentsOf: url("config.json")).object
    try write("config.json", JSONValue.object(old.setting(key, value)).text())
  }

  /// Changes the tensors of model.safetensors.
  func edit(_ body: (inout [String: Safetensors.Tensor]) throws -> Void) throws {
    var tensors = try tensors()
    try body(&tensors)
    try Safetensors.encode(tensors).write(to: url("model.safetensors"))
  }

  func tensors() throws -> [String: Safetensors.Tensor] {
    try Safetensors.decode(Data(contentsOf: url("model.safetensors")), name: "copy").tensors
  }

  func load(precision: Precision = .float32, allowsNonFinite: Bool = false) throws -> TransformerModel {
    try TransformerModel(folder: folder, precision: precision, allowsNonFinite: allowsNonFinite)
  }

  var summary: CheckpointSummary { CheckpointSummary(folder: folder) }

  /// The text of the error that loading throws, which the summary must know too.
  func problem(sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
    let error = try #require(throws: (any Error).self, sourceLocation: sourceLocation) { try load() }
    let summary = CheckpointSummary(folder: folder, checkingValues: true)
    #expect(!summary.loads, sourceLocation: sourceLocation)
    #expect(
      summary.problems.contains { $0.text == "\(error)" }, "\(error) is not among \(summary.problems)",
      sourceLocation: sourceLocation)
    return "\(error)"
  }
}

extension JSONObject {
  /// The object with another value of a key, or without the key.
  func setting(_ key: String, _ value: JSONValue?) -> JSONObject {
    var result = JSONObject()
    for member in members where member.key != key { result.append(member.key, member.value) }
    if let value { result.append(key, value) }
    return result
  }
}

/// Whether a text contains all of these.
func mentions(_ text: String, _ parts: String...) -> Bool { parts.allSatisfy { text.contains($0) } }
