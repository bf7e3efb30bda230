import Foundation
import LinearAlgebra
import Testing

/// Against NumPy, SciPy and mpmath: the files of `Scripts/fixtures/linear_algebra.py`.
@Suite struct ReferenceTests {
  struct Cases<Case: Decodable>: Decodable { let cases: [Case] }

  struct CholeskyCase: Decodable {
    let size: Int
    let matrix: [Double]
    let factor: [Double]
    let logDeterminant: Double
    let rightHandSide: [Double]
    let solution: [Double]
    let inverseDiagonal: [Double]
    let updateVector: [Double]
    let updatedFactor: [Double]
    let downdateVector: [Double]
    let downdatedFactor: [Double]
    let rankKRows: Int
    let rankKVectors: [Double]
    let rankKFactor: [Double]
  }

  struct EigenvalueCase: Decodable {
    let size: Int
    let matrix: [Double]
    let eigenvalues: [Double]
  }

  private func load<Case: Decodable>(_ name: String, as type: Case.Type) throws -> [Case] {
    let url = try #require(Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Fixtures"))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Cases<Case>.self, from: Data(contentsOf: url)).cases
  }

  /// The fixture's factor may be L or R; only one of both has zeros where R has.
  private func upper(_ elements: [Double], _ size: Int) -> Matrix<Double> {
    let matrix = Matrix(rows: size, columns: size, elements: elements)
    let isLower = (0..<size).allSatisfy { i in (i + 1..<max(size, i + 1)).allSatisfy { matrix[i, $0] == 0 } }
    return isLower && size > 1 ? matrix.transposed : matrix
  }

  @Test func choleskyEqualsSciPy() throws {
    for one in try load("cholesky", as: CholeskyCase.self) {
      let n = one.size
      let matrix = Matrix(rows: n, columns: n, elements: one.matrix)
      let cholesky = try Cholesky(matrix)
      let inverse = cholesky.inverseDiagonal
      // Errors of the factor and of solutions grow with the condition number, here at most |P| |P^-1|.
      let condition = matrix.rowSumNorm * Double(n) * (inverse.max() ?? 1)
      let tolerance = 8 * Double(n + 1) * Double.ulpOfOne * max(condition, 1)
      func close(_ found: [Double], _ expected: [Double], _ what: Comment) {
        let size = expected.reduce(0) { max($0, abs($1)) }
        #expect(largestDifference(found, expected) <= tolerance * size, what)
      }
      close(cholesky.factor.elements, upper(one.factor, n).elements, "factor, n = \(n)")
      close(cholesky.solve(one.rightHandSide), one.solution, "solution, n = \(n)")
      close(inverse, one.inverseDiagonal, "inverse diagonal, n = \(n)")
      #expect(abs(cholesky.logDeterminant - one.logDeterminant) <= tolerance * Double(n))
      var updated = cholesky
      updated.update(one.updateVector)
      close(updated.factor.elements, upper(one.updatedFactor, n).elements, "update, n = \(n)")
      var downdated = cholesky
      try downdated.downdate(one.downdateVector)
      close(downdated.factor.elements, upper(one.downdatedFactor, n).elements, "downdate, n = \(n)")
      var rankK = cholesky
      try rankK.update(rows: Matrix(rows: one.rankKRows, columns: n, elements: one.rankKVectors))
      close(rankK.factor.elements, upper(one.rankKFactor, n).elements, "rank k, n = \(n)")
    }
  }

  @Test func eigenvaluesEqualTheReference() throws {
    for one in try load("eigenvalues", as: EigenvalueCase.self) {
      let matrix = Matrix(rows: one.size, columns: one.size, elements: one.matrix)
      let found = try SymmetricEigendecomposition(matrix).values
      // Weyl: eigenvalues move by no more than the backward error.
      let tolerance = 4 * Double(one.size) * Double.ulpOfOne * matrix.rowSumNorm
      #expect(largestDifference(found, one.eigenvalues.sorted()) <= tolerance, "n = \(one.size)")
    }
  }
}
