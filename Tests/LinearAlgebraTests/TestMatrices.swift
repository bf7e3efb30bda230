import LinearAlgebra
import Randomness
import TestSupport
import Testing

/// A matrix of standard normals.
func randomMatrix<Scalar: BLASScalar>(
  _ rows: Int, _ columns: Int, seed: UInt64, as type: Scalar.Type = Double.self
) -> Matrix<Scalar> {
  var generator = PhiloxGenerator(seed: seed, stream: "test-matrix")
  return Matrix(rows: rows, columns: columns, elements: generator.normals(rows * columns).map { Scalar($0) })
}

/// A positive definite matrix A'A / n + I: condition number of a few units.
func randomPositiveDefinite<Scalar: BLASScalar>(
  _ size: Int, seed: UInt64, as type: Scalar.Type = Double.self
) -> Matrix<Scalar> {
  var matrix = Matrix<Scalar>.identity(size)
  syrk(1 / Scalar(max(size, 1)), randomMatrix(size, size, seed: seed, as: type), .transposed, 1, into: &matrix)
  return matrix.symmetrizedFromUpper
}

/// The definition of a product, three loops.
func product<Scalar: BLASScalar>(_ a: Matrix<Scalar>, _ b: Matrix<Scalar>) -> Matrix<Scalar> {
  var c = Matrix<Scalar>(rows: a.rows, columns: b.columns)
  for i in 0..<a.rows {
    for j in 0..<b.columns {
      var sum: Scalar = 0
      for k in 0..<a.columns { sum += a[i, k] * b[k, j] }
      c[i, j] = sum
    }
  }
  return c
}

func largestDifference<Scalar: BLASScalar>(_ a: Matrix<Scalar>, _ b: Matrix<Scalar>) -> Scalar {
  precondition(a.rows == b.rows && a.columns == b.columns)
  return matched(a.elements, b.elements).reduce(0) { max($0, ($1.0 - $1.1).magnitude) }
}

func largestDifference<Scalar: BLASScalar>(_ a: [Scalar], _ b: [Scalar]) -> Scalar {
  precondition(a.count == b.count)
  return matched(a, b).reduce(0) { max($0, ($1.0 - $1.1).magnitude) }
}

extension Matrix {
  /// The largest sum of magnitudes over a row.
  var rowSumNorm: Scalar {
    (0..<rows).reduce(0) { max($0, row($1).reduce(0) { $0 + $1.magnitude }) }
  }
}
