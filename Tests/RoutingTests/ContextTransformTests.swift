import LinearAlgebra
import Randomness
import Routing
import TestSupport
import Testing

private let eps = 0x1p-52

/// Contexts with a mean of 0.3 and standard deviation about 1/(j + 1) along coordinate j, mixed by a reflection.
private func contexts(_ count: Int, dimension: Int, scale: Double = 1, seed: UInt64 = 1) -> Matrix<Double> {
  var generator = PhiloxGenerator(seed: seed, stream: "contexts")
  let direction = generator.normals(dimension)
  let squared = direction.reduce(0) { $0 + $1 * $1 }
  return Matrix(
    rows: (0..<count).map { _ in
      let x = (0..<dimension).map { generator.nextNormal() / Double($0 + 1) }
      let along = 2 * zip(x, direction).reduce(0) { $0 + $1.0 * $1.1 } / squared
      return zip(x, direction).map { scale * ($0 - along * $1 + 0.3) }
    })
}

/// (1/n) sum of x x' over the rows, and their mean, by plain loops.
private func moments(_ x: Matrix<Double>) -> (mean: [Double], second: Matrix<Double>) {
  var mean = [Double](repeating: 0, count: x.columns)
  var second = Matrix<Double>(rows: x.columns, columns: x.columns)
  for row in 0..<x.rows {
    for i in 0..<x.columns {
      mean[i] += x[row, i] / Double(x.rows)
      for j in 0..<x.columns { second[i, j] += x[row, i] * x[row, j] / Double(x.rows) }
    }
  }
  return (mean, second)
}

private let plain = ContextTransform(components: nil, interceptVarianceScale: nil)

@Suite struct ContextTransformTests {
  /// Covariance I/k and mean 0, up to the error of the eigenvectors: eps times the ratio of the largest to the smallest
  /// eigenvalue kept, times the terms of a sum.
  @Test(
    arguments: [(400, 24, 1), (400, 24, 8), (400, 24, 24), (12, 40, 11)], [1e-8, 1, 1e8])
  func whitenedContextsHaveEqualVariancesAndUnitMeanSquare(shape: (Int, Int, Int), scale: Double) throws {
    let (count, dimension, k) = shape
    let input = contexts(count, dimension: dimension, scale: scale)
    let fitted = try ContextTransform(components: k, interceptVarianceScale: nil).fit(input)
    let output = try fitted.apply(input)
    #expect(output.rows == count && output.columns == k && fitted.outputDimension == k)
    let (mean, second) = moments(output)
    let (inputMean, inputSecond) = moments(input)
    let values = try SymmetricEigendecomposition(
      Matrix(
        rows: (0..<dimension).map { i in
          (0..<dimension).map { inputSecond[i, $0] - inputMean[i] * inputMean[$0] }
        })
    ).values
    let condition = values[dimension - 1] / values[dimension - k]
    let tolerance = 10 * Double(dimension) * eps * condition
    for i in 0..<k {
      #expect(abs(mean[i]) < tolerance)
      for j in 0..<k { #expect(abs(Double(k) * second[i, j] - (i == j ? 1 : 0)) < tolerance) }
    }
  }

  @Test(arguments: [1, 3, 10])
  func projectionWithoutWhiteningKeepsRatiosAndHasUnitMeanSquare(k: Int) throws {
    let input = contexts(300, dimension: 10)
    let output = try ContextTransform(components: k, whitens: false, interceptVarianceScale: nil).fit(input).apply(
      input)
    let second = moments(output).second
    let (mean, inputSecond) = moments(input)
    let values = try SymmetricEigendecomposition(
      Matrix(rows: (0..<10).map { i in (0..<10).map { inputSecond[i, $0] - mean[i] * mean[$0] } })
    ).values.suffix(k).reversed()
    let total = values.reduce(0, +)
    for (i, value) in values.enumerated() {
      for j in 0..<k { #expect(abs(second[i, j] - (i == j ? value / total : 0)) < 1000 * eps) }
    }
  }

  /// The first axis by power iteration on the covariance, which shares no step with LAPACK's reduction.
  @Test func firstCoordinateIsThatOfPowerIteration() throws {
    let dimension = 12
    let input = contexts(200, dimension: dimension)
    let (mean, second) = moments(input)
    var axis = [Double](repeating: 1, count: dimension)
    for _ in 0..<2000 {
      let image = (0..<dimension).map { i in
        (0..<dimension).reduce(0) { $0 + (second[i, $1] - mean[i] * mean[$1]) * axis[$1] }
      }
      let norm = image.reduce(0) { $0 + $1 * $1 }.squareRoot()
      axis = image.map { $0 / norm }
    }
    // The sign convention: the element of largest magnitude is positive.
    if let largest = axis.max(by: { abs($0) < abs($1) }), largest < 0 { axis = axis.map { -$0 } }
    let coordinates = (0..<200).map { row in (0..<dimension).reduce(0) { $0 + (input[row, $1] - mean[$1]) * axis[$1] } }
    let deviation = (coordinates.reduce(0) { $0 + $1 * $1 } / 200).squareRoot()
    let output = try ContextTransform(components: 1, interceptVarianceScale: nil).fit(input).apply(input)
    for row in 0..<200 { #expect(abs(output[row, 0] - coordinates[row] / deviation) < 1e-12) }
  }

  @Test func axesOfAKnownDistributionAreItsOwn() throws {
    // Two points on each of three axes, 3, 2 and 1 from (1, 1, 1): variances 18/6, 8/6 and 2/6.
    let points: [[Double]] = [[3, 0, 0], [-3, 0, 0], [0, 2, 0], [0, -2, 0], [0, 0, 1], [0, 0, -1]]
    let input = Matrix(rows: points.map { $0.map { $0 + 1 } })
    let fitted = try ContextTransform(components: 2, interceptVarianceScale: 4).fit(input)
    let output = try fitted.apply(Matrix(rows: [[4, 1, 1], [1, 3, 1], [1, 1, 9]]))
    // Whitened: 3 / sqrt(3) and 2 / sqrt(4/3), both sqrt(3), divided by sqrt(2).
    let root = Double(1.5).squareRoot()
    let expected = [[root, 0, 1], [0, root, 1], [0, 0, 1]]
    for (row, values) in expected.enumerated() {
      for (column, value) in values.enumerated() { #expect(abs(output[row, column] - value) < 20 * eps) }
    }
  }

  @Test func interceptIsOneWithItsOwnPriorVariance() throws {
    let input = contexts(20, dimension: 4)
    let fitted = try ContextTransform(components: 2, interceptVarianceScale: 25).fit(input)
    let output = try fitted.apply(input)
    #expect(fitted.outputDimension == 3)
    #expect((0..<20).allSatisfy { output[$0, 2] == 1 })
    #expect(fitted.priorVarianceScale == [1, 1, 25])
    #expect(fitted.prior(variance: 0.5) == GaussianPrior(mean: [0, 0, 0], variance: [0.5, 0.5, 12.5]))
    #expect(try plain.fit(input).priorVarianceScale == [1, 1, 1, 1])
  }

  @Test func withoutProjectionContextsPassUnchanged() throws {
    let input = contexts(5, dimension: 6)
    #expect(try plain.fit(input).apply(input) == input)
    let withIntercept = try ContextTransform(components: nil).fit(input).apply(input)
    for row in 0..<5 { #expect(Array(withIntercept.row(row)) == Array(input.row(row)) + [1]) }
  }

  @Test func renormalizedContextsAreUnitVectorsAndZeroStays() throws {
    let input = contexts(50, dimension: 6)
    let transform = ContextTransform(components: 3, renormalizes: true, interceptVarianceScale: 1)
    let output = try transform.fit(input).apply(input)
    let raw = try ContextTransform(components: 3).fit(input).apply(input)
    for row in 0..<50 {
      let x = output.row(row).prefix(3)
      let norm = raw.row(row).prefix(3).reduce(0) { $0 + $1 * $1 }.squareRoot()
      #expect(abs(x.reduce(0) { $0 + $1 * $1 } - 1) < 8 * eps)
      for (value, expected) in matched(x, raw.row(row).prefix(3)) { #expect(abs(value - expected / norm) <= 2 * eps) }
    }
    let zero = ContextTransform(components: nil, renormalizes: true, interceptVarianceScale: nil)
    #expect(try zero.fit(input).apply(Matrix(rows: 1, columns: 6)).elements == [Double](repeating: 0, count: 6))
  }

  @Test func rowDoesNotDependOnItsBatch() throws {
    let input = contexts(37, dimension: 33)
    let fitted = try ContextTransform(components: 9).fit(input)
    let together = try fitted.apply(input)
    for row in 0..<37 { #expect(try fitted.apply(input.selectingRows([row])).elements == Array(together.row(row))) }
    #expect(try fitted.apply(Matrix(rows: 0, columns: 33)).rows == 0)
  }

  @Test(arguments: [(5, 20, 4), (1, 3, 0), (30, 4, 4)])
  func componentsBeyondTheRankAreAnErrorThatTellsTheRank(shape: (Int, Int, Int)) throws {
    let (count, dimension, rank) = shape
    let input = contexts(count, dimension: dimension)
    if rank > 0 { #expect(try ContextTransform(components: rank).fit(input).outputDimension == rank + 1) }
    let error = #expect(throws: RoutingError.self) { try ContextTransform(components: rank + 1).fit(input) }
    let text = String(describing: error)
    #expect(text.contains("\(rank + 1) coordinates") && text.contains("differ in \(rank);"))
  }

  @Test func equalContextsHaveRankZeroInSpiteOfRounding() {
    let row = (0..<7).map { 0.1 + 1 / Double($0 + 3) }
    let input = Matrix(rows: [[Double]](repeating: row, count: 11))
    #expect(throws: RoutingError.self) { try ContextTransform(components: 1).fit(input) }
  }

  @Test func badContextsAreErrors() throws {
    let input = contexts(10, dimension: 4)
    let fitted = try ContextTransform(components: 2).fit(input)
    #expect(throws: RoutingError.contextSize(found: 5, expected: 4)) { try fitted.apply(Matrix(rows: 1, columns: 5)) }
    var broken = input
    broken[3, 1] = .nan
    #expect(throws: RoutingError.notFinite(what: "the context of pair 3 of the batch", index: 1)) {
      try fitted.apply(broken)
    }
    #expect(throws: RoutingError.notFinite(what: "the context of pair 3 of the batch", index: 1)) {
      try ContextTransform(components: 2).fit(broken)
    }
    #expect(throws: RoutingError.self) { try ContextTransform(components: 1).fit(Matrix(rows: 0, columns: 4)) }
  }
}
