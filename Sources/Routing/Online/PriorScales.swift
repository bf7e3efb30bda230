import Foundation
import LinearAlgebra

/// The prior variances that all arms of an `EvidenceRouter` share: how much arms differ on average, and how much more they differ from
/// context to context.
///
/// Both are in squared units of the reward: with rewards in [0, 1] an intercept variance of 0.01 says that arms differ by some ten points
/// of accuracy.
public struct PriorScales: Sendable, Equatable {
  /// v0, the variance of the intercept's weight.
  public let intercept: Double
  /// v1, the variance of any other weight.
  public let weights: Double

  /// What a router begins with, before there is any evidence.
  static let start = PriorScales(intercept: 0.01, weights: 0.001)
  /// Half-decades.
  static let interceptCandidates = [3e-4, 1e-3, 3e-3, 1e-2, 3e-2]
  static let weightCandidates = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2]

  /// The middle of the log-normal prior over the two.
  private static let center = PriorScales(intercept: 0.003, weights: 0.001)
  /// The standard deviation of that prior in nats, a factor of 4.5: a few hundred rewards outweigh it.
  private static let deviation = 1.5
  /// Multiply-adds of one evidence from which on the arms are worked on side by side.
  private static let concurrentOperations = 1 << 22

  init(intercept: Double, weights: Double) {
    self.intercept = intercept
    self.weights = weights
  }

  /// False where a variance or its inverse is zero, negative or infinite.
  var isValid: Bool { [intercept, weights].allSatisfy { $0 > 0 && $0.isFinite && (1 / $0).isFinite } }

  /// N(0, diag(v0 at `index`, v1 elsewhere)); v1 everywhere where there is no intercept.
  func prior(dimension: Int, interceptIndex index: Int?) -> GaussianPrior {
    var variance = [Double](repeating: weights, count: dimension)
    if let index { variance[index] = intercept }
    return GaussianPrior(mean: [Double](repeating: 0, count: dimension), variance: variance)
  }

  /// The log density over scales, up to a constant.
  private var logPrior: Double {
    let deviations = [log(intercept / Self.center.intercept), log(weights / Self.center.weights)]
    return deviations.reduce(0) { $0 - 0.5 * ($1 / Self.deviation) * ($1 / Self.deviation) }
  }

  /// The candidates that make the rewards of all arms, and themselves, most probable; of equals the smallest. One evidence a candidate and
  /// arm that has any rewards, O(d^3) each.
  ///
  /// - Throws: `LinearAlgebraError.notPositiveDefinite`.
  static func tuned(
    to moments: [RewardMoments], _ setting: RewardMoments.Setting, dimension: Int, interceptIndex: Int?
  ) throws(LinearAlgebraError) -> PriorScales {
    let observed = moments.filter { $0.count > 0 }
    var best = (scales: start, logDensity: -Double.infinity)
    for intercept in interceptCandidates {
      for weights in weightCandidates {
        let scales = PriorScales(intercept: intercept, weights: weights)
        let prior = CorrelatedGaussianPrior(scales.prior(dimension: dimension, interceptIndex: interceptIndex))
        var logDensity = scales.logPrior
        for evidence in evidences(observed, prior, setting) { logDensity += try evidence.get() }
        if logDensity > best.logDensity { best = (scales, logDensity) }
      }
    }
    return best.scales
  }

  private static func evidences(
    _ moments: [RewardMoments], _ prior: CorrelatedGaussianPrior, _ setting: RewardMoments.Setting
  ) -> [Result<Double, LinearAlgebraError>] {
    let evidence: @Sendable (Int) -> Result<Double, LinearAlgebraError> = { arm in
      do throws(LinearAlgebraError) {
        return .success(try moments[arm].logEvidence(prior, setting))
      } catch {
        return .failure(error)
      }
    }
    let size = prior.dimension
    guard moments.count * size * size * size > concurrentOperations else { return moments.indices.map(evidence) }
    return concurrentMap(moments.count, evidence)
  }
}
