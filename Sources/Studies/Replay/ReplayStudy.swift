import Alignment
import Foundation
import LinearAlgebra
import PreferenceData
import RewardModels
import Routing

/// What one method achieved on every pair of a replay.
public struct ReplayOutcome: Sendable {
  public let method: ReplayMethod
  /// The row's name; the method's unless one method runs with several settings.
  public let title: String
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
    ReplayOutcome(
      method: method, title: title, correctness: correctness, callsPerPair: callsPerPair, costPerPair: costPerPair,
      decisionMicroseconds: decisionMicroseconds, updateMicroseconds: updateMicroseconds, traces: traces)
  }
}

/// Compares methods on one pool of reward models over the same pairs.
public struct ReplayStudy: Sendable {
  public let world: ReplayWorld
  public let configuration: ReplayConfiguration
  /// Who is right on each pair; a tie counts what the configuration says.
  public let correctness: CorrectnessTable
  /// Where routers without offline data start from; one an arm.
  public let priors: [GaussianPrior]
  /// Prior means from offline data; one an arm.
  public let offlinePriors: [GaussianPrior]?
  /// Whole posteriors from offline data; one an arm.
  public let offlinePosteriors: [LinearGaussianPosterior]?
  /// The price of a call to each arm, where it matters.
  public let prices: [Double]?

  /// - Throws: `StudyError.setting`, `StudyError.batchNormalizerOfOne`.
  public init(
    world: ReplayWorld, configuration: ReplayConfiguration, priors: [GaussianPrior],
    offlinePriors: [GaussianPrior]? = nil, offlinePosteriors: [LinearGaussianPosterior]? = nil,
    prices: [Double]? = nil
  ) throws(StudyError) {
    try configuration.validate()
    precondition(priors.count == world.dataset.rewardModels.count, "one prior an arm")
    precondition(offlinePriors.map { $0.count == priors.count } ?? true, "one offline prior an arm")
    precondition(offlinePosteriors.map { $0.count == priors.count } ?? true, "one offline posterior an arm")
    precondition(prices.map { $0.count == priors.count } ?? true, "one price an arm")
    self.world = world
    self.configuration = configuration
    correctness = CorrectnessTable(world.dataset, ties: configuration.ties)
    self.priors = priors
    self.offlinePriors = offlinePriors
    self.offlinePosteriors = offlinePosteriors
    self.prices = prices
  }

  public var dataset: PreferenceDataset { world.dataset }
  var armNames: [String] { dataset.rewardModels.map(\.name) }

  /// What its methods may need, as far as it is at hand.
  public var available: ReplayMethod.Needs {
    var available: ReplayMethod.Needs = []
    if offlinePriors != nil { available.insert(.priorMeans) }
    if offlinePosteriors != nil { available.insert(.posteriors) }
    if prices != nil { available.insert(.prices) }
    return available
  }

  /// Runs methods one after another, by default all that can be run on what is at hand.
  ///
  /// - Throws: as `run(_:)` of one method.
  public func run(_ methods: [ReplayMethod]? = nil) async throws -> [ReplayOutcome] {
    var outcomes: [ReplayOutcome] = []
    for method in methods ?? ReplayMethod.all(of: dataset.rewardModels, having: available) {
      outcomes.append(try await run(method))
    }
    return outcomes
  }

  /// Runs one method, a learning one over all seeds.
  ///
  /// - Parameters:
  ///   - recordsPropensities: also computes the probability of each decision.
  ///   - onSeed: called after each run of a learning method, with its trace and the router as it has become.
  /// - Throws: `StudyError.missingPrior`, `StudyError.missingPrices`; what a router or a reward model throws.
  public func run(
    _ method: ReplayMethod, recordsPropensities: Bool = false,
    onSeed: (ReplayTrace, any Router) throws -> Void = { _, _ in }
  ) async throws -> ReplayOutcome {
    switch method.work {
    case .fixed(let makeSource): return try await annotated(method, by: try makeSource(self))
    case .expectedRandom:
      let share = 1 / Double(correctness.armCount)
      return outcome(
        method, correctness: correctness.ofRandomArm, callsOfArms: correctness.arms.map { _ in share })
    case .learning(let makeRouter):
      return try await learned(
        method, makeRouter, recordsPropensities: recordsPropensities, onSeed: onSeed)
    }
  }

  /// A method that labels each pair by what is known before the replay begins.
  private func annotated(_ method: ReplayMethod, by source: (Int) -> LabelSource) async throws -> ReplayOutcome {
    let pool = try MeteredPool(try RecordedRewardModel.all(of: dataset))
    let annotator = PreferenceAnnotator(pool: pool)
    let annotations = try await annotator.annotate(dataset.pairs, by: dataset.pairs.indices.map(source))
    let values = zip(dataset.pairs, annotations).compactMap { pair, annotation in
      pair.label.map { annotation.correctness(label: $0, ties: configuration.ties) }
    }
    let pairs = Double(dataset.pairs.count)
    return outcome(method, correctness: values, callsOfArms: await pool.usage.map { Double($0.calls) / pairs })
  }

  private func learned(
    _ method: ReplayMethod, _ makeRouter: (ReplayStudy) throws -> any Router, recordsPropensities: Bool,
    onSeed: (ReplayTrace, any Router) throws -> Void
  ) async throws -> ReplayOutcome {
    let stream = ReplayStream(world: world, configuration: configuration)
    var traces: [ReplayTrace] = []
    var sums = [Double](repeating: 0, count: dataset.pairs.count)
    for seed in configuration.firstSeed..<configuration.firstSeed + UInt64(configuration.seeds) {
      let (trace, router) = try await stream.run(
        try makeRouter(self), seed: seed, stream: method.stream, recordsPropensities: recordsPropensities)
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
      method: method, title: method.name, correctness: sums.map { $0 / Double(traces.count) },
      callsPerPair: Double(traces.reduce(0) { $0 + $1.usage.calls }) / decisions, costPerPair: cost,
      decisionMicroseconds: traces.reduce(0) { $0 + $1.decisionSeconds } / decisions * 1e6,
      updateMicroseconds: traces.reduce(0) { $0 + $1.updateSeconds } / updates * 1e6, traces: traces)
  }

  /// - Parameter callsOfArms: calls a pair, one element an arm.
  private func outcome(_ method: ReplayMethod, correctness: [Double], callsOfArms: [Double]) -> ReplayOutcome {
    ReplayOutcome(
      method: method, title: method.name, correctness: correctness, callsPerPair: callsOfArms.reduce(0, +),
      costPerPair: prices.map { zip($0, callsOfArms).reduce(0) { $0 + $1.0 * $1.1 } }, decisionMicroseconds: nil,
      updateMicroseconds: nil, traces: [])
  }
}

// MARK: What methods are made of

extension ReplayStudy {
  func thompson(from priors: [GaussianPrior]) -> ThompsonSamplingRouter {
    ThompsonSamplingRouter(armNames: armNames, priors: priors, configuration: configuration.router)
  }

  /// The arm of the highest prior mean x . m_n of each pair; of equals the first.
  func offlineChoices() throws(StudyError) -> [Int] {
    let means = try requiredOfflinePriors("offline-only").map { gemv(world.contexts, .asIs, $0.mean) }
    return dataset.pairs.indices.map { pair in
      means.indices.max { (means[$0][pair], -$0) < (means[$1][pair], -$1) } ?? 0
    }
  }

  func requiredOfflinePriors(_ method: String) throws(StudyError) -> [GaussianPrior] {
    guard let offlinePriors else { throw .missingPrior(method: method) }
    return offlinePriors
  }
}
