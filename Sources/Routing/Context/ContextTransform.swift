import LinearAlgebra

/// What is done to an encoder's contexts before a router sees them: a projection to few coordinates, and an intercept.
///
/// A posterior over hundreds of isotropic coordinates learns next to nothing from some hundred pairs; over the few directions in
/// which the contexts of a stream really differ it can. Fitting takes contexts only, neither labels nor rewards.
///
/// With projection, over the contexts it was fitted on,
///
///     x = S V' (u - mean)
///
/// where the columns of V are the eigenvectors of the covariance of u with the k largest eigenvalues l_1 >= ... >= l_k, and
///
///     S = diag(1 / sqrt(k l_i))                     with whitening: all coordinates have variance 1/k
///     S = I / sqrt(l_1 + ... + l_k)                 without: the coordinates keep their ratios
///
/// Either way E|x|^2 = 1, as for the encoder's unit vectors. So the prior variance sigma_w^2 of a weight means the same for
/// any k: the prior variance of x . w, averaged over pairs.
public struct ContextTransform: Sendable, Hashable, Codable {
  /// k, the coordinates kept; nil passes contexts on whole, neither centred nor scaled.
  public let components: Int?
  /// Whether the kept coordinates get equal variance. Of no effect without projection.
  public let whitens: Bool
  /// Whether each x is scaled to norm 1 after the projection and before the intercept is added. The zero vector stays as it is.
  public let renormalizes: Bool
  /// Adds a last coordinate that is 1 for every pair, whose weight has this many times the prior variance of the others; nil adds
  /// none. A centred context needs it: what an arm is worth on average is its weight.
  public let interceptVarianceScale: Double?

  public init(
    components: Int? = 8, whitens: Bool = true, renormalizes: Bool = false, interceptVarianceScale: Double? = 1
  ) {
    precondition(components.map { $0 > 0 } ?? true, "a projection to \(components ?? 0) coordinates")
    precondition(
      interceptVarianceScale.map { $0 > 0 && $0.isFinite } ?? true,
      "the prior variance of an intercept is positive and finite")
    self.components = components
    self.whitens = whitens
    self.renormalizes = renormalizes
    self.interceptVarianceScale = interceptVarianceScale
  }

  /// A direction counts if the contexts' variance along it is more than this share of their mean squared norm. Below lies what
  /// rounding leaves of no variance at all.
  static let rankTolerance = 1e-10

  /// Fits the projection to unlabelled contexts, one a row: n x D. O(n D^2 + D^3); nothing to fit where no projection is asked for.
  ///
  /// Contexts may be fewer than their coordinates, but n of them span at most n - 1 directions about their mean.
  ///
  /// - Throws: `RoutingError.context` where the contexts span fewer than k directions, `RoutingError.notFinite`,
  ///   `LinearAlgebraError.noConvergence`.
  public func fit(_ contexts: Matrix<Double>) throws -> FittedContextTransform {
    let (n, dimension) = (contexts.rows, contexts.columns)
    try checkContexts(contexts, dimension: dimension)
    guard let components else { return FittedContextTransform(self, inputDimension: dimension, projection: nil) }
    guard n > 0 else { throw RoutingError.context(.noContexts) }

    var mean = [Double](repeating: 0, count: dimension)
    for row in 0..<n {
      for (column, value) in contexts.row(row).enumerated() { mean[column] += value / Double(n) }
    }
    let centred = Self.subtracting(mean, from: contexts)
    var covariance = Matrix<Double>(rows: dimension, columns: dimension)
    syrk(1 / Double(n), centred, .transposed, 0, into: &covariance)
    let eigen = try SymmetricEigendecomposition(covariance)

    let meanSquaredNorm = contexts.elements.reduce(0) { $0 + $1 * $1 } / Double(n)
    let rank = eigen.values.count { $0 > Self.rankTolerance * meanSquaredNorm }
    guard components <= rank else {
      throw RoutingError.context(.tooFewDirections(components: components, contexts: n, rank: rank))
    }
    let kept = (0..<components).map { dimension - 1 - $0 }
    let keptVariance = kept.reduce(0) { $0 + eigen.values[$1] }
    let scales = kept.map { 1 / (whitens ? Double(components) * eigen.values[$0] : keptVariance).squareRoot() }
    var axes = eigen.vectors.transposed.selectingRows(kept)
    for row in 0..<components {
      for column in 0..<dimension { axes[row, column] *= scales[row] }
    }
    return FittedContextTransform(self, inputDimension: dimension, projection: .init(mean: mean, axes: axes))
  }

  private static func subtracting(_ mean: [Double], from contexts: Matrix<Double>) -> Matrix<Double> {
    var centred = contexts
    for row in 0..<contexts.rows {
      for column in 0..<contexts.columns { centred[row, column] -= mean[column] }
    }
    return centred
  }
}
