import Foundation
import LinearAlgebra
import Randomness
import TestSupport
import Testing

/// The kernels of transformers against plain loops in Double, over sizes around the tiles' edges.
@Suite struct RowKernelTests {
  static func random(_ rows: Int, _ columns: Int, stream: String, scale: Double = 1) -> Matrix<Float> {
    var generator = PhiloxGenerator(seed: 7, stream: stream)
    let values = (0..<rows * columns).map { _ in Float(generator.nextNormal() * scale) }
    return Matrix(rows: rows, columns: columns, elements: values)
  }

  /// Sum of |a||b| and the dot product, in Double: rounding errors are bounded by the first.
  static func exactProduct(_ x: Matrix<Float>, _ w: Matrix<Float>) -> (value: [Double], size: [Double]) {
    var value: [Double] = []
    var size: [Double] = []
    for i in 0..<x.rows {
      for j in 0..<w.rows {
        var sum = 0.0
        var magnitude = 0.0
        for k in 0..<x.columns {
          let term = Double(x[i, k]) * Double(w[j, k])
          sum += term
          magnitude += term.magnitude
        }
        value.append(sum)
        size.append(magnitude)
      }
    }
    return (value, size)
  }

  @Test(arguments: [1, 7, 8, 17], [1, 15, 16, 33, 47, 48, 49, 100, 144])
  func productMatchesDoubleLoops(rows: Int, outputs: Int) {
    for inputs in [1, 5, 64] {
      let x = Self.random(rows, inputs, stream: "x")
      let w = Self.random(outputs, inputs, stream: "w")
      let exact = Self.exactProduct(x, w)
      let bias = (0..<outputs).map { Float($0) / 8 }
      let y = RowBuffer(rows: rows, columns: outputs)
      let packed = PackedMatrix(w)
      product(RowBuffer(x).all, packed, bias: bias, into: y.all)
      product(RowBuffer(x).all, packed, accumulating: true, into: y.all)
      let result = y.all.matrix
      // Each of two chains of `inputs` fused multiply-adds, two more sums.
      let unit = Double(Float.ulpOfOne) / 2
      for i in 0..<rows {
        for j in 0..<outputs {
          let index = i * outputs + j
          let bound = unit * (2 * Double(inputs) + 4) * (2 * exact.size[index] + Double(bias[j]))
          #expect(abs(Double(result[i, j]) - 2 * exact.value[index] - Double(bias[j])) <= bound + 1e-30)
        }
      }
    }
  }

  /// Sizes beyond one block of rows and one of depth; the sum starts from what Y held and the bias.
  @Test(arguments: [5, 264, 271], [48, 210])
  func productGoesOnFromBlockToBlock(rows: Int, outputs: Int) {
    let inputs = 450
    let x = Self.random(rows, inputs, stream: "x")
    let w = Self.random(outputs, inputs, stream: "w")
    let start = Self.random(rows, outputs, stream: "start")
    let bias = Self.random(1, outputs, stream: "bias").elements
    let exact = Self.exactProduct(x, w)
    let packed = PackedMatrix(w)
    let y = RowBuffer(start)
    product(RowBuffer(x).all, packed, bias: bias, accumulating: true, into: y.all)
    let result = y.all.matrix
    let unit = Double(Float.ulpOfOne) / 2
    for i in 0..<rows {
      for j in 0..<outputs {
        let index = i * outputs + j
        let (first, second) = (Double(start[i, j]), Double(bias[j]))
        let bound = unit * Double(inputs + 2) * (exact.size[index] + first.magnitude + second.magnitude)
        #expect(abs(Double(result[i, j]) - first - second - exact.value[index]) <= bound)
      }
    }
    // The last row is in another block than the first, and alone in a product of its own.
    let last = RowBuffer(rows: 1, columns: outputs)
    last.all.copyRow(0, from: RowBuffer(start).all, rows - 1)
    product(RowBuffer(x)[rows - 1..<rows], packed, bias: bias, accumulating: true, into: last.all)
    #expect(last.all.row(0) == y.all.row(rows - 1))
  }

  @Test(arguments: [1, 7, 200, 390], [1, 6, 13, 270])
  func productOfTransposedMatchesDoubleLoops(rows: Int, m: Int) {
    let a = Self.random(rows, m, stream: "a")
    for n in [1, 16, 50] {
      let b = Self.random(rows, n, stream: "b")
      let exact = Self.exactProduct(a.transposed, b.transposed)
      let c = RowBuffer(Self.random(m, n, stream: "before"))
      productOfTransposed(RowBuffer(a).all, RowBuffer(b).all, into: c.all)
      let result = c.all.matrix.elements
      let unit = Double(Float.ulpOfOne) / 2
      for index in result.indices {
        #expect(abs(Double(result[index]) - exact.value[index]) <= unit * Double(rows) * exact.size[index])
      }
      // Cut by columns of A and B, as threads share it, no bit changes.
      let part = RowBuffer(rows: m - m / 2, columns: n - n / 3)
      productOfTransposed(
        RowBuffer(a).all.columns(m / 2..<m), RowBuffer(b).all.columns(n / 3..<n), into: part.all)
      #expect(part.all.matrix == c[m / 2..<m].columns(n / 3..<n).matrix)
    }
  }

  @Test func productOfTransposedWithoutRowsIsZero() {
    let c = RowBuffer(Self.random(2, 3, stream: "before"))
    productOfTransposed(RowBuffer(rows: 0, columns: 2).all, RowBuffer(rows: 0, columns: 3).all, into: c.all)
    #expect(c.all.matrix.elements.allSatisfy { $0 == 0 })
  }

  @Test(.enabled(if: Precision.bfloat16.isSupported), arguments: [1, 9, 16], [3, 48, 70])
  func bfloat16ProductRoundsItsOperandsOnly(rows: Int, outputs: Int) throws {
    for inputs in [1, 33, 96] {
      let x = Self.random(rows, inputs, stream: "x")
      let w = Self.random(outputs, inputs, stream: "w")
      let exact = Self.exactProduct(Self.rounded(x), Self.rounded(w))
      let packed = PackedMatrix(w, precision: .bfloat16)
      let y = RowBuffer(rows: rows, columns: outputs)
      let scratch = RowBuffer(rows: 1, columns: packed.scratchCount(rows: rows))
      product(RowBuffer(x).all, packed, into: y.all, scratch: scratch)
      let result = y.all.matrix.elements
      let unit = Double(Float.ulpOfOne) / 2
      for index in result.indices {
        let bound = unit * (2 * Double(inputs) + 4) * exact.size[index]
        #expect(abs(Double(result[index]) - exact.value[index]) <= bound)
      }
    }
  }

  static func rounded(_ matrix: Matrix<Float>) -> Matrix<Float> {
    var result = matrix
    for i in result.elements.indices {
      let bits = result.elements[i].bitPattern
      result.elements[i] = Float(bitPattern: (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
    }
    return result
  }

  @Test func rowsDoNotDependOnTheirNeighbors() {
    let x = Self.random(21, 40, stream: "x")
    let packed = PackedMatrix(Self.random(70, 40, stream: "w"))
    let together = RowBuffer(rows: 21, columns: 70)
    product(RowBuffer(x).all, packed, into: together.all)
    for i in 0..<21 {
      let alone = RowBuffer(rows: 1, columns: 70)
      product(RowBuffer(x)[i..<i + 1], packed, into: alone.all)
      #expect(alone.all.row(0) == together.all.row(i))
    }
  }

  @Test func packingReportsTheFirstError() {
    struct Refusal: Error, Equatable { let row: Int }
    #expect(throws: Refusal(row: 48)) {
      _ = try PackedMatrix(outputs: 200, inputs: 2, workers: 2) { rows throws in
        if rows.lowerBound >= 48 { throw Refusal(row: rows.lowerBound) }
        return [Float](repeating: 0, count: rows.count * 2)
      }
    }
  }

  @Test(arguments: [1, 7, 16, 33, 64])
  func normsMatchTheirFormulas(columns: Int) {
    let x = Self.random(5, columns, stream: "x", scale: 3)
    let weight = Self.random(1, columns, stream: "weight").elements
    let bias = Self.random(1, columns, stream: "bias").elements
    let y = RowBuffer(rows: 5, columns: columns)
    rmsNorm(RowBuffer(x).all, weight: weight, epsilon: 1e-5, into: y.all)
    let z = RowBuffer(rows: 5, columns: columns)
    layerNorm(RowBuffer(x).all, weight: weight, bias: bias, epsilon: 1e-5, into: z.all)
    for i in 0..<5 {
      let row = x.row(i).map(Double.init)
      let mean = row.reduce(0, +) / Double(columns)
      let square = row.reduce(0) { $0 + $1 * $1 } / Double(columns)
      let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
      for j in 0..<columns {
        let rms = row[j] / (square + 1e-5).squareRoot() * Double(weight[j])
        let layer = (row[j] - mean) / (variance + 1e-5).squareRoot() * Double(weight[j]) + Double(bias[j])
        #expect(abs(Double(y.all.row(i)[j]) - rms) <= 1e-6 * max(1, rms.magnitude))
        // The mean's cancellation is relative to the row, not to the result.
        let scale = 10 * Double(weight[j]).magnitude / (variance + 1e-5).squareRoot() + 1
        #expect(abs(Double(z.all.row(i)[j]) - layer) <= 1e-6 * max(scale, layer.magnitude))
      }
    }
  }

  @Test func activationsMatchTheirFormulas() {
    let points = stride(from: -40.0, through: 40.0, by: 0.03125).map { $0 }
    let x = RowBuffer(Matrix(rows: 1, columns: points.count, elements: points.map(Float.init)))
    let exact: [(Activation, (Double) -> Double)] = [
      (.silu, { $0 / (1 + exp(-$0)) }), (.gelu, { 0.5 * $0 * erfc(-$0 / 2.0.squareRoot()) }),
      (.geluTanh, { 0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }),
      (.relu, { max($0, 0) }),
    ]
    for (activation, formula) in exact {
      let y = RowBuffer(rows: 1, columns: points.count)
      activate(activation, x.all, into: y.all)
      for (point, value) in matched(points, y.all.row(0)) {
        let error = abs(Double(value) - formula(point))
        #expect(error <= 5e-7 * max(1, point.magnitude), "\(activation) at \(point): \(value)")
      }
    }
  }

  @Test func gatedActivationMultipliesTheHalves() {
    let x = Self.random(3, 2 * 37, stream: "x")
    let buffer = RowBuffer(x)
    activateGated(.silu, buffer.all, into: buffer.all.columns(0..<37))
    for i in 0..<3 {
      for j in 0..<37 {
        let gate = Double(x[i, j])
        let value = gate / (1 + exp(-gate)) * Double(x[i, 37 + j])
        #expect(abs(Double(buffer.all.row(i)[j]) - value) <= 1e-6 * max(1, value.magnitude))
      }
    }
  }

  @Test(arguments: [8, 20, 64])
  func rotationTurnsPairsOfHalves(headSize: Int) {
    let x = Self.random(4, 2 * headSize, stream: "x")
    let half = headSize / 2
    let angles = (0..<4 * half).map { Double($0) * 0.37 }
    let buffer = RowBuffer(x)
    rotate(
      buffer.all, headSize: headSize, cosines: angles.map { Float(cos($0)) }[...],
      sines: angles.map { Float(sin($0)) }[...])
    for i in 0..<4 {
      for head in 0..<2 {
        for j in 0..<half {
          let a = Double(x[i, head * headSize + j])
          let b = Double(x[i, head * headSize + half + j])
          let angle = angles[i * half + j]
          let row = buffer.all.row(i)
          #expect(abs(Double(row[head * headSize + j]) - (a * cos(angle) - b * sin(angle))) < 2e-6)
          #expect(abs(Double(row[head * headSize + half + j]) - (b * cos(angle) + a * sin(angle))) < 2e-6)
        }
      }
    }
  }

  @Test(arguments: [1, 5, 33, 100], [8, 20, 64])
  func attentionMatchesItsFormula(tokens: Int, headSize: Int) {
    let heads = 2
    let q = Self.random(tokens, heads * headSize, stream: "q")
    let keysAndValues = Self.random(tokens, 2 * headSize, stream: "kv")
    let kv = RowBuffer(keysAndValues)
    let run = KeyRun(keys: kv.all.columns(0..<headSize), values: kv.all.columns(headSize..<2 * headSize))
    let scratch = RowBuffer(rows: 1, columns: attentionScratchCount(keys: tokens, headSize: headSize))
    for isCausal in [true, false] {
      let out = RowBuffer(rows: tokens, columns: heads * headSize)
      attend(
        RowBuffer(q).all, [run], headSize: headSize, isCausal: isCausal, scale: 0.3, into: out.all, scratch: scratch)
      for head in 0..<heads {
        for i in 0..<tokens {
          let seen = isCausal ? i + 1 : tokens
          let scores = (0..<seen).map { t in
            (0..<headSize).reduce(0.0) {
              $0 + Double(q[i, head * headSize + $1]) * Double(keysAndValues[t, $1])
            } * 0.3
          }
          let top = scores.max() ?? 0
          let weights = scores.map { exp($0 - top) }
          let total = weights.reduce(0, +)
          for k in 0..<headSize {
            let value = (0..<seen).reduce(0.0) { $0 + weights[$1] * Double(keysAndValues[$1, headSize + k]) } / total
            #expect(abs(Double(out.all.row(i)[head * headSize + k]) - value) < 2e-5)
          }
        }
      }
    }
  }

  /// Keys in two runs, queries in two calls, the result in place of the queries: the same bits.
  @Test func attentionDoesNotDependOnHowItIsCut() {
    let (tokens, headSize, split) = (77, 24, 30)
    let q = Self.random(tokens, headSize, stream: "q")
    let kv = RowBuffer(Self.random(tokens, 2 * headSize, stream: "kv"))
    func run(_ rows: Range<Int>) -> KeyRun {
      KeyRun(
        keys: kv[rows].columns(0..<headSize), values: kv[rows].columns(headSize..<2 * headSize))
    }
    let scratch = RowBuffer(rows: 1, columns: attentionScratchCount(keys: tokens, headSize: headSize))
    let whole = RowBuffer(rows: tokens, columns: headSize)
    attend(
      RowBuffer(q).all, [run(0..<tokens)], headSize: headSize, isCausal: true, scale: 1, into: whole.all,
      scratch: scratch)
    let parts = RowBuffer(q)
    attend(
      parts[0..<split], [run(0..<split)], headSize: headSize, isCausal: true, scale: 1, into: parts[0..<split],
      scratch: scratch)
    attend(
      parts[split..<tokens], [run(0..<split), run(split..<tokens)], headSize: headSize, isCausal: true,
      firstQuery: split, scale: 1, into: parts[split..<tokens], scratch: scratch)
    #expect(parts.all.matrix == whole.all.matrix)
  }

  @Test func concurrentForVisitsEachIndexOnce() {
    let marks = RowBuffer(rows: 1000, columns: 1)
    concurrentFor(1000, workers: 3) { _, index in marks[index..<index + 1].setRow(0, to: [marks.all.row(index)[0] + 1])
    }
    #expect(marks.all.matrix.elements.allSatisfy { $0 == 1 })
  }
}
