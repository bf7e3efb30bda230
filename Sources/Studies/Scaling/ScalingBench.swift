import Foundation
import Alignment
import PreferenceData
import Reporting
import RewardModels

/// First and second call for the same pair: medians over the reward models, and the encoder's.
public struct ColdCalls: Codable, Sendable {
  public let rmColdSeconds: Double
  public let rmWarmSeconds: Double
  public let encoderColdSeconds: Double
  public let encoderWarmSeconds: Double

  enum CodingKeys: String, CodingKey {
    case rmColdSeconds = "rm_cold_seconds"
    case rmWarmSeconds = "rm_warm_seconds"
    case encoderColdSeconds = "encoder_cold_seconds"
    case encoderWarmSeconds = "encoder_warm_seconds"
  }
}

/// What it gave to encode the next batch while the reward models work on this one.
public struct OverlapGain: Codable, Sendable {
  public let rms: Int
  public let batch: Int
  /// Medians of the wall seconds a pair, in turns.
  public let sequentialSeconds: Double
  public let overlappedSeconds: Double
  public var gain: Double { sequentialSeconds / overlappedSeconds }

  enum CodingKeys: String, CodingKey {
    case rms, batch
    case sequentialSeconds = "sequential_seconds_per_pair"
    case overlappedSeconds = "overlapped_seconds_per_pair"
  }
}

/// The timed part of a scaling study.
public struct ScalingBench {
  public let study: ScalingStudy
  public let coldCalls: ColdCalls
  private let pairs: [PreferencePair]

  /// Calls everything once, which warms it up, and calibrates the ensembles.
  ///
  /// - Throws: what a model or the encoder throws.
  public init(_ inputs: ScalingSetup, onProgress: (WorkProgress) -> Void = { _ in }) async throws {
    pairs = inputs.pairs
    let clock = ContinuousClock()
    func seconds(_ body: () async throws -> Void) async rethrows -> Double {
      let start = clock.now
      try await body()
      return (clock.now - start) / .seconds(1)
    }
    let first = ScoringRequest.both(of: inputs.calibrationPairs[0])
    var times: [(cold: Double, warm: Double)] = []
    var calibration: [[ScorePair]] = []
    for (index, model) in inputs.models.enumerated() {
      let cold = try await seconds { _ = try await model.scores(first) }
      let warm = try await seconds { _ = try await model.scores(first) }
      times.append((cold, warm))
      calibration.append(
        try await MeteredPool([model]).scores(of: inputs.calibrationPairs, arm: 0))
      onProgress(WorkProgress("first calls", done: index + 1, of: inputs.models.count, unit: "models"))
    }
    let pair = [inputs.calibrationPairs[0]]
    coldCalls = ColdCalls(
      rmColdSeconds: times.map(\.cold).upperMedian, rmWarmSeconds: times.map(\.warm).upperMedian,
      encoderColdSeconds: try await seconds { _ = try await inputs.encoder.encode(pair) },
      encoderWarmSeconds: try await seconds { _ = try await inputs.encoder.encode(pair) })
    study = ScalingStudy(
      models: inputs.models, encoder: inputs.encoder, calibration: calibration,
      seed: inputs.configuration.seed)
  }

  private struct BatchEvent: Encodable {
    let event = "batch"
    let sample: ScalingSample
  }

  private struct ReplacedEvent: Encodable {
    let event = "replaced"
    let method: ScalingMethod
    let rms: Int
    let pair: String
    let labelledBy: Int?
    let failures: [ArmFailure]
  }

  /// All methods at each size, the pairs in batches.
  ///
  /// - Parameter record: given each batch as an event, and each pair whose first reward model failed.
  /// - Throws: what a method's step or `record` throws.
  public func measure(
    sizes: [Int], batch: Int, onProgress: (WorkProgress) -> Void = { _ in },
    record: (any Encodable) throws -> Void = { _ in }
  ) async throws -> [ScalingSample] {
    let batches = batches(of: batch)
    let total = batches.count * sizes.count * ScalingMethod.allCases.count
    var done = 0
    return try await study.run(sizes: sizes, batches: batches) { sample, annotations in
      done += 1
      onProgress(WorkProgress("scaling, \(batch) a step", done: done, of: total, unit: "steps"))
      try record(BatchEvent(sample: sample))
      for (pair, annotation) in zip(batches[sample.batch], annotations) where !annotation.failures.isEmpty {
        try record(
          ReplacedEvent(
            method: sample.method, rms: sample.rms, pair: pair.id, labelledBy: annotation.arm,
            failures: annotation.failures))
      }
    }
  }

  /// The Bayesian router over all pairs, with and without overlap, three times each in turns.
  ///
  /// - Throws: what a step throws.
  public func overlap(
    rms: Int, batch: Int, onProgress: (WorkProgress) -> Void = { _ in }
  ) async throws -> OverlapGain? {
    let batches = batches(of: batch)
    guard batches.count > 1 else { return nil }
    var seconds: [[Double]] = [[], []]
    for turn in 0..<3 {
      for (side, overlapping) in [false, true].enumerated() {
        var loop = try study.loop(.bayesian, rms: rms)
        let steps = try await loop.label(
          batches, overlapping: overlapping, reward: ScalingStudy.reward(.bayesian))
        seconds[side].append(steps.reduce(0) { $0 + $1.seconds.wall } / Double(pairs.count))
        onProgress(WorkProgress("overlap", done: 2 * turn + side + 1, of: 6, unit: "runs"))
      }
    }
    return OverlapGain(
      rms: rms, batch: batch, sequentialSeconds: seconds[0].upperMedian,
      overlappedSeconds: seconds[1].upperMedian)
  }

  private func batches(of size: Int) -> [[PreferencePair]] {
    stride(from: 0, to: pairs.count, by: size).map { Array(pairs[$0..<min($0 + size, pairs.count)]) }
  }
}
