import Foundation
import LinearAlgebra
import PreferenceData
import Randomness
import Reporting
import Routing

/// How often each method's labels are right at each size of the pool, by a replay of the recorded judgements of all pairs.
public struct ScalingAccuracy: Sendable {
  /// The accuracy of each method at each size, as fractions.
  private let estimates: [Int: [ScalingMethod: Estimate]]
  /// How many sub-pools the mean at each size is over.
  public let poolCounts: [Int: Int]
  /// The number of sub-pools of a size that are taken where there are more, evenly spread over their lexicographic order.
  public static let mostPools = 12

  /// - Parameter seeds: runs of each learning method.
  /// - Throws: `StudyError`; what a replay throws.
  public init(
    _ inputs: ScalingSetup, seeds: Int, onProgress: (WorkProgress) -> Void = { _ in }
  ) async throws {
    let (dataset, sizes, seed) = (inputs.dataset, inputs.configuration.sizes, inputs.configuration.seed)
    let data = try await ReplayData(dataset, encoder: HashedPairEncoder())
    var configuration = ReplayConfiguration()
    configuration.seeds = seeds
    configuration.firstSeed = seed
    let pools = sizes.map { size in
      // Copies of a model say nothing new about it: sub-pools are of recorded models as far as these go.
      size <= inputs.recordedCount
        ? SubPools.spread(of: inputs.recordedCount, size: size, most: Self.mostPools) : [Array(0..<size)]
    }
    let total = pools.reduce(0) { $0 + $1.count }
    var done = 0
    var estimates: [Int: [ScalingMethod: Estimate]] = [:]
    var generator = PhiloxGenerator(seed: seed, stream: "bootstrap")
    for (size, subsets) in zip(sizes, pools) {
      var results: [(study: ReplayStudy, outcomes: [ReplayOutcome])] = []
      for arms in subsets {
        let study = try data.study(pool: arms, configuration: configuration)
        results.append((study, try await study.run(ScalingMethod.allCases.map(\.replayed))))
        done += 1
        onProgress(WorkProgress("accuracy", done: done, of: total, unit: "pools"))
      }
      let report = ReplayReport(pools: results, using: &generator)
      for (method, row) in zip(ScalingMethod.allCases, report.rows) {
        estimates[size, default: [:]][method] = row.accuracy[.all]
      }
    }
    self.estimates = estimates
    poolCounts = Dictionary(uniqueKeysWithValues: zip(sizes, pools.map(\.count)))
  }

  public subscript(method: ScalingMethod, rms: Int) -> Estimate? { estimates[rms]?[method] }
}
