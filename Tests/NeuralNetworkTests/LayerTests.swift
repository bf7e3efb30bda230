import Foundation
import LinearAlgebra
import NeuralNetwork
import Testing

/// Layers of small, uneven sizes against plain loops in Double.
@Suite struct LayerTests {
  /// Sums of up to a hundred terms of order 1, rounded once each.
  private let tolerance = 3e-6

  @Test(arguments: [1, 3, 16, 17, 40])
  func rmsNormDividesByTheRootMeanSquare(columns: Int) {
    let x = randomMatrix(4, columns, "x", scale: 3)
    let weight = randomMatrix(1, columns, "w").elements
    let y = RowBuffer(rows: 4, columns: columns)
    let norm = RMSNorm(weight: weight, epsilon: 1e-5)
    norm.forward(RowBuffer(x).all, into: y.all)
    let expected = doubles(x).map { row in
      let scale = 1 / (row.reduce(0) { $0 + $1 * $1 } / Double(columns) + Double(Float(1e-5))).squareRoot()
      return zip(row, weight).map { $0 * scale * Double($1) }
    }
    #expect(difference(y.all, expected) <= tolerance)
    let inPlace = RowBuffer(x)
    norm.forward(inPlace.all, into: inPlace.all)
    #expect(inPlace.all.matrix == y.all.matrix)
  }

  @Test(arguments: [1, 3, 16, 17, 40])
  func layerNormCentersAndScales(columns: Int) {
    let x = randomMatrix(4, columns, "x", scale: 3)
    let weight = randomMatrix(1, columns, "w").elements
    let bias = randomMatrix(1, columns, "b").elements
    let y = RowBuffer(rows: 4, columns: columns)
    LayerNorm(weight: weight, bias: bias, epsilon: 1e-3).forward(RowBuffer(x).all, into: y.all)
    let expected = doubles(x).map { row in
      let mean = row.reduce(0, +) / Double(columns)
      let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
      let scale = 1 / (variance + Double(Float(1e-3))).squareRoot()
      return row.indices.map { (row[$0] - mean) * scale * Double(weight[$0]) + Double(bias[$0]) }
    }
    #expect(difference(y.all, expected) <= tolerance)
  }

  @Test(arguments: [(1, 1, 1), (5, 7, 50), (9, 33, 49), (130, 20, 100)])
  func linearMapsMultiplyAndAdd(rows: Int, inputs: Int, outputs: Int) {
    let x = randomMatrix(rows, inputs, "x")
    let weight = randomMatrix(outputs, inputs, "w")
    let bias = randomMatrix(1, outputs, "b").elements
    let linear = Linear(weight: PackedMatrix(weight), bias: bias)
    let y = RowBuffer(rows: rows, columns: outputs)
    let none = scratch(rows: rows, hidden: 1, inner: 1)
    linear.forward(RowBuffer(x).all, into: y.all, scratch: none)
    let once = product(doubles(x), weight, bias)
    #expect(difference(y.all, once) <= tolerance)
    linear.forward(RowBuffer(x).all, accumulating: true, into: y.all, scratch: none)
    #expect(difference(y.all, once.map { $0.map { 2 * $0 } }) <= tolerance)
  }

  @Test(arguments: Activation.allCases)
  func gatedFeedForwardMultipliesGateAndUp(kind: Activation) {
    let (rows, hidden, inner) = (5, 12, 27)
    let x = randomMatrix(rows, hidden, "x")
    let start = randomMatrix(rows, hidden, "start")
    let gateUp = randomMatrix(2 * inner, hidden, "gate")
    let down = randomMatrix(hidden, inner, "down")
    let layer = GatedFeedForward(
      gateUp: Linear(weight: PackedMatrix(gateUp)), down: Linear(weight: PackedMatrix(down)), activation: kind)
    let residual = RowBuffer(start)
    layer.forward(
      RowBuffer(x).all, addingTo: residual.all, scratch: scratch(rows: 8, hidden: hidden, inner: 2 * inner))
    let both = product(doubles(x), gateUp)
    let gated = both.map { row in (0..<inner).map { activation(kind, row[$0]) * row[inner + $0] } }
    let expected = zip(doubles(start), product(gated, down)).map { zip($0, $1).map { $0 + $1 } }
    #expect(difference(residual.all, expected) <= tolerance)
  }

  @Test(arguments: Activation.allCases)
  func feedForwardAddsToItsInput(kind: Activation) {
    let (rows, hidden, inner) = (3, 10, 19)
    let x = randomMatrix(rows, hidden, "x")
    let up = randomMatrix(inner, hidden, "up")
    let down = randomMatrix(hidden, inner, "down")
    let biases = [randomMatrix(1, inner, "b1").elements, randomMatrix(1, hidden, "b2").elements]
    let layer = FeedForward(
      up: Linear(weight: PackedMatrix(up), bias: biases[0]), down: Linear(weight: PackedMatrix(down), bias: biases[1]),
      activation: kind)
    let residual = RowBuffer(x)
    // Wider scratch than needed, as a larger model leaves it.
    layer.forward(addingTo: residual.all, scratch: scratch(rows: 8, hidden: hidden, inner: inner + 30))
    let active = product(doubles(x), up, biases[0]).map { $0.map { activation(kind, $0) } }
    let expected = zip(doubles(x), product(active, down, biases[1])).map { zip($0, $1).map { $0 + $1 } }
    #expect(difference(residual.all, expected) <= tolerance)
  }

  /// Two operands with a rounding of 2^-8 at most each.
  @Test(.enabled(if: Precision.bfloat16.isSupported, "this CPU has no AVX512-BF16"))
  func bfloat16LinearMapsAreOffByTheirRounding() {
    let x = randomMatrix(11, 65, "x")
    let weight = randomMatrix(50, 65, "w")
    let packed = PackedMatrix(weight, precision: .bfloat16)
    let y = RowBuffer(rows: 11, columns: 50)
    Linear(weight: packed).forward(
      RowBuffer(x).all, into: y.all,
      scratch: scratch(rows: 11, hidden: 65, inner: 1, rounded: packed.scratchCount(rows: 11)))
    let expected = product(doubles(x), weight)
    let sizes = product(
      doubles(x).map { $0.map(abs) }, Matrix(rows: 50, columns: 65, elements: weight.elements.map(abs)))
    for i in 0..<11 {
      for j in 0..<50 {
        #expect(abs(Double(y.all.row(i)[j]) - expected[i][j]) <= (0x1p-7 + 0x1p-14) * sizes[i][j])
      }
    }
  }
}
