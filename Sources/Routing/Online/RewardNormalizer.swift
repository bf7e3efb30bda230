import Foundation
import LinearAlgebra

/// Turns raw rewards (minus the pair's DPO loss) into the rewards that posteriors learn from.
public struct RewardNormalizer: Sendable, Codable, Equatable {
  public enum Method: String, Sendable, Codable, CaseIterable {
    /// The rewards as they are.
    case none
    /// (r - mean) / sd over the step's pairs, all arms together: the paper's.
    case batch
    /// (r - q20) / (q80 - q20) clipped to [0, 1], quantiles of the history of all arms: LASER's (Nguyen et al., arXiv 2410.01735).
    case quantile
    /// (r - mean_n) / sd_n with the exponential moving moments of the arm itself: the published code's. It erases the very
    /// differences between arms that a router is to learn, and is here for comparison only.
    case armEMA = "arm-ema"
  }

  /// Exponentially weighted mean and variance of one arm.
  struct MovingMoments: Sendable, Codable, Equatable {
    var mean: Double
    var variance: Double
  }

  public let method: Method
  /// Rewards that `quantile` remembers; the oldest is forgotten first.
  public let historyLimit: Int
  /// Weight of a new reward in the moments of `armEMA`.
  public let movingWeight: Double
  /// The last rewards, oldest first, and the same ascending.
  private var history: [Double] = []
  private var ascending: [Double] = []
  private var moments: [Int: MovingMoments] = [:]

  public init(_ method: Method, historyLimit: Int = 4096, movingWeight: Double = 0.1) {
    precondition(historyLimit > 0 && movingWeight > 0 && movingWeight <= 1, "a normaliser needs a history and a weight")
    self.method = method
    self.historyLimit = historyLimit
    self.movingWeight = movingWeight
  }

  /// The normalised rewards of one step's pairs, `arms[i]` having earned `rewards[i]`; the state then includes them.
  ///
  /// A spread of zero leaves nothing to compare: `batch` and `armEMA` then give 0, `quantile` gives 1/2.
  public mutating func normalize(_ rewards: [Double], arms: [Int]) -> [Double] {
    precondition(rewards.count == arms.count, "\(rewards.count) rewards of \(arms.count) arms")
    switch method {
    case .none: return rewards
    case .batch: return Self.standardized(rewards)
    case .quantile: return rewards.map { quantileScaled($0) }
    case .armEMA: return zip(rewards, arms).map { movingStandardized($0, arm: $1) }
    }
  }

  private static func standardized(_ rewards: [Double]) -> [Double] {
    guard !rewards.isEmpty else { return [] }
    let mean = rewards.reduce(0, +) / Double(rewards.count)
    let variance = rewards.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rewards.count)
    return rewards.map { variance > 0 ? ($0 - mean) / variance.squareRoot() : 0 }
  }

  private mutating func quantileScaled(_ reward: Double) -> Double {
    if history.count == historyLimit {
      ascending.remove(at: insertionIndex(of: history.removeFirst()))
    }
    history.append(reward)
    ascending.insert(reward, at: insertionIndex(of: reward))
    let (low, high) = (quantile(0.2, ofAscending: ascending), quantile(0.8, ofAscending: ascending))
    return high > low ? min(1, max(0, (reward - low) / (high - low))) : 0.5
  }

  /// The first index of `ascending` whose value is not below `value`.
  private func insertionIndex(of value: Double) -> Int {
    var (low, high) = (0, ascending.count)
    while low < high {
      let middle = (low + high) / 2
      if ascending[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private mutating func movingStandardized(_ reward: Double, arm: Int) -> Double {
    guard let old = moments[arm] else {
      moments[arm] = MovingMoments(mean: reward, variance: 0)
      return 0
    }
    let deviation = reward - old.mean
    let new = MovingMoments(
      mean: old.mean + movingWeight * deviation,
      variance: (1 - movingWeight) * (old.variance + movingWeight * deviation * deviation))
    moments[arm] = new
    return new.variance > 0 ? (reward - new.mean) / new.variance.squareRoot() : 0
  }
}
