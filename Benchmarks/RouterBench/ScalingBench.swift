import Foundation
import RouterKit

/// First and second call for the same pair: medians over the reward models, and the encoder's.
struct ColdCalls: Codable, Sendable {
  let rmColdSeconds: Double
  let rmWarmSeconds: Double
  let encoderColdSeconds: Double
  let encoderWarmSeconds: Double

  enum CodingKeys: String, CodingKey {
    case rmColdSeconds = "rm_cold_seconds"
    case rmWarmSeconds = "rm_warm_seconds"
    case encoderColdSeconds = "encoder_cold_seconds"
    case encoderWarmSeconds = "encoder_warm_seconds"
  }
}

/// What it gave to encode the next batch while the reward models work on this one.
struct OverlapGain: Codable, Sendable {
  let rms: Int
  let batch: Int
  /// Medians of the wall seconds a pair, in turns.
  let sequentialSeconds: Double
  let overlappedSeconds: Double
  var gain: Double { sequentialSeconds / overlappedSeconds }

  enum CodingKeys: String, CodingKey {
    case rms, batch
    case sequentialSeconds = "sequential_seconds_per_pair"
    case overlappedSeconds = "overlapped_seconds_per_pair"
  }
}

/// The timed part of a scaling study.
struct ScalingBench {
  let study: ScalingStudy
  let coldCalls: ColdCalls
  private let pairs: [PreferencePair]

  /// Calls everything once, which warms it up, and calibrates the ensembles.
  init(_ inputs: ScalingInputs, sizes: ClosedRange<Int>, seed: UInt64) async throws {
    pairs = inputs.pairs
    let clock = ContinuousClock()
    func seconds(_ body: () async throws -> Void) async rethrows -> Double {
      let start = clock.now
      try await body()
      return (clock.now - start).seconds
    }
    let first = ScoringRequest.both(of: inputs.calibrationPairs[0])
    var times: [(cold: Double, warm: Double)] = []
    var calibration: [[ScorePair]] = []
    var bar = ProgressBar("first calls", total: inputs.models.count, unit: "models")
    for model in inputs.models {
      let cold = try await seconds { _ = try await model.scores(first) }
      let warm = try await seconds { _ = try await model.scores(first) }
      times.append((cold, warm))
      calibration.append(
        try await MeteredPool([model]).scores(of: inputs.calibrationPairs, arm: 0))
      bar.advance()
    }
    bar.finish()
    let pair = [inputs.calibrationPairs[0]]
    coldCalls = ColdCalls(
      rmColdSeconds: WallSeconds.median(times.map(\.cold)), rmWarmSeconds: WallSeconds.median(times.map(\.warm)),
      encoderColdSeconds: try await seconds { _ = try await inputs.encoder.encode(pair) },
      encoderWarmSeconds: try await seconds { _ = try await inputs.encoder.encode(pair) })
    study = ScalingStudy(models: inputs.models, encoder: inputs.encoder, calibration: calibration, seed: seed)
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

  func measure(sizes: [Int], batch: Int, folder: RunFolder) async throws -> [ScalingSample] {
    let batches = batches(of: batch)
    var bar = ProgressBar(
      "scaling, \(batch) a step", total: batches.count * sizes.count * ScalingMethod.allCases.count, unit: "steps")
    let samples = try await study.run(sizes: sizes, batches: batches) { sample, annotations in
      bar.advance()
      try folder.record(BatchEvent(sample: sample))
      for (pair, annotation) in zip(batches[sample.batch], annotations) where !annotation.failures.isEmpty {
        try folder.record(
          ReplacedEvent(
            method: sample.method, rms: sample.rms, pair: pair.id, labelledBy: annotation.arm,
            failures: annotation.failures))
      }
    }
    bar.finish()
    return samples
  }

  /// The Bayesian router over all pairs, with and without overlap, three times each in turns.
  func overlap(rms: Int, batch: Int) async throws -> OverlapGain? {
    let batches = batches(of: batch)
    guard batches.count > 1 else { return nil }
    var seconds: [[Double]] = [[], []]
    var bar = ProgressBar("overlap", total: 6, unit: "runs")
    for _ in 0..<3 {
      for (side, overlapping) in [false, true].enumerated() {
        var loop = try study.loop(.bayesian, rms: rms)
        let steps = try await loop.label(batches, overlapping: overlapping)
        seconds[side].append(steps.reduce(0) { $0 + $1.seconds.wall } / Double(pairs.count))
        bar.advance()
      }
    }
    bar.finish()
    return OverlapGain(
      rms: rms, batch: batch, sequentialSeconds: WallSeconds.median(seconds[0]),
      overlappedSeconds: WallSeconds.median(seconds[1]))
  }

  private func batches(of size: Int) -> [[PreferencePair]] {
    stride(from: 0, to: pairs.count, by: size).map { Array(pairs[$0..<min($0 + size, pairs.count)]) }
  }
}
