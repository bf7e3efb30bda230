import Randomness

/// A straight line through repeated measurements, with intervals.
///
/// At each x the median over the repetitions is taken, so that a repetition which the machine disturbed counts no more than
/// another; the line is that of least squares through the medians:
///
///     slope = sum (x - x̄)(y - ȳ) / sum (x - x̄)^2,   intercept = ȳ - slope x̄
///
/// Intervals are 95 % percentile bootstrap intervals over the repetitions, drawn with replacement; each repetition keeps its
/// values at all x together, since they share their work. O(resamples x repetitions x points).
public struct LineFit: Sendable, Equatable {
  public let slope: Double
  public let intercept: Double
  public let slopeInterval: Interval
  public let interceptInterval: Interval

  /// - Parameters:
  ///   - x: at least two different values.
  ///   - repetitions: `repetitions[r][i]` is the measurement at `x[i]`; at least one.
  public init(
    x: [Double], repetitions: [[Double]], resamples: Int = 2000, using generator: inout PhiloxGenerator
  ) {
    precondition(Set(x).count > 1, "a line needs two points, not \(x)")
    precondition(
      !repetitions.isEmpty && repetitions.allSatisfy { $0.count == x.count }, "each repetition has a value at each x")
    precondition(resamples > 0, "\(resamples) resamples; an interval needs some")
    let own = Self.line(x, Self.medians(repetitions, Array(repetitions.indices)))
    (slope, intercept) = own
    let drawn = (0..<resamples).map { _ in
      let rows = repetitions.indices.map { _ in generator.nextIndex(below: repetitions.count) }
      return Self.line(x, Self.medians(repetitions, rows))
    }
    slopeInterval = Interval(ofDraws: drawn.map(\.slope), level: 0.95)
    interceptInterval = Interval(ofDraws: drawn.map(\.intercept), level: 0.95)
  }

  public func value(at x: Double) -> Double { intercept + slope * x }

  private static func medians(_ repetitions: [[Double]], _ rows: [Int]) -> [Double] {
    repetitions[0].indices.map { column in
      let ascending = rows.map { repetitions[$0][column] }.sorted()
      let middle = ascending.count / 2
      return ascending.count % 2 == 1 ? ascending[middle] : (ascending[middle - 1] + ascending[middle]) / 2
    }
  }

  private static func line(_ x: [Double], _ y: [Double]) -> (slope: Double, intercept: Double) {
    let count = Double(x.count)
    let (meanX, meanY) = (x.reduce(0, +) / count, y.reduce(0, +) / count)
    let slope =
      zip(x, y).reduce(0) { $0 + ($1.0 - meanX) * ($1.1 - meanY) }
      / x.reduce(0) { $0 + ($1 - meanX) * ($1 - meanX) }
    return (slope, meanY - slope * meanX)
  }
}
