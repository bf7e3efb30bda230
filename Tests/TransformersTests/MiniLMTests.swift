import Foundation
import LinearAlgebra
import Storage
import TestSupport
import Testing
import Transformers

/// A real sentence encoder, all-MiniLM-L6-v2, against sentence-transformers in Float64; `Scripts/fetch-minilm.sh` gets the checkpoint,
/// `Scripts/fixtures/minilm.py` makes the answers.
@Suite struct MiniLMTests {
  /// The folder that BAYESIANROUTER_MINILM names, or the script's default; nil where there is no checkpoint.
  private static var folder: URL? {
    let environment = ProcessInfo.processInfo.environment
    let cache = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? NSHomeDirectory() + "/.cache"
    let path = environment["BAYESIANROUTER_MINILM"] ?? cache + "/bayesianrouter/minilm"
    let folder = URL(fileURLWithPath: path)
    let weights = folder.appendingPathComponent("model.safetensors").path
    return FileManager.default.fileExists(atPath: weights) ? folder : nil
  }

  @Test func sentenceVectorsMatchSentenceTransformers() throws {
    guard let folder = Self.folder else {
      print(
        "skipped: all-MiniLM-L6-v2 is not here; get it by Scripts/fetch-minilm.sh, or name its folder by BAYESIANROUTER_MINILM"
      )
      return
    }
    let fixture = try JSONRecord(contentsOf: ParityTests.folder.appendingPathComponent("minilm.json"))
    let sentences = try fixture.records("sentences")
    #expect(sentences.count == 5)
    var batch = TokenBatch()
    for sentence in sentences {
      batch.append(
        try sentence.array("ids").map { value in
          guard case .integer(let id) = value else { throw sentence.mistyped("ids", expected: "integers") }
          return Int32(id)
        })
    }
    let model = try TransformerModel(folder: folder)
    var scratch = ForwardScratch()
    let vectors = try model.pooled(batch, segments: Array(batch.segments.indices), scratch: &scratch)
    for (i, sentence) in sentences.enumerated() {
      let expected = try sentence.array("vector").compactMap(\.double)
      #expect(expected.count == 384 && vectors.columns == 384)
      let worst = matched(vectors.row(i), expected).map { abs(Double($0) - $1) }.max() ?? .infinity
      #expect(worst <= 1e-5, "sentence \(i) is off by \(worst)")
    }
    #expect(CheckpointSummary(folder: folder).loads)
  }
}
