import ArgumentParser
import RouterKit

/// How much the offline prior should weigh: the prior alone, online learning from 0, and both, over sigma_w^2.
///
/// A small sigma_w^2 holds the weights at the prior's mean, a large one lets them go.
enum ReplaySweep: String, ExpressibleByArgument, CaseIterable, Sendable {
  case priorVariance = "prior-variance"

  static let variances = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1]

  /// One table: single models and references, then the sweep's rows.
  func run(
    _ inputs: ReplayInputs, configuration: ReplayConfiguration, _ output: ReplayOutput
  ) async throws -> PoolResult {
    let pool = inputs.pools[0]
    let study = try inputs.study(pool: pool, configuration: configuration)
    var outcomes: [ReplayOutcome] = []
    for method in pool.indices.map(ReplayMethod.single) + [.random, .majority, .offlineOnly, .oracle] {
      outcomes.append(try await study.run(method))
    }
    let rows: [(method: ReplayMethod, name: String)] = [(.thompson, "online"), (.thompsonPrior, "both")]
    var progress = ProgressBar(
      "sweep", total: rows.count * Self.variances.count * configuration.seeds * inputs.online.pairs.count,
      unit: "decisions")
    for (method, name) in rows {
      for variance in Self.variances {
        var own = configuration
        own.priorVariance = variance
        let study = try inputs.study(pool: pool, configuration: own)
        let outcome = try await study.run(method) { trace, _ in
          progress.advance(by: trace.pairs.count)
          try output.record(trace, method: method, study: study, decisions: false)
        }
        outcomes.append(outcome.titled("\(name) \(variance)"))
      }
    }
    progress.finish()
    return PoolResult(study: study, outcomes: outcomes)
  }
}
