import Foundation
import LinearAlgebra
import NeuralNetwork
import TestSupport
import Testing

/// Backward passes against central differences of plain loops in Double: the loss is sum c y with random c.
@Suite struct LayerGradientTests {
  /// Sums of up to a hundred terms of order 1, rounded a few times each.
  private let tolerance = 1e-5

  private func rmsNorm(_ x: Rows, _ weight: [Double]) -> Rows {
    x.map { row in
      let scale = 1 / (row.reduce(0) { $0 + $1 * $1 } / Double(row.count) + Double(Float(1e-3))).squareRoot()
      return zip(row, weight).map { $0 * scale * $1 }
    }
  }

  private func layerNorm(_ x: Rows, _ weight: [Double], _ bias: [Double]) -> Rows {
    x.map { row in
      let mean = row.reduce(0, +) / Double(row.count)
      let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
      let scale = 1 / (variance + Double(Float(1e-3))).squareRoot()
      return row.indices.map { (row[$0] - mean) * scale * weight[$0] + bias[$0] }
    }
  }

  @Test(arguments: [1, 3, 16, 17, 40])
  func rmsNormHasItsGradient(columns: Int) {
    let x = randomMatrix(4, columns, "x", scale: 3)
    let weight = randomMatrix(1, columns, "w").elements
    let c = randomMatrix(4, columns, "c")
    let skip = randomMatrix(4, columns, "skip")
    let (dx, dw) = (RowBuffer(c), RowBuffer(randomMatrix(1, columns, "start")))
    RMSNorm(weight: weight, epsilon: 1e-3)
      .backward(RowBuffer(x).all, dx.all, skip: RowBuffer(skip).all, into: dx.all, weightGradient: dw.all)
    let weights = weight.map(Double.init)
    let expected = centralDifferences(doubles(x)) { inner(rmsNorm($0, weights), doubles(c)) + inner($0, doubles(skip)) }
    #expect(difference(dx.all, expected) <= tolerance)
    let start = doubles(randomMatrix(1, columns, "start"))
    let byWeight = centralDifferences([weights]) { inner(rmsNorm(doubles(x), $0[0]), doubles(c)) + inner($0, start) }
    #expect(difference(dw.all, byWeight) <= tolerance)
    let alone = RowBuffer(rows: 4, columns: columns)
    RMSNorm(weight: weight, epsilon: 1e-3)
      .backward(RowBuffer(x).all, RowBuffer(c).all, into: alone.all, weightGradient: dw.all)
    #expect(
      difference(alone.all, centralDifferences(doubles(x)) { inner(rmsNorm($0, weights), doubles(c)) }) <= tolerance)
  }

  @Test(arguments: [1, 3, 16, 17, 40])
  func layerNormHasItsGradient(columns: Int) {
    let x = randomMatrix(4, columns, "x", scale: 3)
    let weight = randomMatrix(1, columns, "w").elements
    let bias = randomMatrix(1, columns, "b").elements
    let c = randomMatrix(4, columns, "c")
    let dx = RowBuffer(c)
    let (dw, db) = (RowBuffer(rows: 1, columns: columns), RowBuffer(rows: 1, columns: columns))
    LayerNorm(weight: weight, bias: bias, epsilon: 1e-3)
      .backward(RowBuffer(x).all, dx.all, into: dx.all, weightGradient: dw.all, biasGradient: db.all)
    let (w, b) = (weight.map(Double.init), bias.map(Double.init))
    func loss(_ x: Rows, _ w: [Double], _ b: [Double]) -> Double { inner(layerNorm(x, w, b), doubles(c)) }
    #expect(difference(dx.all, centralDifferences(doubles(x)) { loss($0, w, b) }) <= tolerance)
    #expect(difference(dw.all, centralDifferences([w]) { loss(doubles(x), $0[0], b) }) <= tolerance)
    #expect(difference(db.all, centralDifferences([b]) { loss(doubles(x), w, $0[0]) }) <= tolerance)
  }

  @Test(arguments: Activation.allCases, [1, 7, 16, 37])
  func activationsHaveTheirDerivative(kind: Activation, columns: Int) {
    let x = randomMatrix(3, 2 * columns, "x", scale: 6)
    let c = randomMatrix(3, columns, "c")
    let plain = RowBuffer(x).all.columns(0..<columns)
    let dx = RowBuffer(c)
    activateGradient(kind, plain, gradient: dx.all, into: dx.all)
    let single = centralDifferences(doubles(plain.matrix)) { rows in
      inner(rows.map { $0.map { activation(kind, $0) } }, doubles(c))
    }
    #expect(difference(dx.all, single) <= tolerance)
    let both = RowBuffer(rows: 3, columns: 2 * columns)
    activateGatedGradient(kind, RowBuffer(x).all, gradient: RowBuffer(c).all, into: both.all)
    let gated = centralDifferences(doubles(x)) { rows in
      inner(rows.map { row in (0..<columns).map { activation(kind, row[$0]) * row[columns + $0] } }, doubles(c))
    }
    #expect(difference(both.all, gated) <= tolerance)
    let inPlace = RowBuffer(x)
    inPlace.all.columns(0..<columns).copy(RowBuffer(x).all.columns(0..<columns))
    activateGatedGradient(kind, inPlace.all, gradient: RowBuffer(c).all, into: inPlace.all)
    #expect(inPlace.all.matrix == both.all.matrix)
  }

  /// Far outside the range of e^x derivatives are 0 or 1, not NaN.
  @Test(arguments: Activation.allCases)
  func derivativesAreFiniteFarOut(kind: Activation) {
    let x = RowBuffer(Matrix(rows: 1, columns: 6, elements: [-3e38, -1e20, -100, 100, 1e20, 3e38]))
    let ones = RowBuffer(Matrix(rows: 1, columns: 6, elements: [Float](repeating: 1, count: 6)))
    activateGradient(kind, x.all, gradient: ones.all, into: ones.all)
    #expect(matched(ones.all.row(0), [0, 0, 0, 1, 1, 1]).allSatisfy { abs($0 - $1) <= 1e-6 }, "\(ones.all.row(0))")
  }

  @Test(arguments: [(1, 1, 1), (5, 7, 50), (9, 33, 49), (130, 20, 500)])
  func linearMapsHaveTheirGradients(rows: Int, inputs: Int, outputs: Int) {
    let x = randomMatrix(rows, inputs, "x")
    let parts = [randomMatrix(outputs, inputs, "w"), randomMatrix(3, inputs, "v")]
    let bias = randomMatrix(1, outputs + 3, "b").elements
    let linear = Linear(training: parts.map(\.elements), bias: bias, inputs: inputs)
    let weight = Matrix(rows: outputs + 3, columns: inputs, elements: parts.flatMap(\.elements))
    let c = randomMatrix(rows, outputs + 3, "c")
    let y = RowBuffer(rows: rows, columns: outputs + 3)
    linear.forward(RowBuffer(x).all, into: y.all, scratch: scratch(rows: rows, hidden: 1, inner: 1))
    #expect(difference(y.all, product(doubles(x), weight, bias)) <= tolerance)
    let dx = RowBuffer(rows: rows, columns: inputs)
    linear.backward(RowBuffer(c).all, into: dx.all)
    // The loss is linear in each operand: its gradients are products.
    let once = product(doubles(c), weight.transposed)
    #expect(difference(dx.all, once) <= tolerance)
    linear.backward(RowBuffer(c).all, accumulating: true, into: dx.all)
    #expect(difference(dx.all, once.map { $0.map { 2 * $0 } }) <= tolerance)
    let gradient = LinearGradient(linear)
    for workers in [1, 3] {
      LinearGradient.compute([.init(RowBuffer(c).all, RowBuffer(x).all, into: gradient)], workers: workers)
      #expect(difference(gradient.weight.all, product(doubles(c.transposed), x.transposed)) <= tolerance)
      let sums = (0..<outputs + 3).map { j in (0..<rows).reduce(0.0) { $0 + Double(c[$1, j]) } }
      #expect(gradient.bias.map { difference($0.all, [sums]) <= tolerance } == true)
    }
  }

  @Test(arguments: Activation.allCases)
  func innerLayersHaveTheirGradients(kind: Activation) {
    let (rows, hidden, size) = (4, 6, 19)
    let x = randomMatrix(rows, hidden, "x")
    let c = randomMatrix(rows, hidden, "c")
    let (gateUp, down) = (randomMatrix(2 * size, hidden, "gate"), randomMatrix(hidden, size, "down"))
    let up = Matrix(rows: size, columns: hidden, elements: Array(gateUp.elements.prefix(size * hidden)))
    func linear(_ weight: Matrix<Float>) -> Linear {
      Linear(training: [weight.elements], bias: nil, inputs: weight.columns)
    }
    let (inner2, inner1) = (RowBuffer(rows: rows, columns: 2 * size), RowBuffer(rows: rows, columns: size))
    let (innerGradient, productGradient) = (
      RowBuffer(rows: rows, columns: 2 * size), RowBuffer(rows: rows, columns: size)
    )
    let (dx, work) = (RowBuffer(rows: rows, columns: hidden), scratch(rows: rows, hidden: hidden, inner: 2 * size))

    let gated = GatedFeedForward(gateUp: linear(gateUp), down: linear(down), activation: kind)
    gated.gateUp.forward(RowBuffer(x).all, into: inner2.all, scratch: work)
    gated.backward(
      inner: inner2.all, RowBuffer(c).all, product: productGradient.all, innerGradient: innerGradient.all, into: dx.all)
    let expected = centralDifferences(doubles(x)) { x in
      let rows = product(x, gateUp).map { row in (0..<size).map { activation(kind, row[$0]) * row[size + $0] } }
      return inner(product(rows, down), doubles(c))
    }
    #expect(difference(dx.all, expected) <= tolerance)

    let plain = FeedForward(up: linear(up), down: linear(down), activation: kind)
    plain.up.forward(RowBuffer(x).all, into: inner1.all, scratch: work)
    dx.all.copy(RowBuffer(c).all)
    plain.backward(
      inner: inner1.all, RowBuffer(c).all, product: productGradient.all,
      innerGradient: innerGradient.all.columns(0..<size), addingTo: dx.all)
    let added = centralDifferences(doubles(x)) { x in
      let rows = product(x, up).map { $0.map { activation(kind, $0) } }
      return inner(product(rows, down), doubles(c)) + inner(x, doubles(c))
    }
    #expect(difference(dx.all, added) <= tolerance)
  }

  /// The gradient of a rotation is the rotation back: R(p)' = R(-p).
  @Test func rotationsTurnGradientsBack() {
    let table = RotaryEmbedding(headSize: 10, base: 50).table(positions: 12, length: 12)
    let (x, c) = (randomMatrix(7, 20, "x"), randomMatrix(7, 20, "c"))
    let (turned, back) = (RowBuffer(x), RowBuffer(c))
    table.apply(turned.all, from: 5)
    table.inverse.apply(back.all, from: 5)
    let difference = inner(doubles(turned.all.matrix), doubles(c)) - inner(doubles(x), doubles(back.all.matrix))
    #expect(abs(difference) <= 1e-5)
    table.inverse.apply(turned.all, from: 5)
    #expect(matched(turned.all.matrix.elements, x.elements).allSatisfy { abs($0 - $1) <= 1e-6 })
  }
}
