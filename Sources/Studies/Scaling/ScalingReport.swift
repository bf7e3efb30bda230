import Randomness
import Reporting
import RewardModels

/// The sums of one method at one size of the pool, over all batches.
public struct ScalingRow: Sendable, Codable, Equatable {
  public let method: ScalingMethod
  public let rms: Int
  /// Pairs that were labelled; the seconds, scores and tokens below are sums over them.
  public let pairs: Int
  /// Pairs that a reward model was asked about, and responses that it scored, a used pair.
  public let rmCallsPerPair: Double
  public let rmScoresPerPair: Double
  public let rmTokens: Int
  public let rmFailures: Int
  public let rmSeconds: Double
  public let encoderSeconds: Double
  public let routingSeconds: Double
  public let updateSeconds: Double
  public let wallSeconds: Double

  init(_ samples: [ScalingSample]) {
    func sum<Value: AdditiveArithmetic>(_ value: (ScalingSample) -> Value) -> Value {
      samples.reduce(.zero) { $0 + value($1) }
    }
    let count = sum(\.pairs)
    (method, rms, pairs) = (samples[0].method, samples[0].rms, count)
    rmCallsPerPair = Double(sum(\.usage.calls)) / Double(count)
    rmScoresPerPair = Double(sum(\.usage.scores)) / Double(count)
    rmTokens = sum(\.usage.tokens)
    rmFailures = sum(\.usage.failures)
    rmSeconds = sum(\.seconds.rewardModels)
    encoderSeconds = sum(\.seconds.encoder)
    routingSeconds = sum(\.seconds.routing)
    updateSeconds = sum(\.seconds.update)
    wallSeconds = sum(\.seconds.wall)
  }

  public func perPair(_ sum: Double) -> Double { sum / Double(pairs) }

  enum CodingKeys: String, CodingKey {
    case method, rms, pairs
    case rmCallsPerPair = "rm_calls_per_pair"
    case rmScoresPerPair = "rm_scores_per_pair"
    case rmTokens = "rm_tokens"
    case rmFailures = "rm_failures"
    case rmSeconds = "rm_seconds"
    case encoderSeconds = "encoder_seconds"
    case routingSeconds = "routing_seconds"
    case updateSeconds = "update_seconds"
    case wallSeconds = "wall_seconds"
  }
}

/// Wall time a pair against N, by method: wall = intercept + slope N.
public struct ScalingFit: Sendable, Codable, Equatable {
  public let method: ScalingMethod
  /// Seconds a pair and reward model.
  public let slope: Double
  public let slopeInterval: Interval
  /// Seconds a pair.
  public let intercept: Double
  public let interceptInterval: Interval
  /// The slope as a fraction of majority vote's; nil where that was not run.
  public let slopeToMajority: Double?

  public func value(at rms: Double) -> Double { intercept + slope * rms }

  enum CodingKeys: String, CodingKey {
    case method, slope, intercept
    case slopeInterval = "slope_interval"
    case interceptInterval = "intercept_interval"
    case slopeToMajority = "slope_to_majority"
  }
}

/// A scaling run in rows and fits.
public struct ScalingReport: Sendable {
  /// The rows by size, then in the order of the methods.
  public let rows: [ScalingRow]
  /// Empty where there is one size only.
  public let fits: [ScalingFit]

  public init(_ samples: [ScalingSample], using generator: inout PhiloxGenerator) {
    precondition(!samples.isEmpty, "a report needs samples")
    let sizes = Set(samples.map(\.rms)).sorted()
    let methods = ScalingMethod.allCases.filter { method in samples.contains { $0.method == method } }
    rows = sizes.flatMap { rms in
      methods.map { method in ScalingRow(samples.filter { $0.method == method && $0.rms == rms }) }
    }
    guard sizes.count > 1 else {
      fits = []
      return
    }
    var lines: [(method: ScalingMethod, fit: LineFit)] = []
    for method in methods {
      let own = samples.filter { $0.method == method }
      let repetitions = Set(own.map(\.batch)).sorted().map { batch in
        sizes.map { rms in
          own.first { $0.batch == batch && $0.rms == rms }.map { $0.seconds.wall / Double($0.pairs) } ?? 0
        }
      }
      lines.append((method, LineFit(x: sizes.map(Double.init), repetitions: repetitions, using: &generator)))
    }
    let majority = lines.first { $0.method == .majority }?.fit.slope
    fits = lines.map { method, fit in
      ScalingFit(
        method: method, slope: fit.slope, slopeInterval: fit.slopeInterval, intercept: fit.intercept,
        interceptInterval: fit.interceptInterval, slopeToMajority: majority.map { fit.slope / $0 })
    }
  }

  public func row(_ method: ScalingMethod, rms: Int) -> ScalingRow? {
    rows.first { $0.method == method && $0.rms == rms }
  }
}
