import Foundation
import LinearAlgebra
import Randomness

/// The posterior of one arm's weights in Bayesian linear regression with known noise.
///
/// Model: w ~ N(m, diag(v)), reward r = x . w + noise, noise ~ N(0, sigma^2). After observations (x_t, r_t)
///
///     precision    P = diag(1/v) + sum_t x_t x_t' / sigma^2
///     information  b = diag(1/v) m + sum_t x_t r_t / sigma^2
///     w | data ~ N(P^-1 b, P^-1)
///
/// It is kept in square-root information form: the factor R of P = R'R and z = R^-T b. One observation is a sequence of d Givens
/// rotations of [R z; x/sigma r/sigma], O(d^2), and needs no solve; with v = R^-T x the mean of x . w is v . z and its variance |v|^2,
/// so a prediction costs one triangular solve. Rotations are orthogonal, so rounding errors add and do not multiply; P and b
/// are kept too, to measure the drift and to factorise anew.
///
/// Sources: Wu & Lu, arXiv 2510.02850, the online router; Bishop, Pattern Recognition and Machine Learning, section 3.3;
/// Bierman, Factorization Methods for Discrete Sequential Estimation, chapter V.
public struct LinearGaussianPosterior: Sendable, Equatable {
  /// Where the coordinates were correlated beforehand (`CorrelatedGaussianPrior`), these are their means and variances alone.
  public let prior: GaussianPrior
  /// sigma^2.
  public let noiseVariance: Double
  /// R with P = R'R, upper triangular.
  public private(set) var factor: Cholesky<Double>
  /// z = R^-T b.
  public private(set) var whitenedInformation: [Double]
  public private(set) var observationCount: Int
  /// log p(r_1, …, r_n | x_1, …, x_n) in nats: the sum of the log densities with which each reward was predicted.
  public private(set) var logEvidence: Double
  var statistics: RegressionStatistics

  /// Observations between two automatic drift checks.
  static let driftCheckInterval = 1024
  /// The relative drift from which on the factor is made anew.
  static let driftTolerance = 1e-10

  public var dimension: Int { prior.dimension }

  /// The prior itself: no observation yet.
  public init(prior: GaussianPrior, noiseVariance: Double) {
    precondition(noiseVariance > 0 && noiseVariance.isFinite, "the noise variance \(noiseVariance) is not positive")
    let precision = prior.variance.map { 1 / $0 }
    self.prior = prior
    self.noiseVariance = noiseVariance
    factor = Cholesky(diagonal: precision)
    whitenedInformation = zip(prior.mean, prior.variance).map { $0 / $1.squareRoot() }
    observationCount = 0
    logEvidence = 0
    statistics = RegressionStatistics(
      precision: precision, information: zip(prior.mean, precision).map { $0 * $1 })
  }

  /// The posterior as it was saved, or as other sums make it.
  init(
    prior: GaussianPrior, noiseVariance: Double, factor: Cholesky<Double>, whitenedInformation: [Double],
    observationCount: Int, logEvidence: Double, statistics: RegressionStatistics
  ) {
    self.prior = prior
    self.noiseVariance = noiseVariance
    self.factor = factor
    self.whitenedInformation = whitenedInformation
    self.observationCount = observationCount
    self.logEvidence = logEvidence
    self.statistics = statistics
  }

  // MARK: Learning

  /// One observation: O(d^2), 2 d^2 multiply-adds over one read and write of R.
  ///
  /// - Throws: `RoutingError.contextSize`, `RoutingError.notFinite`; the posterior is then unchanged.
  public mutating func observe(context: [Double], reward: Double) throws {
    try observe(contexts: Matrix(rows: 1, columns: context.count, elements: context), rewards: [reward])
  }

  /// Observations in order, rows of `contexts`.
  ///
  /// Up to d/2 rows go in by rotations, O(k d^2); a larger batch by syrk and one factorisation, O(k d^2 + d^3) at the speed
  /// of gemm. Both give the same posterior up to rounding.
  ///
  /// - Throws: `RoutingError.contextSize`, `RoutingError.notFinite`; the posterior is then unchanged.
  public mutating func observe(contexts: Matrix<Double>, rewards: [Double]) throws {
    precondition(contexts.rows == rewards.count, "\(contexts.rows) contexts against \(rewards.count) rewards")
    try checkContexts(contexts, dimension: dimension)
    if let bad = rewards.firstIndex(where: { !$0.isFinite }) {
      throw RoutingError.notFinite(what: "the reward", index: bad)
    }
    guard contexts.rows > 0 else { return }
    let inverseDeviation = 1 / noiseVariance.squareRoot()
    var rows = contexts
    for i in rows.elements.indices { rows.elements[i] *= inverseDeviation }
    let targets = rewards.map { $0 * inverseDeviation }

    let before = observationCount
    statistics.add(rows: rows, targets: targets)
    if contexts.rows <= max(8, dimension / 2) || !factorize(with: rows, targets: targets) {
      rotate(rows: rows, targets: targets)
    }
    observationCount += contexts.rows
    logEvidence -= Double(contexts.rows) * 0.5 * log(2 * .pi * noiseVariance)
    if observationCount / Self.driftCheckInterval > before / Self.driftCheckInterval,
      factorDrift > Self.driftTolerance
    {
      // Where rounding has made the sum indefinite the rotated factor is the better of the two, and stays.
      try? refactorize()
    }
  }

  private mutating func rotate(rows: Matrix<Double>, targets: [Double]) {
    for step in factor.update(rows: rows, targets: targets, whitened: &whitenedInformation) {
      logEvidence += log(step.shrink) - 0.5 * step.residual * step.residual
    }
  }

  /// The batch by one factorisation of the statistics, which hold its rows already. False where they are not positive definite
  /// in double precision; nothing has then changed.
  private mutating func factorize(with rows: Matrix<Double>, targets: [Double]) -> Bool {
    let (factorBefore, meanBefore) = (factor, mean)
    guard (try? refactorize()) != nil else { return false }
    // sum of squared whitened residuals = |t - X mean|^2 + |R_before (mean - mean_before)|^2: no cancellation.
    let meanAfter = mean
    let residuals = zip(targets, gemv(rows, .asIs, meanAfter)).map { $0 - $1 }
    let shift = gemv(factorBefore.factor, .asIs, zip(meanAfter, meanBefore).map { $0 - $1 })
    logEvidence -= 0.5 * (dot(residuals, residuals) + dot(shift, shift))
    logEvidence += 0.5 * (factorBefore.logDeterminant - factor.logDeterminant)
    return true
  }

  /// Forgets: what the data added to precision and information counts `factor` times from now on, the prior as before. Makes
  /// the factor anew, O(d^3), so call it once a training step. `logEvidence` stays the sum of the predictive log densities.
  ///
  /// - Throws: `LinearAlgebraError.notPositiveDefinite`; the posterior is then unchanged.
  public mutating func discount(by factor: Double) throws {
    precondition(factor > 0 && factor <= 1, "a discount of \(factor) is not in (0, 1]")
    guard factor < 1 else { return }
    var discounted = self
    discounted.statistics.discount(
      by: factor, priorPrecision: prior.variance.map { 1 / $0 },
      priorInformation: zip(prior.mean, prior.variance).map { $0 / $1 })
    try discounted.refactorize()
    self = discounted
  }

  /// |R'R p - P p| / |P p| for a fixed vector p of signs: how far rotation after rotation has moved the factor from the
  /// sum that it should be the root of. O(d^2).
  public var factorDrift: Double {
    // The signs of one Philox block after another: fixed, without structure that data could share.
    var signs = PhiloxGenerator(key: SIMD2(0, 0))
    let probe = (0..<dimension).map { _ in signs.next() & 1 == 0 ? 1.0 : -1.0 }
    let direct = gemv(statistics.precision, .asIs, probe)
    let rotated = gemv(factor.factor, .transposed, gemv(factor.factor, .asIs, probe))
    let difference = zip(direct, rotated).map { $0 - $1 }
    return (dot(difference, difference) / dot(direct, direct)).squareRoot()
  }

  /// Makes factor and whitened information anew from the sums; O(d^3).
  ///
  /// - Throws: `LinearAlgebraError.notPositiveDefinite`; the posterior is then unchanged.
  public mutating func refactorize() throws {
    let summed = try Cholesky(statistics.precision)
    var whitened = statistics.information
    trsv(summed.factor, .transposed, &whitened)
    factor = summed
    whitenedInformation = whitened
  }

  // MARK: Looking

  /// E[w] = P^-1 b = R^-1 z; O(d^2).
  public var mean: [Double] {
    var weights = whitenedInformation
    trsv(factor.factor, .asIs, &weights)
    return weights
  }

  /// P = diag(1/v) + X'X / sigma^2, as summed.
  public var precision: Matrix<Double> { statistics.precision }

  /// The variance of each weight, diag(P^-1); O(d^3).
  public var marginalVariances: [Double] { factor.inverseDiagonal }

  /// Mean and standard deviation of x . w (without noise) for each row x of `contexts`; one triangular solve, O(B d^2).
  public func predictions(contexts: Matrix<Double>) -> Predictions {
    precondition(contexts.columns == dimension, "contexts of \(contexts.columns), a posterior of \(dimension)")
    if contexts.rows == 1 {
      var whitened = contexts.elements
      trsv(factor.factor, .transposed, &whitened)
      return Predictions(
        means: [dot(whitened, whitenedInformation)], standardDeviations: [dot(whitened, whitened).squareRoot()])
    }
    var whitened = contexts
    trsm(factor.factor, right: &whitened)
    return Predictions(
      means: gemv(whitened, .asIs, whitenedInformation),
      standardDeviations: (0..<whitened.rows).map { dot(whitened.row($0), whitened.row($0)).squareRoot() })
  }

  /// Mean and standard deviation of x . w for one context.
  public func prediction(context: [Double]) -> (mean: Double, standardDeviation: Double) {
    let one = predictions(contexts: Matrix(rows: 1, columns: context.count, elements: context))
    return (one.means[0], one.standardDeviations[0])
  }

  /// One draw of all weights: R^-1 (z + e) with e standard normal; O(d^2).
  public func sampleWeights(using generator: inout PhiloxGenerator) -> [Double] {
    var weights = whitenedInformation
    for i in weights.indices { weights[i] += generator.nextNormal() }
    trsv(factor.factor, .asIs, &weights)
    return weights
  }
}

/// The predictive distribution of x . w for each of several contexts.
public struct Predictions: Sendable, Equatable {
  public let means: [Double]
  public let standardDeviations: [Double]
}

/// The predictions of every arm; arms side by side where the work repays the threads.
func predictions(of posteriors: [LinearGaussianPosterior], contexts: Matrix<Double>) -> [Predictions] {
  let operations = posteriors.count * contexts.rows * contexts.columns * contexts.columns
  guard operations > 1 << 22 else { return posteriors.map { $0.predictions(contexts: contexts) } }
  return concurrentMap(posteriors.count) { posteriors[$0].predictions(contexts: contexts) }
}
