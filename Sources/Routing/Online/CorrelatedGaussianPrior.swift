import LinearAlgebra

/// The prior of one arm's weights with correlated coordinates: w ~ N(m, S). What another regression has learnt of the arm is such a prior.
///
/// It is kept in information form, precision S^-1 and information S^-1 m, to which observations add.
public struct CorrelatedGaussianPrior: Sendable, Equatable {
  public let mean: [Double]
  /// S^-1, symmetric.
  public let precision: Matrix<Double>
  /// S^-1 m.
  let information: [Double]
  /// log det S^-1, in nats.
  let logDeterminant: Double
  /// The coordinates on their own: means, and the diagonal of S.
  let marginals: GaussianPrior

  public var dimension: Int { mean.count }

  /// N(mean, covariance); O(d^3).
  ///
  /// - Throws: `LinearAlgebraError.notPositiveDefinite`.
  public init(mean: [Double], covariance: Matrix<Double>) throws(LinearAlgebraError) {
    precondition(
      covariance.rows == mean.count && covariance.columns == mean.count,
      "\(mean.count) means against a covariance of \(covariance.rows) x \(covariance.columns)")
    let identity = Matrix<Double>(diagonal: [Double](repeating: 1, count: mean.count))
    let inverse = try Cholesky(covariance).solve(identity)
    // Rounding leaves the solution a little asymmetric.
    var precision = inverse
    for i in 0..<mean.count {
      for j in 0..<mean.count { precision[i, j] = (inverse[i, j] + inverse[j, i]) / 2 }
    }
    try self.init(mean: mean, precision: precision)
  }

  /// N(mean, precision^-1); O(d^3).
  ///
  /// - Throws: `LinearAlgebraError.notPositiveDefinite`.
  init(mean: [Double], precision: Matrix<Double>) throws(LinearAlgebraError) {
    let factor = try Cholesky(precision)
    let variance = factor.inverseDiagonal
    if let flat = variance.firstIndex(where: { !$0.isFinite }) {
      throw .notPositiveDefinite(minor: flat + 1, size: mean.count)
    }
    self.mean = mean
    self.precision = precision
    information = gemv(precision, .asIs, mean)
    logDeterminant = factor.logDeterminant
    marginals = GaussianPrior(mean: mean, variance: variance)
  }

  /// Independent coordinates as a special case; O(d^2).
  init(_ prior: GaussianPrior) {
    let inverses = prior.variance.map { 1 / $0 }
    mean = prior.mean
    precision = Matrix(diagonal: inverses)
    information = zip(inverses, prior.mean).map { $0 * $1 }
    logDeterminant = Cholesky(diagonal: inverses).logDeterminant
    marginals = prior
  }
}
