import Foundation
import LinearAlgebra
import Testing
import Transformers

/// The vector of a text against its hidden states, for each pooling that modules.json can name.
@Suite struct PoolingTests {
  private func reference(_ kind: Pooling.Kind, _ states: Matrix<Float>) -> [Double] {
    let rows = (0..<states.rows).map { states.row($0).map(Double.init) }
    return (0..<states.columns).map { j in
      let column = rows.map { $0[j] }
      switch kind {
      case .lastToken: return column[column.count - 1]
      case .classToken: return column[0]
      case .mean: return column.reduce(0, +) / Double(column.count)
      case .max: return column.max() ?? 0
      case .meanSquareRootLength: return column.reduce(0, +) / Double(column.count).squareRoot()
      }
    }
  }

  private func load(_ fixture: String, _ kind: Pooling.Kind, normalizes: Bool) throws -> TransformerModel {
    try CheckpointCopy.with(fixture) { copy in
      let types = ["Transformer", "Pooling"] + (normalizes ? ["Normalize"] : [])
      let modules = types.enumerated().map {
        #"{"idx": \#($0), "name": "\#($0)", "path": "\#($0)_\#($1)", "type": "sentence_transformers.models.\#($1)"}"#
      }
      try copy.write("modules.json", "[" + modules.joined(separator: ", ") + "]")
      try copy.write("1_Pooling/config.json", #"{"pooling_mode": "\#(kind.rawValue)"}"#)
      return try copy.load()
    }
  }

  @Test(arguments: Pooling.Kind.allCases, [false, true])
  func eachKindPoolsTheTextsRows(kind: Pooling.Kind, normalizes: Bool) throws {
    for fixture in ["llama-gqa", "bert-cls"] {
      let model = try load(fixture, kind, normalizes: normalizes)
      #expect(model.pooling == Pooling(kind, normalizes: normalizes))
      let texts: [[Int32]] = [[5, 6, 7], [9], [5, 6, 8, 10, 11]]
      var scratch = ForwardScratch()
      let batch = TokenBatch(texts)
      let pooled = try model.pooled(batch, segments: [2, 0, 1], scratch: &scratch)
      #expect(pooled.rows == 3)
      for (row, text) in [2, 0, 1].enumerated() {
        let states = try model.hiddenStates(TokenBatch([texts[text]]), scratch: &scratch)
        var expected = reference(kind, states)
        if normalizes {
          let norm = expected.reduce(0) { $0 + $1 * $1 }.squareRoot()
          expected = expected.map { $0 / norm }
        }
        let worst = zip(pooled.row(row), expected).map { abs(Double($0) - $1) }.max() ?? .infinity
        #expect(worst <= 1e-6 * (expected.map(abs).max() ?? 0) + 1e-7)
      }
    }
  }

  @Test(arguments: Pooling.Kind.allCases)
  func sharedPrefixesAreOfEachText(kind: Pooling.Kind) throws {
    let model = try load("llama-gqa", kind, normalizes: false)
    let texts: [[Int32]] = [[5, 6, 7, 8], [5, 6, 9], [5, 6, 7, 10, 11]]
    var batch = TokenBatch()
    let ends = batch.append(sharingPrefixOf: texts)
    var scratch = ForwardScratch()
    let pooled = try model.pooled(batch, segments: ends, scratch: &scratch)
    for (row, text) in texts.enumerated() {
      let alone = try model.pooled(TokenBatch([text]), segments: [0], scratch: &scratch)
      #expect(Array(pooled.row(row)) == alone.elements)
    }
  }

  @Test func withoutModulesTheLastOrTheFirstTokenCounts() throws {
    for (fixture, kind) in [("llama-base", Pooling.Kind.lastToken), ("bert-score", .classToken)] {
      #expect(try ParityTests.Reference(fixture).model.pooling == Pooling(kind))
    }
  }
}
