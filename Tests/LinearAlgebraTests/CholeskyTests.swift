import Foundation
import LinearAlgebra
import Randomness
import Testing

@Suite struct CholeskyTests {
  static let sizes = [1, 2, 3, 5, 16, 63, 64, 65, 200]

  @Test(arguments: sizes)
  func factorTimesItsTransposeIsTheMatrix(size: Int) throws {
    try checkFactor(size, Double.self)
    try checkFactor(size, Float.self)
  }

  private func checkFactor<Scalar: BLASScalar>(_ size: Int, _ type: Scalar.Type) throws {
    let matrix = randomPositiveDefinite(size, seed: 1, as: type)
    let cholesky = try Cholesky(matrix)
    // Higham, Accuracy and Stability, theorem 10.3: |R'R - P| <= (n + 1) eps |R'||R|, and |R'||R| <= n max(P).
    let tolerance = Scalar(size + 1) * Scalar.ulpOfOne * Scalar(size) * matrix.maximumMagnitude
    #expect(largestDifference(cholesky.matrix, matrix) <= tolerance)
    for i in 0..<size {
      #expect(cholesky.factor[i, i] > 0)
      for j in 0..<i { #expect(cholesky.factor[i, j] == 0) }
    }
  }

  @Test(arguments: sizes)
  func solvingUndoesMultiplying(size: Int) throws {
    let matrix = randomPositiveDefinite(size, seed: 2)
    let cholesky = try Cholesky(matrix)
    let x = randomMatrix(size, 3, seed: 3)
    let tolerance = 30 * Double(size + 1) * Double.ulpOfOne * matrix.rowSumNorm
    #expect(largestDifference(cholesky.solve(gemm(matrix, .asIs, x)), x) <= tolerance)
    let column = (0..<size).map { x[$0, 0] }
    #expect(largestDifference(cholesky.solve(gemv(matrix, .asIs, column)), column) <= tolerance)
  }

  @Test(arguments: sizes)
  func rightSolveWhitensEachRow(size: Int) throws {
    let cholesky = try Cholesky(randomPositiveDefinite(size, seed: 4))
    for rows in [1, 2, 37, 64, 130] {
      let x = randomMatrix(rows, size, seed: 5)
      var whitened = x
      trsm(cholesky.factor, right: &whitened)
      let tolerance = 30 * Double(size + 1) * Double.ulpOfOne * cholesky.factor.rowSumNorm
      #expect(largestDifference(gemm(whitened, .asIs, cholesky.factor), x) <= tolerance)
      var row = Array(x.row(0))
      trsv(cholesky.factor, .transposed, &row)
      #expect(largestDifference(row, Array(whitened.row(0))) <= tolerance)
    }
  }

  @Test func diagonalMatricesHaveExactAnswers() throws {
    let cholesky = Cholesky(diagonal: [4.0, 9, 0.25])
    #expect(cholesky.factor == Matrix(diagonal: [2, 3, 0.5]))
    #expect(cholesky.logDeterminant == 2 * (log(2.0) + log(3.0) + log(0.5)))
    #expect(cholesky.solve([4, 9, 1]) == [1, 1, 4])
    #expect(cholesky.inverseDiagonal == [0.25, 1 / 9.0, 4])
    #expect(try Cholesky(Matrix(diagonal: [4.0, 9, 0.25])) == cholesky)
  }

  @Test(arguments: sizes)
  func logDeterminantIsTheSumOfLogEigenvalues(size: Int) throws {
    let matrix = randomPositiveDefinite(size, seed: 6)
    let eigenvalues = try SymmetricEigendecomposition(matrix).values
    let expected = eigenvalues.reduce(0) { $0 + log($1) }
    #expect(abs(try Cholesky(matrix).logDeterminant - expected) <= 20 * Double(size * size) * Double.ulpOfOne)
  }

  @Test(arguments: sizes)
  func inverseDiagonalSolvesForUnitVectors(size: Int) throws {
    let cholesky = try Cholesky(randomPositiveDefinite(size, seed: 7))
    let inverse = cholesky.solve(Matrix.identity(size))
    let expected = (0..<size).map { inverse[$0, $0] }
    #expect(largestDifference(cholesky.inverseDiagonal, expected) <= 20 * Double(size) * Double.ulpOfOne)
  }

  @Test(arguments: [(1, 1), (3, 2), (8, 8), (20, 13)])
  func anIndefiniteMatrixNamesItsFailingMinor(size: Int, minor: Int) {
    var matrix = randomPositiveDefinite(size, seed: 8)
    matrix[minor - 1, minor - 1] = -1
    #expect(throws: LinearAlgebraError.notPositiveDefinite(minor: minor, size: size)) { try Cholesky(matrix) }
    matrix[minor - 1, minor - 1] = .nan
    #expect(throws: LinearAlgebraError.notPositiveDefinite(minor: minor, size: size)) { try Cholesky(matrix) }
  }

  @Test(arguments: sizes)
  func rankOneUpdateEqualsFactorizingTheSum(size: Int) throws {
    try checkUpdate(size, Double.self)
    try checkUpdate(size, Float.self)
  }

  private func checkUpdate<Scalar: BLASScalar>(_ size: Int, _ type: Scalar.Type) throws {
    let matrix = randomPositiveDefinite(size, seed: 9, as: type)
    let x = randomMatrix(size, 1, seed: 10, as: type).elements
    var updated = try Cholesky(matrix)
    updated.update(x)
    var sum = matrix
    ger(1, x, x, into: &sum)
    let tolerance = 4 * Scalar(size + 1) * Scalar.ulpOfOne * Scalar(size) * sum.maximumMagnitude
    #expect(largestDifference(updated.matrix, sum) <= tolerance)
    try updated.downdate(x)
    #expect(largestDifference(updated.matrix, matrix) <= 2 * tolerance)
  }

  @Test(arguments: [1, 2, 3, 4, 5, 9, 40, 150])
  func rankKUpdateEqualsFactorizingTheSum(count: Int) throws {
    let size = 70
    let matrix = randomPositiveDefinite(size, seed: 11)
    let rows = randomMatrix(count, size, seed: 12)
    var updated = try Cholesky(matrix)
    try updated.update(rows: rows)
    var sum = matrix
    gemm(1, rows, .transposed, rows, .asIs, 1, into: &sum)
    let tolerance = 4 * Double(size + count) * Double.ulpOfOne * Double(size) * sum.maximumMagnitude
    #expect(largestDifference(updated.matrix, sum) <= tolerance)
  }

  @Test(arguments: [1, 4, 7, 33])
  func rotationsCarryTheSolutionAndItsResiduals(count: Int) throws {
    let size = 24
    let rows = randomMatrix(count, size, seed: 13)
    let targets = randomMatrix(count, 1, seed: 14).elements
    var information = randomMatrix(size, 1, seed: 15).elements
    var cholesky = try Cholesky(randomPositiveDefinite(size, seed: 16))
    var whitened = information
    trsv(cholesky.factor, .transposed, &whitened)
    var stepwise = cholesky
    let steps = cholesky.update(rows: rows, targets: targets, whitened: &whitened)
    for (j, step) in steps.enumerated() {
      let x = Array(rows.row(j))
      let mean = stepwise.solve(information)
      let spread = (1 + dot(x, stepwise.solve(x))).squareRoot()
      #expect(abs(step.residual - (targets[j] - dot(x, mean)) / spread) <= 1e3 * Double.ulpOfOne * Double(size))
      #expect(abs(step.shrink - 1 / spread) <= 1e2 * Double.ulpOfOne)
      stepwise.update(x)
      for i in 0..<size { information[i] += targets[j] * x[i] }
    }
    var expected = information
    trsv(cholesky.factor, .transposed, &expected)
    #expect(largestDifference(whitened, expected) <= 1e3 * Double.ulpOfOne * Double(size))
    #expect(largestDifference(cholesky.factor, stepwise.factor) <= 1e2 * Double.ulpOfOne * Double(size))
  }

  @Test func aDowndateTooFarThrowsAndLeavesTheFactor() throws {
    var cholesky = Cholesky(diagonal: [4.0, 4, 4])
    let before = cholesky
    #expect(throws: LinearAlgebraError.downdateNotPositiveDefinite(minor: 2, size: 3)) {
      try cholesky.downdate([1, 2, 0])
    }
    #expect(cholesky == before)
    #expect(throws: LinearAlgebraError.notPositiveDefinite(minor: 1, size: 2)) {
      try Cholesky(upperFactor: Matrix(diagonal: [0.0, 1]))
    }
  }

  @Test func aHundredThousandUpdatesKeepTheFactor() throws {
    let size = 64
    var cholesky = Cholesky<Double>(diagonal: [Double](repeating: 1, count: size))
    var sum = Matrix<Double>.identity(size)
    var generator = PhiloxGenerator(seed: 17, stream: "test-long-run")
    for _ in 0..<100 {
      let rows = Matrix(rows: 1000, columns: size, elements: generator.normals(1000 * size).map { $0 / 8 })
      for i in 0..<1000 { cholesky.update(Array(rows.row(i))) }
      syrk(1, rows, .transposed, 1, into: &sum)
    }
    let exact = sum.symmetrizedFromUpper
    #expect((0..<size).allSatisfy { cholesky.factor[$0, $0] > 0 })
    #expect(largestDifference(cholesky.matrix, exact) / exact.maximumMagnitude < 1e-10)
  }
}

@Suite struct SymmetricEigendecompositionTests {
  @Test(arguments: [1, 2, 10, 75])
  func vectorsDiagonalize(size: Int) throws {
    var matrix = randomMatrix(size, size, seed: 20)
    matrix = matrix.symmetrizedFromUpper
    let eigen = try SymmetricEigendecomposition(matrix)
    let tolerance = 20 * Double(size) * Double.ulpOfOne * matrix.rowSumNorm
    let rebuilt = gemm(gemm(eigen.vectors, .asIs, Matrix(diagonal: eigen.values)), .asIs, eigen.vectors, .transposed)
    #expect(largestDifference(rebuilt, matrix) <= tolerance)
    #expect(largestDifference(gemm(eigen.vectors, .transposed, eigen.vectors), .identity(size)) <= tolerance)
    #expect(eigen.values == eigen.values.sorted())
    for column in 0..<size {
      let vector = (0..<size).map { eigen.vectors[$0, column] }
      #expect(vector.max(by: { $0.magnitude < $1.magnitude })! > 0)
    }
  }

  @Test func notANumberIsNamed() {
    var matrix = Matrix<Double>.identity(3)
    matrix[1, 2] = .nan
    #expect(throws: LinearAlgebraError.notFinite(what: "the symmetric matrix", index: 5)) {
      try SymmetricEigendecomposition(matrix)
    }
  }
}
