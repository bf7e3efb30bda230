import Foundation
import LinearAlgebra
import PreferenceData
import Routing

/// Prior means from offline data: each arm's posterior mean after it has seen, for every offline pair, whether it was right.
///
/// The mean stands where the paper has E_bt[n]; the variance stays the prior's, so that the online router may depart from it as
/// freely as from 0. O(N n d^2).
///
/// - Parameters:
///   - contexts: one row a pair of `dataset`.
///   - priors: one an arm.
///   - ties: what a reward model's exact tie counts.
/// - Throws: `RoutingError`.
public func offlinePriors(
  dataset: PreferenceDataset, contexts: Matrix<Double>, priors: [GaussianPrior], noiseVariance: Double,
  ties: TieRule = .half
) throws -> [GaussianPrior] {
  precondition(priors.count == dataset.rewardModels.count, "one prior an arm")
  let correctness = CorrectnessTable(dataset, ties: ties)
  return try priors.enumerated().map { arm, prior in
    var posterior = LinearGaussianPosterior(prior: prior, noiseVariance: noiseVariance)
    try posterior.observe(contexts: contexts, rewards: correctness.values[arm])
    return GaussianPrior(mean: posterior.mean, variance: prior.variance)
  }
}

/// Whole posteriors from offline data, mean and covariance: Bayesian linear regression of whether each arm was right.
///
/// sigma_w^2 and sigma^2 are those of a grid, common to all arms, that maximise the evidence of the offline rewards, summed over the
/// arms. The online router then goes on from the posteriors instead of their means alone. O(grid N n d^2).
///
/// - Parameters:
///   - contexts: one row a pair of `dataset`.
///   - prior: N(0, variance) of sigma_w^2 = 1.
///   - ties: what a reward model's exact tie counts.
/// - Throws: `RoutingError`.
public func offlinePosteriors(
  dataset: PreferenceDataset, contexts: Matrix<Double>, prior: GaussianPrior, ties: TieRule = .half
) throws -> [LinearGaussianPosterior] {
  let correctness = CorrectnessTable(dataset, ties: ties)
  var best: (evidence: Double, posteriors: [LinearGaussianPosterior])?
  for priorVariance in (-5...1).map({ pow(4, Double($0)) }) {
    for noiseVariance in [0.1, 0.15, 0.2, 0.25, 0.35] {
      let posteriors = try dataset.rewardModels.indices.map { arm in
        var posterior = LinearGaussianPosterior(
          prior: GaussianPrior(mean: prior.mean, variance: prior.variance.map { $0 * priorVariance }),
          noiseVariance: noiseVariance)
        try posterior.observe(contexts: contexts, rewards: correctness.values[arm])
        return posterior
      }
      let evidence = posteriors.reduce(0) { $0 + $1.logEvidence }
      if evidence > best?.evidence ?? -.infinity { best = (evidence, posteriors) }
    }
  }
  return best?.posteriors ?? []
}
