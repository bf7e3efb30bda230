import Foundation
import LinearAlgebra
import NeuralNetwork
import Testing

/// Attention of small sizes against softmax(q k' / sqrt(d)) v in plain loops.
@Suite struct SelfAttentionTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let heads: Int
    let groups: Int
    let size: Int
    let tokens: Int
    let isCausal: Bool
    let hasNorms: Bool
    var testDescription: String { "\(heads) heads of \(size) over \(groups), \(tokens) tokens, causal \(isCausal)" }
  }

  static let cases = [
    Case(heads: 1, groups: 1, size: 2, tokens: 1, isCausal: true, hasNorms: false),
    Case(heads: 4, groups: 2, size: 8, tokens: 7, isCausal: true, hasNorms: false),
    Case(heads: 4, groups: 2, size: 8, tokens: 7, isCausal: false, hasNorms: false),
    Case(heads: 6, groups: 1, size: 10, tokens: 50, isCausal: true, hasNorms: true),
    Case(heads: 3, groups: 3, size: 64, tokens: 33, isCausal: false, hasNorms: true),
    Case(heads: 9, groups: 3, size: 4, tokens: 65, isCausal: true, hasNorms: false),
  ]

  private let hidden = 13

  private func attention(_ c: Case, _ weights: (projection: Matrix<Float>, bias: [Float])) -> SelfAttention {
    let norm = RMSNorm(weight: randomMatrix(1, c.size, "norm").elements, epsilon: 1e-5)
    return SelfAttention(
      heads: c.heads, keyValueHeads: c.groups, headSize: c.size, isCausal: c.isCausal,
      projection: Linear(weight: PackedMatrix(weights.projection), bias: weights.bias),
      output: Linear(weight: PackedMatrix(randomMatrix(hidden, c.heads * c.size, "output"))),
      queryNorm: c.hasNorms ? norm : nil, keyNorm: c.hasNorms ? norm : nil)
  }

  private func weights(_ c: Case) -> (projection: Matrix<Float>, bias: [Float]) {
    let outputs = (c.heads + 2 * c.groups) * c.size
    return (randomMatrix(outputs, hidden, "projection"), randomMatrix(1, outputs, "bias").elements)
  }

  /// Queries, keys and values after norms and rotary embedding.
  private func projected(_ c: Case, _ x: Matrix<Float>, _ rotary: RotaryEmbedding) -> Rows {
    let (weight, bias) = weights(c)
    var rows = product(doubles(x), weight, bias)
    let norm = randomMatrix(1, c.size, "norm").elements.map(Double.init)
    for position in rows.indices {
      for head in 0..<c.heads + c.groups {
        let range = head * c.size..<(head + 1) * c.size
        var values = Array(rows[position][range])
        if c.hasNorms {
          let mean = values.reduce(0) { $0 + $1 * $1 } / Double(c.size)
          values = zip(values, norm).map { $0 / (mean + Double(Float(1e-5))).squareRoot() * $1 }
        }
        let half = c.size / 2
        for (j, frequency) in rotary.frequencies(length: 1).enumerated() {
          let angle = Double(position) * frequency
          let (a, b) = (values[j], values[j + half])
          values[j] = a * cos(angle) - b * sin(angle)
          values[j + half] = b * cos(angle) + a * sin(angle)
        }
        rows[position].replaceSubrange(range, with: values)
      }
    }
    return rows
  }

  private func expected(_ c: Case, _ rows: Rows) -> Rows {
    rows.indices.map { query in
      (0..<c.heads).flatMap { head in
        let group = head / (c.heads / c.groups)
        let q = rows[query][head * c.size..<(head + 1) * c.size]
        let seen = c.isCausal ? query + 1 : rows.count
        func part(_ row: Int, _ offset: Int) -> ArraySlice<Double> {
          rows[row][(offset + group) * c.size..<(offset + group + 1) * c.size]
        }
        let scores = (0..<seen).map { key in
          zip(q, part(key, c.heads)).reduce(0) { $0 + $1.0 * $1.1 } / Double(c.size).squareRoot()
        }
        let top = scores.max() ?? 0
        let shares = scores.map { exp($0 - top) }
        let sum = shares.reduce(0, +)
        var mixed = [Double](repeating: 0, count: c.size)
        for key in 0..<seen {
          for (j, value) in part(key, c.heads + c.groups).enumerated() { mixed[j] += shares[key] / sum * value }
        }
        return mixed
      }
    }
  }

  @Test(arguments: cases)
  func matchesPlainLoops(c: Case) {
    let x = randomMatrix(c.tokens, hidden, "x")
    let rotary = RotaryEmbedding(headSize: c.size, base: 100)
    let layer = attention(c, weights(c))
    let scratch = scratch(rows: c.tokens, hidden: hidden, inner: 1, keys: c.tokens, headSize: c.size)
    let qkv = RowBuffer(rows: c.tokens, columns: layer.projection.outputs)
    layer.project(RowBuffer(x).all, into: qkv.all, scratch: scratch)
    layer.rotate(qkv.all, from: 0, rotary.table(positions: c.tokens, length: c.tokens))
    let reference = projected(c, x, rotary)
    #expect(difference(qkv.all, reference) <= 3e-6)
    for group in 0..<c.groups {
      layer.attend(
        qkv.all, firstQuery: 0, keys: [qkv.all], group: group, members: 0..<c.heads / c.groups, scratch: scratch)
    }
    #expect(difference(qkv.all.columns(0..<c.heads * c.size), expected(c, reference)) <= 2e-5)
  }

  /// Keys in two runs, queries of the second alone, one head at a time: the same bits as in one piece.
  @Test(arguments: cases.filter { $0.isCausal && $0.tokens > 1 })
  func runsOfKeysDoNotChangeABit(c: Case) {
    let layer = attention(c, weights(c))
    let values = randomMatrix(c.tokens, layer.projection.outputs, "qkv")
    let scratch = scratch(rows: c.tokens, hidden: hidden, inner: 1, keys: c.tokens, headSize: c.size)
    let whole = RowBuffer(values)
    let pieces = RowBuffer(values)
    let split = c.tokens / 3
    for group in 0..<c.groups {
      let members = 0..<c.heads / c.groups
      layer.attend(whole.all, firstQuery: 0, keys: [whole.all], group: group, members: members, scratch: scratch)
      for member in members {
        layer.attend(
          pieces[split..<c.tokens], firstQuery: split, keys: [pieces[0..<split], pieces[split..<c.tokens]],
          group: group, members: member..<member + 1, scratch: scratch)
      }
    }
    for row in split..<c.tokens { #expect(whole.all.row(row) == pieces.all.row(row)) }
    #expect(pieces[0..<split].matrix == values.selectingRows(Array(0..<split)))
  }
}
