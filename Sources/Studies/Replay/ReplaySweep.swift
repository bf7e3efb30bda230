import Foundation
import Routing

/// How much the offline prior should weigh: the prior alone, online learning from 0, and both, over sigma_w^2.
///
/// A small sigma_w^2 holds the weights at the prior's mean, a large one lets them go.
public enum PriorVarianceSweep {
  /// Half-decades from a prior that is hardly left to one that is hardly felt.
  public static let variances = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1]

  /// The learning methods, under the names that their rows begin with.
  private static let rows: [(name: String, method: ReplayMethod)] = [
    ("online", .thompson), ("both", .thompsonPrior),
  ]

  /// Runs of learning methods that a sweep over so many seeds makes.
  public static func runs(seeds: Int) -> Int { rows.count * variances.count * seeds }

  /// Single models and references, then the sweep's rows.
  ///
  /// - Parameter onSeed: called after each run of a learning method, with its trace and study.
  /// - Throws: as `ReplayStudy.run`.
  public static func run(
    _ data: ReplayData, configuration: ReplayConfiguration,
    onSeed: (ReplayTrace, ReplayMethod, ReplayStudy) throws -> Void
  ) async throws -> (study: ReplayStudy, outcomes: [ReplayOutcome]) {
    let study = try data.study(configuration: configuration)
    let models = study.dataset.rewardModels
    var outcomes = try await study.run(
      models.indices.map { .single($0, of: models) } + [.random, .majority, .offlineOnly, .oracle])
    for (name, method) in rows {
      for variance in variances {
        var own = configuration
        own.priorVariance = variance
        let study = try data.study(configuration: own)
        let outcome = try await study.run(method) { trace, _ in try onSeed(trace, method, study) }
        outcomes.append(outcome.titled("\(name) \(variance)"))
      }
    }
    return (study, outcomes)
  }
}
