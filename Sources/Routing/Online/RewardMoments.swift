import Foundation
import LinearAlgebra

/// The sufficient statistics of one arm's rewards: with them the regression can be done again, exactly, for rewards that are measured from
/// another level, with another noise variance and another prior, in O(d^3) whatever the number of observations.
///
/// Rows x_t of X are contexts, r_t rewards. For e = r - level, noise variance s^2 and prior N(m, P0^-1)
///
///     P = P0 + X'X / s^2,   b = P0 m + (X'r - level X'1) / s^2,   w | r ~ N(P^-1 b, P^-1)
///
///     log p(r) = -n/2 log(2 pi s^2) - (e.e / s^2 + m' P0 m - b' P^-1 b) / 2 + (log det P0 - log det P) / 2
///
/// with e.e = sum r^2 - 2 level sum r + n level^2.
///
/// Source: Bishop, Pattern Recognition and Machine Learning, sections 3.3 and 3.5.
struct RewardMoments: Sendable, Equatable {
  /// n.
  private(set) var count: Int
  /// X'X; only its upper triangle counts.
  private(set) var gram: Matrix<Double>
  /// X'r.
  private(set) var rewardMoment: [Double]
  /// X'1.
  private(set) var contextSum: [Double]
  private(set) var rewardSum: Double
  private(set) var squareSum: Double

  var dimension: Int { contextSum.count }

  /// No observation yet.
  init(dimension: Int) {
    let zeros = [Double](repeating: 0, count: dimension)
    self.init(
      count: 0, gram: Matrix(rows: dimension, columns: dimension), rewardMoment: zeros, contextSum: zeros, rewardSum: 0,
      squareSum: 0)
  }

  /// The statistics as they were saved.
  init(
    count: Int, gram: Matrix<Double>, rewardMoment: [Double], contextSum: [Double], rewardSum: Double, squareSum: Double
  ) {
    self.count = count
    self.gram = gram
    self.rewardMoment = rewardMoment
    self.contextSum = contextSum
    self.rewardSum = rewardSum
    self.squareSum = squareSum
  }

  /// One observation; O(d^2).
  mutating func add(context: [Double], reward: Double) {
    precondition(context.count == dimension, "a context of \(context.count) for statistics of \(dimension)")
    count += 1
    syr(1, context, into: &gram)
    for i in context.indices {
      rewardMoment[i] += reward * context[i]
      contextSum[i] += context[i]
    }
    rewardSum += reward
    squareSum += reward * reward
  }

  /// What a regression is done with.
  struct Setting: Sendable {
    /// What rewards are measured from.
    let level: Double
    let noiseVariance: Double
  }

  /// The factor of P, and R^-T b.
  private func solved(
    _ prior: CorrelatedGaussianPrior, _ setting: Setting
  ) throws(LinearAlgebraError) -> (precision: Matrix<Double>, information: [Double], Cholesky<Double>, [Double]) {
    var (precision, information) = (prior.precision, prior.information)
    for i in precision.elements.indices { precision.elements[i] += gram.elements[i] / setting.noiseVariance }
    for i in information.indices {
      information[i] += (rewardMoment[i] - setting.level * contextSum[i]) / setting.noiseVariance
    }
    let factor = try Cholesky(precision)
    var whitened = information
    trsv(factor.factor, .transposed, &whitened)
    return (precision, information, factor, whitened)
  }

  private func logEvidence(
    _ prior: CorrelatedGaussianPrior, _ setting: Setting, _ factor: Cholesky<Double>, _ whitened: [Double]
  ) -> Double {
    let n = Double(count)
    let squares = squareSum - 2 * setting.level * rewardSum + n * setting.level * setting.level
    let misfit = squares / setting.noiseVariance + dot(prior.mean, prior.information) - dot(whitened, whitened)
    return -0.5 * n * log(2 * .pi * setting.noiseVariance) - 0.5 * misfit
      + 0.5 * (prior.logDeterminant - factor.logDeterminant)
  }

  /// log p(r) in nats; O(d^3).
  ///
  /// - Throws: `LinearAlgebraError.notPositiveDefinite`.
  func logEvidence(_ prior: CorrelatedGaussianPrior, _ setting: Setting) throws(LinearAlgebraError) -> Double {
    // Without rewards it is exactly 0.
    guard count > 0 else { return 0 }
    let (_, _, factor, whitened) = try solved(prior, setting)
    return logEvidence(prior, setting, factor, whitened)
  }

  /// The posterior, which then takes rewards less `setting.level`; O(d^3).
  ///
  /// - Throws: `LinearAlgebraError.notPositiveDefinite`.
  func posterior(
    _ prior: CorrelatedGaussianPrior, _ setting: Setting
  ) throws(LinearAlgebraError) -> LinearGaussianPosterior {
    let (precision, information, factor, whitened) = try solved(prior, setting)
    return LinearGaussianPosterior(
      prior: prior.marginals, noiseVariance: setting.noiseVariance, factor: factor, whitenedInformation: whitened,
      observationCount: count, logEvidence: count > 0 ? logEvidence(prior, setting, factor, whitened) : 0,
      statistics: RegressionStatistics(flushed: precision, information: information, pending: []))
  }
}
