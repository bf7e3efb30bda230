import PreferenceData
import Randomness
import RewardModels
import Routing

/// The ways to label a pair whose cost the scaling study compares.
public enum ScalingMethod: String, Sendable, Codable, CaseIterable {
  /// The paper's router: encoder, Thompson sampling, one reward model, posterior update.
  case bayesian = "bayesian-router"
  /// LinUCB as in LASER: encoder, upper confidence bounds, one reward model, update.
  case linUCB = "linucb"
  /// All reward models, one vote each.
  case majority
  /// All reward models, mean minus variance of standardised scores.
  case uncertainty
  /// A uniformly random reward model; no encoder.
  case random
  /// Always the same reward model; no encoder.
  case single

  public var needsEncoder: Bool { self == .bayesian || self == .linUCB }
}

/// What labelling one batch of pairs by one method took.
public struct ScalingSample: Sendable, Codable, Equatable {
  public let method: ScalingMethod
  /// Reward models of the pool.
  public let rms: Int
  /// Counts the batches from 0; equal for equal pairs.
  public let batch: Int
  public let pairs: Int
  public let usage: Usage
  /// Pairs whose first reward model failed.
  public let replacedPairs: Int
  public let seconds: StageSeconds
}

/// Runs the same pairs through every method at every size of the pool, with reward models that really compute.
///
/// Batches are the outer loop, sizes and methods the inner one in an order that is turned at each batch: what disturbs the
/// machine meets all of them alike. Each (method, size) has a router and a pool of its own from the first batch to the last, so
/// no score of one method is another's for nothing.
public struct ScalingStudy: Sendable {
  public let models: [any RewardModel]
  public let encoder: ContextEncoder
  /// By which ensembles bring scores to one scale; of all models.
  public let calibration: [[ScorePair]]
  public let seed: UInt64
  public static let noiseVariance = 0.25
  public static let priorVariance = 0.25

  public init(models: [any RewardModel], encoder: ContextEncoder, calibration: [[ScorePair]], seed: UInt64) {
    precondition(models.count == calibration.count, "\(calibration.count) calibrations for \(models.count) models")
    self.models = models
    self.encoder = encoder
    self.calibration = calibration
    self.seed = seed
  }

  /// - Parameters:
  ///   - sizes: N, each at most the number of models; a pool of N is the first N of them.
  ///   - batches: the pairs, none of which may share a text with another, or its score would be known already.
  ///   - onSample: called after each batch of each method and size.
  /// - Returns: batch by batch.
  /// - Throws: what a method's step throws.
  public func run(
    sizes: [Int], batches: [[PreferencePair]], methods: [ScalingMethod] = ScalingMethod.allCases,
    onSample: (ScalingSample, [Annotation]) throws -> Void
  ) async throws -> [ScalingSample] {
    var runs: [(method: ScalingMethod, rms: Int, loop: LabelingLoop)] = []
    for rms in sizes {
      for method in methods { runs.append((method, rms, try loop(method, rms: rms))) }
    }
    var samples: [ScalingSample] = []
    for (index, pairs) in batches.enumerated() {
      for turn in runs.indices {
        let run = (turn + index) % runs.count
        let before = await runs[run].loop.annotator.pool.totalUsage
        let step = try await runs[run].loop.label(pairs)
        let sample = ScalingSample(
          method: runs[run].method, rms: runs[run].rms, batch: index, pairs: pairs.count,
          usage: await runs[run].loop.annotator.pool.totalUsage - before,
          replacedPairs: step.annotations.count { !$0.failures.isEmpty }, seconds: step.seconds)
        try onSample(sample, step.annotations)
        samples.append(sample)
      }
    }
    return samples
  }

  /// A fresh loop of one method over the first `rms` models.
  public func loop(_ method: ScalingMethod, rms: Int) throws -> LabelingLoop {
    let scale = try ScoreStandardization(calibration: Array(calibration.prefix(rms)))
    let priors = [GaussianPrior](
      repeating: GaussianPrior(dimension: encoder.dimension, variance: Self.priorVariance), count: rms)
    let labeling: Labeling =
      switch method {
      case .bayesian:
        .routed(
          ThompsonSamplingRouter(
            armNames: models.prefix(rms).map(\.name), priors: priors,
            configuration: .init(noiseVariance: Self.noiseVariance))
        )
      case .linUCB: .routed(LinUCBRouter(armCount: rms, dimension: encoder.dimension))
      case .majority: .ensemble(MajorityVote())
      case .uncertainty: .ensemble(UncertaintyWeightedEnsemble(scale))
      case .random: .routed(UniformRouter(armCount: rms))
      case .single: .routed(FixedRouter(arm: 0, armCount: rms))
      }
    return LabelingLoop(
      annotator: PreferenceAnnotator(pool: try MeteredPool(Array(models.prefix(rms)))),
      encoder: method.needsEncoder ? encoder : nil, labeling: labeling,
      generator: PhiloxGenerator(seed: seed, stream: "scaling-\(method.rawValue)", index: UInt64(rms))
    ) { annotation, pair in
      method.needsEncoder ? pair.label.map { annotation.correctness(label: $0) } : nil
    }
  }
}
