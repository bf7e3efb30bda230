import Alignment
import PreferenceData
import Randomness
import RewardModels
import Routing

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
  /// The scores of all models by which ensembles bring them to one scale.
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
    var runs: [(method: ScalingMethod, rms: Int, loop: OnlineLoop)] = []
    for rms in sizes {
      for method in methods { runs.append((method, rms, try loop(method, rms: rms))) }
    }
    var samples: [ScalingSample] = []
    for (index, pairs) in batches.enumerated() {
      for turn in runs.indices {
        let run = (turn + index) % runs.count
        let before = await runs[run].loop.annotator.pool.totalUsage
        let step = try await runs[run].loop.label(pairs, reward: Self.reward(runs[run].method))
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
  ///
  /// - Throws: `RewardModelError` for scores that cannot calibrate an ensemble.
  public func loop(_ method: ScalingMethod, rms: Int) throws -> OnlineLoop {
    let pool = ScalingMethod.Pool(
      names: models.prefix(rms).map(\.name), dimension: encoder.dimension, calibration: Array(calibration.prefix(rms)))
    return OnlineLoop(
      annotator: PreferenceAnnotator(pool: try MeteredPool(Array(models.prefix(rms)))),
      encoder: method.needsEncoder ? encoder : nil, labeling: try method.labeling(pool),
      generator: PhiloxGenerator(seed: seed, stream: method.stream, index: UInt64(rms)))
  }

  /// What a label is worth to the arm that gave it: whether it is right. Nothing where the method does not learn.
  public static func reward(
    _ method: ScalingMethod
  ) -> @Sendable (_ annotation: Annotation, _ pair: PreferencePair) -> Double? {
    { annotation, pair in method.needsEncoder ? pair.label.map { annotation.correctness(label: $0) } : nil }
  }
}
