import Foundation
import LinearAlgebra
import PreferenceData
import RewardModels
import Routing

/// What one method achieved on every pair of a replay.
public struct ReplayOutcome: Sendable {
  public let method: ReplayMethod
  public internal(set) var title: String
  /// Expected correctness of each pair's label, the mean over seeds.
  public let correctness: [Double]
  public let callsPerPair: Double
  /// The mean price of a pair's calls; nil where the study knows no prices.
  public let costPerPair: Double?
  /// nil for methods that decide nothing, or learn nothing.
  public let decisionMicroseconds: Double?
  public let updateMicroseconds: Double?
  /// One a seed; empty for methods that do not learn.
  public let traces: [ReplayTrace]

  public var accuracy: Double { correctness.reduce(0, +) / Double(max(correctness.count, 1)) }

  /// The same under another name, where one method runs with several settings.
  public func titled(_ title: String) -> ReplayOutcome {
    var outcome = self
    outcome.title = title
    return outcome
  }
}

/// Compares methods on one pool of reward models over the same pairs.
public struct ReplayStudy: Sendable {
  public let world: ReplayWorld
  public let configuration: ReplayConfiguration
  /// The priors of `.thompson`, `.epsilonGreedy` and, with their offline means, of `.thompsonPrior` and `.offlineOnly`; one an arm.
  public let priors: [GaussianPrior]
  public let offlinePriors: [GaussianPrior]?
  /// Where `.thompsonLaplace` starts from; one an arm.
  public let offlinePosteriors: [LinearGaussianPosterior]?
  /// The price of a call to each arm, where it matters.
  public let prices: [Double]?

  /// - Throws: `AlignmentError.setting`.
  public init(
    world: ReplayWorld, configuration: ReplayConfiguration, priors: [GaussianPrior], offlinePriors: [GaussianPrior]?,
    offlinePosteriors: [LinearGaussianPosterior]? = nil, prices: [Double]? = nil
  ) throws(AlignmentError) {
    try configuration.validate()
    precondition(priors.count == world.dataset.rewardModels.count, "one prior an arm")
    precondition(offlinePriors.map { $0.count == priors.count } ?? true, "one offline prior an arm")
    self.world = world
    self.configuration = configuration
    self.priors = priors
    precondition(offlinePosteriors.map { $0.count == priors.count } ?? true, "one offline posterior an arm")
    self.offlinePriors = offlinePriors
    self.offlinePosteriors = offlinePosteriors
    precondition(prices.map { $0.count == priors.count } ?? true, "one price an arm")
    self.prices = prices
  }

  private var dataset: PreferenceDataset { world.dataset }

  /// Runs one method, a learning one over all seeds.
  ///
  /// - Parameter onSeed: called after each run of a learning method, with its trace and the router as it has become.
  public func run(
    _ method: ReplayMethod, recordsPropensities: Bool = false,
    onSeed: (ReplayTrace, any Router) throws -> Void = { _, _ in }
  ) async throws -> ReplayOutcome {
    switch method {
    case .single(let arm):
      return try await annotated(method) { _ in .arm(arm) }
    case .majority:
      return try await annotated(method) { _ in .ensemble(MajorityVote()) }
    case .mean:
      let mean = StandardizedMean(try ScoreStandardization(calibration: dataset.scores))
      return try await annotated(method) { _ in .ensemble(mean) }
    case .uncertainty:
      let ensemble = UncertaintyWeightedEnsemble(try ScoreStandardization(calibration: dataset.scores))
      return try await annotated(method) { _ in .ensemble(ensemble) }
    case .bestSingle:
      let best = bestSingleArm
      return try await annotated(method) { _ in .arm(best) }
    case .domainBest:
      let best = bestArmByDomain()
      return try await annotated(method) { .arm(best[dataset.pairs[$0].domain] ?? 0) }
    case .offlineOnly:
      let choices = try offlineChoices()
      return try await annotated(method) { .arm(choices[$0]) }
    case .oracle:
      let arms = dataset.scores.indices
      return try await annotated(method) { pair in .arm(arms.first { dataset.isCorrect(arm: $0, pair: pair) } ?? 0) }
    case .random:
      let arms = dataset.scores.indices
      let expected = dataset.pairs.indices.map { pair in
        Double(arms.count { dataset.isCorrect(arm: $0, pair: pair) }) / Double(arms.count)
      }
      let share = 1 / Double(arms.count)
      return outcome(method, correctness: expected, callsOfArms: arms.map { _ in share })
    case .linUCB, .epsilonGreedy, .thompson, .thompsonPrior, .thompsonLaplace, .costAware:
      return try await learned(method, recordsPropensities: recordsPropensities, onSeed: onSeed)
    }
  }

  /// The arm with the most correct pairs; of equals the first.
  public var bestSingleArm: Int {
    bestArm(among: Array(dataset.pairs.indices))
  }

  /// The arm of the highest prior mean x . m_n of each pair; of equals the first.
  private func offlineChoices() throws(AlignmentError) -> [Int] {
    let means = try requiredOfflinePriors("offline-only").map { gemv(world.contexts, .asIs, $0.mean) }
    return dataset.pairs.indices.map { pair in
      means.indices.max { (means[$0][pair], -$0) < (means[$1][pair], -$1) } ?? 0
    }
  }

  private func requiredOfflinePriors(_ method: String) throws(AlignmentError) -> [GaussianPrior] {
    guard let offlinePriors else {
      throw .setting(name: "methods", problem: "'\(method)' needs a prior from offline data")
    }
    return offlinePriors
  }

  private func bestArm(among pairs: [Int]) -> Int {
    let counts = dataset.scores.indices.map { arm in pairs.count { dataset.isCorrect(arm: arm, pair: $0) } }
    return counts.indices.max { (counts[$0], -$0) < (counts[$1], -$1) } ?? 0
  }

  private func bestArmByDomain() -> [String?: Int] {
    Dictionary(grouping: dataset.pairs.indices) { dataset.pairs[$0].domain }.mapValues { bestArm(among: $0) }
  }

  /// A method that labels each pair by what is known before the replay begins.
  private func annotated(_ method: ReplayMethod, by source: (Int) -> LabelSource) async throws -> ReplayOutcome {
    let pool = try MeteredPool(try RecordedRewardModel.all(of: dataset))
    let annotator = PreferenceAnnotator(pool: pool)
    let annotations = try await annotator.annotate(dataset.pairs, by: dataset.pairs.indices.map(source))
    let correctness = zip(dataset.pairs, annotations).compactMap { pair, annotation in
      pair.label.map { annotation.correctness(label: $0) }
    }
    let pairs = Double(dataset.pairs.count)
    return outcome(
      method, correctness: correctness, callsOfArms: await pool.usage.map { Double($0.calls) / pairs })
  }

  private func learned(
    _ method: ReplayMethod, recordsPropensities: Bool, onSeed: (ReplayTrace, any Router) throws -> Void
  ) async throws -> ReplayOutcome {
    let stream = ReplayStream(world: world, configuration: configuration)
    var traces: [ReplayTrace] = []
    var sums = [Double](repeating: 0, count: dataset.pairs.count)
    for seed in configuration.firstSeed..<configuration.firstSeed + UInt64(configuration.seeds) {
      var router = try router(for: method)
      let trace = try await stream.run(
        &router, seed: seed, stream: method.stream, recordsPropensities: recordsPropensities)
      for (pair, value) in zip(trace.pairs, trace.correctness) { sums[pair] += value }
      try onSeed(trace, router)
      traces.append(trace)
    }
    let decisions = Double(traces.count * dataset.pairs.count)
    let updates = Double(max(traces.reduce(0) { $0 + $1.updates }, 1))
    let cost = prices.map { prices in
      traces.reduce(0) { $0 + $1.arms.reduce(0) { $0 + prices[$1] } } / decisions
    }
    return ReplayOutcome(
      method: method, title: method.title(rewardModels: dataset.rewardModels),
      correctness: sums.map { $0 / Double(traces.count) },
      callsPerPair: Double(traces.reduce(0) { $0 + $1.usage.calls }) / decisions, costPerPair: cost,
      decisionMicroseconds: traces.reduce(0) { $0 + $1.decisionSeconds } / decisions * 1e6,
      updateMicroseconds: traces.reduce(0) { $0 + $1.updateSeconds } / updates * 1e6, traces: traces)
  }

  private func router(for method: ReplayMethod) throws -> any Router {
    let names = dataset.rewardModels.map(\.name)
    switch method {
    case .linUCB:
      return LinUCBRouter(armCount: names.count, dimension: priors[0].dimension, alpha: configuration.alpha)
    case .epsilonGreedy:
      return EpsilonGreedyRouter(
        priors: priors, noiseVariance: configuration.router.noiseVariance, epsilon: configuration.epsilon)
    case .thompsonPrior:
      return ThompsonSamplingRouter(
        armNames: names, priors: try requiredOfflinePriors("thompson-prior"), configuration: configuration.router)
    case .thompsonLaplace:
      guard let offlinePosteriors else {
        throw AlignmentError.setting(name: "methods", problem: "'thompson-laplace' needs a prior from offline data")
      }
      return ThompsonSamplingRouter(
        armNames: names, posteriors: offlinePosteriors, configuration: configuration.router)
    case .costAware(let policy):
      guard let prices else {
        throw AlignmentError.setting(name: "prices", problem: "routing by cost needs the price of each reward model")
      }
      return try CostAwareRouter(thompson, prices: prices, policy: policy)
    default: return thompson
    }
  }

  private var thompson: ThompsonSamplingRouter {
    ThompsonSamplingRouter(
      armNames: dataset.rewardModels.map(\.name), priors: priors, configuration: configuration.router)
  }

  /// - Parameter callsOfArms: calls a pair, one element an arm.
  private func outcome(_ method: ReplayMethod, correctness: [Double], callsOfArms: [Double]) -> ReplayOutcome {
    ReplayOutcome(
      method: method, title: method.title(rewardModels: dataset.rewardModels), correctness: correctness,
      callsPerPair: callsOfArms.reduce(0, +),
      costPerPair: prices.map { zip($0, callsOfArms).reduce(0) { $0 + $1.0 * $1.1 } }, decisionMicroseconds: nil,
      updateMicroseconds: nil, traces: [])
  }
}
