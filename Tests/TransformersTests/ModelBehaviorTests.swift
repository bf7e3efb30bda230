import Foundation
import LinearAlgebra
import Randomness
import Storage
import TestSupport
import Testing
import Transformers

/// What a loaded model does beside giving the right answers: scratch, precision, embedding rows, cuts of a batch.
@Suite struct ModelBehaviorTests {
  private func texts(_ lengths: [Int], vocabulary: Int) -> [[Int32]] {
    var generator = PhiloxGenerator(seed: 3, stream: "texts")
    return lengths.map { length in (0..<length).map { _ in Int32(generator.nextIndex(below: vocabulary)) } }
  }

  /// Big, small, big, and other models between them: the same bits as with new buffers.
  @Test func oneScratchServesBatchesAndModelsOfAnySize() throws {
    var models = try [
      "llama-gqa", "qwen3", "bert-mean", "bert-score", "llama-f64", "llama3-rope-old", "llama-untied-bias",
    ]
    .map { try ParityTests.Reference($0).model }
    if Precision.bfloat16.isSupported {
      for name in ["llama-gqa", "bert-mean"] {
        models.insert(
          try TransformerModel(folder: ParityTests.folder.appendingPathComponent(name), precision: .bfloat16), at: 1)
      }
    }
    let big = texts([40, 33, 1, 25, 38, 40, 17, 40, 39, 31], vocabulary: 64)
    let small = texts([3], vocabulary: 64)
    var shared = ForwardScratch()
    for (round, batch) in [small, big, small, big].map({ TokenBatch($0) }).enumerated() {
      for model in models {
        for workers in [1 + round % 3, 2] {
          var own = ForwardScratch()
          let expected = try model.hiddenStates(batch, workers: 1, scratch: &own)
          let found = try model.hiddenStates(batch, workers: workers, scratch: &shared)
          #expect(found == expected, "\(model.name), round \(round)")
        }
      }
    }
  }

  /// Blocks of rows are cut anew for each number of tokens and threads: around the rows that are taken at a time nothing changes.
  @Test(arguments: [7, 8, 127, 128, 129, 255, 257, 400])
  func cutsOfABatchDoNotChangeABit(tokens: Int) throws {
    let model = try ParityTests.Reference("llama-gqa").model
    let text = texts([tokens], vocabulary: 64)
    var scratch = ForwardScratch()
    let states = try (1...5).map { try model.hiddenStates(TokenBatch(text), workers: $0, scratch: &scratch) }
    #expect(states.allSatisfy { $0 == states[0] && $0.rows == tokens && $0.elements.allSatisfy(\.isFinite) })
    // The beginning of a causal text knows nothing of the rest.
    let half = TokenBatch([Array(text[0].prefix(tokens / 2 + 1))])
    let beginning = try model.hiddenStates(half, workers: 2, scratch: &scratch)
    #expect(beginning == states[0].selectingRows(Array(0...tokens / 2)))
    let rows = [tokens - 1, 0, tokens / 2, 0]
    let some = try model.hiddenStates(TokenBatch(text), rows: rows, workers: 3, scratch: &scratch)
    #expect(some == states[0].selectingRows(rows))
  }

  /// A product's operands are rounded by up to 2^-8, in the mean square by 2^-9.4 or so; the sum of the 4 products a layer of up to 3
  /// layers, each with two roundings, grows like a root: sqrt(24) 2^-9.4 < 2^-7. Twice that is allowed for what attention
  /// and norms amplify.
  @Test(.enabled(if: Precision.bfloat16.isSupported, "this CPU has no AVX512-BF16"), arguments: ParityTests.names)
  func bfloat16IsNearFloat32(name: String) throws {
    let reference = try ParityTests.Reference(name)
    let folder = ParityTests.folder.appendingPathComponent(name)
    let narrow = try TransformerModel(folder: folder, precision: .bfloat16)
    var scratch = ForwardScratch()
    let batch = TokenBatch(reference.sequences)
    let exact = try reference.model.hiddenStates(batch, scratch: &scratch)
    let rounded = try narrow.hiddenStates(batch, scratch: &scratch)
    var (error, size) = (0.0, 0.0)
    for (a, b) in matched(rounded.elements, exact.elements) {
      error += (Double(a) - Double(b)) * (Double(a) - Double(b))
      size += Double(b) * Double(b)
    }
    let relative = (error / size).squareRoot()
    #expect(relative > 0x1p-13, "bfloat16 does not round")
    #expect(relative < 0x1p-6, "\(name): \(relative)")
    #expect(narrow.weightByteCount < reference.model.weightByteCount)
    // Packing does not change a bit here either.
    for (i, ids) in reference.sequences.enumerated() {
      let alone = try narrow.hiddenStates(TokenBatch([ids]), workers: 1, scratch: &scratch)
      #expect(alone == rounded.selectingRows(Array(batch.segments[i].rows)))
    }
  }

  /// Where the layers add nothing, a hidden state is the norm of its token's embedding: each row comes from its place in the file,
  /// whatever the number format.
  @Test func embeddingRowsAreReadFromTheFile() throws {
    try CheckpointCopy.with("llama-base") { copy in
      let hidden = 32
      var generator = PhiloxGenerator(seed: 5, stream: "embedding")
      // Eight bits of significand and moderate exponents: exact in all of the formats.
      let table = (0..<64 * hidden).map { _ in Float(generator.nextIndex(below: 255) - 127) / 64 }
      let formats: [Safetensors.Tensor] = [
        .init(table, shape: [64, hidden]), .init(table.map(Double.init), shape: [64, hidden]),
        .init(bf16: table, shape: [64, hidden]), .init(f16: table, shape: [64, hidden]),
      ]
      var results: [Matrix<Float>] = []
      for format in formats {
        try copy.edit { tensors in
          let name = try #require(tensors.keys.first { $0.hasSuffix("embed_tokens.weight") })
          tensors[name] = format
          for (key, tensor) in tensors where key.hasSuffix("o_proj.weight") || key.hasSuffix("down_proj.weight") {
            tensors[key] = .init([Float](repeating: 0, count: tensor.shape.reduce(1, *)), shape: tensor.shape)
          }
          let norm = try #require(tensors.keys.first { $0.hasSuffix("norm.weight") && !$0.contains("layers") })
          tensors[norm] = .init([Float](repeating: 1, count: hidden))
        }
        var scratch = ForwardScratch()
        results.append(try copy.load().hiddenStates(TokenBatch([[63, 0, 17, 63]]), scratch: &scratch))
      }
      #expect(results.allSatisfy { $0 == results[0] })
      for (row, token) in [63, 0, 17, 63].enumerated() {
        let values = table[token * hidden..<(token + 1) * hidden].map(Double.init)
        let scale = 1 / (values.reduce(0) { $0 + $1 * $1 } / Double(hidden) + 1e-5).squareRoot()
        for (found, value) in matched(results[0].row(row), values) {
          #expect(abs(Double(found) - value * scale) <= 1e-6)
        }
      }
      let memory = EmbeddingTable(Matrix(rows: 64, columns: hidden, elements: table))
      #expect(memory.rows == 64 && memory.columns == hidden)
    }
  }
}
