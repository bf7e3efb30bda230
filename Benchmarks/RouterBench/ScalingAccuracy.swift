import Foundation
import RouterKit

/// How often each method's labels are right at each size of the pool, by a replay of the recorded judgements of all pairs.
struct ScalingAccuracy {
  /// By size and method, as fractions.
  private let estimates: [Int: [ScalingMethod: ReplayReport.Estimate]]
  /// How many sub-pools the mean at each size is over.
  let poolCounts: [Int: Int]
  /// Of a pool with very many sub-pools of a size, this many are taken, evenly spread over their lexicographic order.
  static let mostPools = 12

  init(_ inputs: ScalingInputs, sizes: ClosedRange<Int>, seeds: Int, seed: UInt64) async throws {
    let dataset = inputs.dataset
    let encoded = HashedPairEncoder(dimension: 256).encode(dataset.pairs)
    let transform = try ContextTransform(components: 8, interceptVarianceScale: 1).fit(encoded)
    let contexts = try transform.apply(encoded)
    var configuration = ReplayConfiguration()
    configuration.seeds = seeds
    configuration.firstSeed = seed
    let pools = try sizes.map { size in
      // Copies of a model say nothing new about it: sub-pools are of recorded models as far as these go.
      size <= inputs.recordedCount
        ? Self.thinned(try ReplayInputs.pools(of: inputs.recordedCount, sizes: size...size)) : [Array(0..<size)]
    }
    var bar = ProgressBar("accuracy", total: pools.reduce(0) { $0 + $1.count }, unit: "pools")
    var estimates: [Int: [ScalingMethod: ReplayReport.Estimate]] = [:]
    var generator = PhiloxGenerator(seed: seed, stream: "bootstrap")
    for (size, subsets) in zip(sizes, pools) {
      var results: [(study: ReplayStudy, outcomes: [ReplayOutcome])] = []
      for arms in subsets {
        let priors = [GaussianPrior](
          repeating: transform.prior(variance: configuration.priorVariance), count: size)
        let study = try ReplayStudy(
          world: try ReplayWorld(dataset: dataset.selecting(arms: arms), contexts: contexts),
          configuration: configuration, priors: priors, offlinePriors: nil)
        var outcomes: [ReplayOutcome] = []
        for method in ScalingMethod.allCases { outcomes.append(try await study.run(method.replayed)) }
        results.append((study, outcomes))
        bar.advance()
      }
      let report = ReplayReport(pools: results, using: &generator)
      for (method, row) in zip(ScalingMethod.allCases, report.rows) {
        estimates[size, default: [:]][method] = row.accuracies[0]
      }
    }
    bar.finish()
    self.estimates = estimates
    poolCounts = Dictionary(uniqueKeysWithValues: zip(sizes, pools.map(\.count)))
  }

  private static func thinned(_ pools: [[Int]]) -> [[Int]] {
    guard pools.count > mostPools else { return pools }
    return (0..<mostPools).map { pools[$0 * (pools.count - 1) / (mostPools - 1)] }
  }

  subscript(method: ScalingMethod, rms: Int) -> ReplayReport.Estimate? { estimates[rms]?[method] }
}

extension ScalingMethod {
  /// The single model is the best one in hindsight, which nobody knows beforehand.
  var replayed: ReplayMethod {
    switch self {
    case .bayesian: .thompson
    case .linUCB: .linUCB
    case .majority: .majority
    case .uncertainty: .uncertainty
    case .random: .random
    case .single: .bestSingle
    }
  }
}
