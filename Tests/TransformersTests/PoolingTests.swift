import Foundation
import LinearAlgebra
import Randomness
import TestSupport
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
        let worst = matched(pooled.row(row), expected).map { abs(Double($0) - $1) }.max() ?? .infinity
        #expect(worst <= 1e-6 * (expected.map(abs).max() ?? 0) + 1e-7)
      }
    }
  }

  /// Against central differences of the reference: sum c y with step 1e-4, off by about 1e-8.
  @Test(arguments: Pooling.Kind.allCases, [false, true])
  func eachKindHasItsGradient(kind: Pooling.Kind, normalizes: Bool) {
    var generator = PhiloxGenerator(seed: 1, stream: "pooling")
    func random(_ rows: Int) -> Matrix<Float> {
      Matrix(rows: rows, columns: 7, elements: (0..<rows * 7).map { _ in Float(generator.nextNormal()) })
    }
    let isOneRow = kind.isOneRow
    for rows in isOneRow ? [1] : [1, 2, 6] {
      let states = random(rows)
      let coefficients = random(1).elements
      func loss(_ states: Matrix<Double>) -> Double {
        var vector = (0..<7).map { j in
          let column = (0..<rows).map { states[$0, j] }
          let sum = column.reduce(0, +)
          switch kind {
          case .max: return column.max() ?? 0
          case .meanSquareRootLength: return sum / Double(rows).squareRoot()
          default: return sum / Double(rows)
          }
        }
        if normalizes {
          let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
          vector = vector.map { $0 / norm }
        }
        return zip(vector, coefficients).reduce(0) { $0 + $1.0 * Double($1.1) }
      }
      let found = Pooling(kind, normalizes: normalizes).poolGradient(states, coefficients)
      for element in 0..<rows * 7 {
        var (above, below) = (states.elements.map(Double.init), states.elements.map(Double.init))
        above[element] += 1e-4
        below[element] -= 1e-4
        let slope =
          (loss(Matrix(rows: rows, columns: 7, elements: above)) - loss(Matrix(rows: rows, columns: 7, elements: below)))
          / 2e-4
        #expect(abs(Double(found.elements[element]) - slope) <= 2e-6)
      }
    }
    // A vector of 0 is not scaled, nor is its gradient.
    let zero = Pooling(kind, normalizes: normalizes).poolGradient(
      Matrix(rows: 1, columns: 3), [1, 2, 3])
    #expect(zero.elements == [1, 2, 3])
  }

  /// The vectors are those of inference, and their gradient goes through the states.
  @Test(arguments: ["llama-gqa", "bert-mean", "bert-cls"])
  func pooledPassesAreThoseOfTheirStates(name: String) throws {
    let model = try GradientParityTests.model(name)
    let batch = TokenBatch([[5, 6, 7], [9], [5, 6, 8, 10, 11]])
    var scratch = TrainingScratch()
    var own = ForwardScratch()
    let pooled = try model.forwardPooled(batch, segments: [2, 0], scratch: &scratch)
    #expect(try model.model.pooled(batch, segments: [2, 0], scratch: &own) == pooled.vectors)
    let gradient = GradientParityTests.loss(pooled.vectors).gradient.all.matrix
    var found = model.zeroGradients
    model.backward(gradient, pooled, into: &found)
    let pass = try model.forward(batch, scratch: &scratch)
    let states = RowBuffer(rows: batch.tokens.count, columns: gradient.columns)
    for (text, segment) in [2, 0].enumerated() {
      let rows = batch.segments[segment].rows
      let used = model.pooling.kind == .lastToken ? rows.suffix(1) : model.pooling.kind == .mean ? rows : rows.prefix(1)
      let part = model.pooling.poolGradient(pass.states[used].matrix, Array(gradient.row(text)))
      for (i, row) in used.enumerated() { states.all.setRow(row, to: part.row(i)) }
    }
    var expected = model.zeroGradients
    model.backward(states.all, pass, into: &expected)
    for (a, b) in matched(found, expected) where b.contains(where: { abs($0) > 1e-5 }) {
      #expect(GradientParityTests.difference(a, b) <= 1e-5)
    }
    #expect(found.joined().contains { $0 != 0 })
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
