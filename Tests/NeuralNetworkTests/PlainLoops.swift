import Foundation
import LinearAlgebra
import NeuralNetwork
import Randomness
import TestSupport
import Testing

/// A matrix in Double, for references by plain loops.
typealias Rows = [[Double]]

/// Values in [-1, 1) that are exact in Float.
func randomMatrix(_ rows: Int, _ columns: Int, _ stream: String, scale: Float = 1) -> Matrix<Float> {
  var generator = PhiloxGenerator(seed: 7, stream: stream)
  let elements = (0..<rows * columns).map { _ in scale * Float(2 * generator.nextUniform() - 1) }
  return Matrix(rows: rows, columns: columns, elements: elements)
}

func doubles(_ matrix: Matrix<Float>) -> Rows { (0..<matrix.rows).map { matrix.row($0).map(Double.init) } }

/// x W' + bias.
func product(_ x: Rows, _ weight: Matrix<Float>, _ bias: [Float]? = nil) -> Rows {
  let w = doubles(weight)
  return x.map { row in
    w.indices.map { j in zip(row, w[j]).reduce(Double(bias?[j] ?? 0)) { $0 + $1.0 * $1.1 } }
  }
}

func activation(_ kind: Activation, _ x: Double) -> Double {
  switch kind {
  case .silu: x / (1 + exp(-x))
  case .gelu: 0.5 * x * (1 + erf(x / (2 as Double).squareRoot()))
  case .geluTanh: 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
  case .relu: max(x, 0)
  }
}

/// max |a - b| / max(1, max |b|).
func difference(_ found: RowBlock, _ expected: Rows) -> Double {
  var worst = 0.0
  var size = 1.0
  for (i, row) in expected.enumerated() {
    for (a, b) in matched(found.row(i), row) {
      let error = abs(Double(a) - b)
      // NaN must not pass as small.
      if !(error <= worst) { worst = error }
      size = max(size, abs(b))
    }
  }
  return found.rows == expected.count ? worst / size : .infinity
}

func scratch(rows: Int, hidden: Int, inner: Int, keys: Int = 1, headSize: Int = 2, rounded: Int = 0) -> LayerScratch {
  LayerScratch(
    rows: rows, hiddenSize: hidden, innerSize: inner, roundedCount: rounded,
    attentionCount: attentionScratchCount(keys: keys, headSize: headSize))
}
