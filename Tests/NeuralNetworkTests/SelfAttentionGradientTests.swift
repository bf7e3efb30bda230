import Foundation
import LinearAlgebra
import NeuralNetwork
import Randomness
import TestSupport
import Testing

/// The gradient of attention against central differences of softmax(q k' / sqrt(d)) v in Double.
@Suite struct SelfAttentionGradientTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let heads: Int
    let groups: Int
    let size: Int
    /// Tokens of a prefix that two texts share, and of what follows in each.
    let prefix: Int
    let own: [Int]
    let isCausal: Bool
    var testDescription: String { "\(heads) heads of \(size) over \(groups), \(prefix) + \(own), causal \(isCausal)" }

    var tokens: Int { prefix + own.reduce(0, +) }
    var columns: Int { (heads + 2 * groups) * size }
    /// The rows of each text's queries, and of its keys.
    var texts: [(queries: Range<Int>, keys: [Range<Int>])] {
      var texts: [(Range<Int>, [Range<Int>])] = prefix > 0 ? [(0..<prefix, [0..<prefix])] : []
      var start = prefix
      for count in own {
        let rows = start..<start + count
        texts.append((rows, prefix > 0 ? [0..<prefix, rows] : [rows]))
        start += count
      }
      return texts
    }
  }

  static let cases = [
    Case(heads: 1, groups: 1, size: 2, prefix: 0, own: [1], isCausal: true),
    Case(heads: 4, groups: 2, size: 8, prefix: 0, own: [7, 3], isCausal: true),
    Case(heads: 4, groups: 2, size: 8, prefix: 0, own: [7, 5], isCausal: false),
    Case(heads: 3, groups: 1, size: 6, prefix: 5, own: [4, 1], isCausal: true),
    Case(heads: 2, groups: 2, size: 64, prefix: 0, own: [50], isCausal: false),
    Case(heads: 4, groups: 1, size: 50, prefix: 0, own: [97], isCausal: true),
    Case(heads: 2, groups: 1, size: 16, prefix: 49, own: [48, 30], isCausal: true),
  ]

  private func attention(_ c: Case, norms: [[Float]] = []) -> SelfAttention {
    let norms = norms.map { RMSNorm(weight: $0, epsilon: 1e-3) }
    return SelfAttention(
      heads: c.heads, keyValueHeads: c.groups, headSize: c.size, isCausal: c.isCausal,
      projection: Linear(weight: PackedMatrix(randomMatrix(c.columns, 3, "projection"))),
      output: Linear(weight: PackedMatrix(randomMatrix(3, c.heads * c.size, "output"))),
      queryNorm: norms.first, keyNorm: norms.last)
  }

  /// sum c o over the texts' results o. Only what the moved row changes need be computed: the texts that have it.
  private func loss(_ c: Case, _ rows: Rows, _ weights: Rows, moved: Int? = nil) -> Double {
    var sum = 0.0
    for text in c.texts {
      let keys = Array(text.keys.joined())
      if let moved, !keys.contains(moved) { continue }
      for (i, query) in text.queries.enumerated() {
        let seen = c.isCausal ? keys.count - text.queries.count + i + 1 : keys.count
        if let moved, !keys[..<seen].contains(moved) { continue }
        for head in 0..<c.heads {
          let group = head / (c.heads / c.groups)
          let (q, k, v) = (head * c.size, (c.heads + group) * c.size, (c.heads + c.groups + group) * c.size)
          var scores = keys[..<seen].map { key in
            (0..<c.size).reduce(0.0) { $0 + rows[query][q + $1] * rows[key][k + $1] } / Double(c.size).squareRoot()
          }
          let top = scores.max() ?? 0
          scores = scores.map { exp($0 - top) }
          let total = scores.reduce(0, +)
          for (share, key) in matched(scores, keys[..<seen]) {
            let mixed = (0..<c.size).reduce(0.0) { $0 + rows[key][v + $1] * weights[query][q + $1] }
            sum += share / total * mixed
          }
        }
      }
    }
    return sum
  }

  @Test(arguments: cases)
  func matchesCentralDifferences(c: Case) {
    let layer = attention(c)
    let values = randomMatrix(c.tokens, c.columns, "qkv", scale: 2)
    let weights = randomMatrix(c.tokens, c.heads * c.size, "c")
    let qkv = RowBuffer(values)
    let out = RowBuffer(rows: c.tokens, columns: c.heads * c.size)
    let logSums = RowBuffer(rows: c.tokens, columns: c.heads)
    let gradient = RowBuffer(rows: c.tokens, columns: c.columns)
    let work = scratch(rows: c.tokens, hidden: 1, inner: 1, keys: c.tokens, headSize: c.size)
    let backwardWork = RowBuffer(
      rows: 1, columns: attentionGradientScratchCount(keys: c.tokens, headSize: c.size))
    for text in c.texts {
      let first = text.keys.dropLast().reduce(0) { $0 + $1.count }
      for group in 0..<c.groups {
        layer.attend(
          qkv[text.queries], firstQuery: first, keys: text.keys.map { qkv[$0] }, group: group,
          members: 0..<c.heads / c.groups, into: out[text.queries], logSums: logSums[text.queries], scratch: work)
        layer.attendBackward(
          qkv[text.queries], firstQuery: first, keys: text.keys.map { qkv[$0] }, group: group, out: out[text.queries],
          logSums: logSums[text.queries], outGradient: RowBuffer(weights)[text.queries],
          queryGradient: gradient[text.queries], keyGradients: text.keys.map { gradient[$0] }, scratch: backwardWork)
      }
    }
    #expect(qkv.all.matrix == values)
    // All elements of small cases, some of large ones.
    let elements = c.tokens * c.columns
    var generator = PhiloxGenerator(seed: 9, stream: "elements")
    let chosen = elements <= 400 ? Array(0..<elements) : (0..<150).map { _ in generator.nextIndex(below: elements) }
    var rows = doubles(values)
    let coefficients = doubles(weights)
    for element in chosen {
      let (i, j) = (element / c.columns, element % c.columns)
      let step = 1e-4
      let middle = rows[i][j]
      rows[i][j] = middle + step
      let above = loss(c, rows, coefficients, moved: i)
      rows[i][j] = middle - step
      let below = loss(c, rows, coefficients, moved: i)
      rows[i][j] = middle
      let found = Double(gradient.all.row(i)[j])
      #expect(abs(found - (above - below) / (2 * step)) <= 2e-5, "row \(i), column \(j): \(found)")
    }
  }

  @Test func normsOfHeadsHaveTheirGradients() {
    let c = Case(heads: 4, groups: 2, size: 6, prefix: 0, own: [3], isCausal: true)
    let weights = ["query", "key"].map { randomMatrix(1, c.size, $0).elements }
    let layer = attention(c, norms: weights)
    let columns = layer.rotatedColumns
    let raw = randomMatrix(3, columns, "raw")
    let coefficients = randomMatrix(3, columns, "c")
    let gradient = RowBuffer(coefficients)
    let norms = RowBuffer(rows: 2, columns: c.size)
    layer.normalizeBackward(gradient.all, raw: RowBuffer(raw).all, normGradients: [norms[0..<1], norms[1..<2]])
    func loss(_ x: Rows, _ weights: Rows) -> Double {
      let normed = x.map { row in
        (0..<6).flatMap { head in
          let part = row[head * c.size..<(head + 1) * c.size]
          let mean = part.reduce(0) { $0 + $1 * $1 } / Double(c.size)
          return zip(part, weights[head < c.heads ? 0 : 1]).map { $0 / (mean + Double(Float(1e-3))).squareRoot() * $1 }
        }
      }
      return inner(normed, doubles(coefficients))
    }
    let w = weights.map { $0.map(Double.init) }
    #expect(difference(gradient.all, centralDifferences(doubles(raw)) { loss($0, w) }) <= 1e-5)
    #expect(difference(norms.all, centralDifferences(w) { loss(doubles(raw), $0) }) <= 1e-5)
  }
}
