import LinearAlgebra
import Randomness

/// An interval of plausible values.
public struct Interval: Sendable, Equatable, Codable {
  public let low: Double
  public let high: Double

  public init(low: Double, high: Double) {
    self.low = low
    self.high = high
  }

  /// The (1 - level)/2 and (1 + level)/2 quantiles of bootstrap draws, interpolated between order statistics.
  init(ofDraws values: [Double], level: Double) {
    precondition(level > 0 && level < 1, "a level of \(level) is not between 0 and 1")
    precondition(!values.isEmpty, "no draw, no interval")
    let ascending = values.sorted()
    self.init(
      low: quantile((1 - level) / 2, ofAscending: ascending), high: quantile((1 + level) / 2, ofAscending: ascending))
  }
}

/// Percentile bootstrap intervals of the mean of several methods over the same pairs, and of differences between methods.
///
/// Groups of pairs (those of one group, or of one prompt) are drawn with replacement, as many as there are, and each
/// method's mean is taken over the pairs so drawn: pairs of one group are not independent, and methods are compared on
/// equal draws. An interval covers what another sample of groups would have given; it says nothing about other reward
/// models or domains.
///
///     mean*_m = sum_g c_g S_gm / sum_g c_g n_g,   c ~ Multinomial(G; 1/G, …, 1/G)
///
/// with S_gm the sum of method m over the pairs of group g and n_g their number. The interval of level 1 - alpha goes from the
/// alpha/2 quantile of the resamples' means to the 1 - alpha/2 quantile, and likewise for differences of two methods' means.
///
/// There are 10,000 resamples up to 2,000 groups; above, as many as keep resamples x groups within 20 million, but at least 1,000,
/// which know the ends of a 95 % interval to about a tenth of its half width. `resamples` tells how many there were.
///
/// - Complexity: O(resamples x G x methods x subsets) time, O((G + resamples) x methods x subsets) memory.
///
/// Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 (groups of dependent observations) and 13
/// (percentile intervals).
public struct PairedBootstrap: Sendable {
  public let resamples: Int
  private let methods: Int
  /// Means over the pairs as they are, by subset and method.
  private let means: [Double?]
  /// `drawn[subset * methods + method]` has one mean a resample; a resample without any pair of the subset is left out.
  private let drawn: [[Double]]

  /// - Parameters:
  ///   - values: `values[method][pair]`, e.g. correctness in [0, 1].
  ///   - subsets: `subsets[s][pair]` tells whether the pair counts in subset s.
  ///   - groups: the group of each pair, any number per group; `0..<pairs` where pairs are independent.
  ///   - wish: how many resamples, if the groups are few enough.
  public init(
    values: [[Double]], subsets: [[Bool]], groups: [Int], resamples wish: Int = 10_000,
    using generator: inout PhiloxGenerator
  ) {
    let pairs = groups.count
    precondition(wish > 0, "\(wish) resamples; an interval needs some")
    precondition(values.allSatisfy { $0.count == pairs }, "each method has a value for each of \(pairs) pairs")
    precondition(subsets.allSatisfy { $0.count == pairs }, "each subset has a flag for each of \(pairs) pairs")
    methods = values.count
    // One row a group: for each subset the sums of all methods, then the number of pairs.
    var rowOfGroup: [Int: Int] = [:]
    for group in groups where rowOfGroup[group] == nil { rowOfGroup[group] = rowOfGroup.count }
    let groupCount = rowOfGroup.count
    let width = subsets.count * (methods + 1)
    var sums = GroupSums(groups: groupCount, width: width)
    for pair in 0..<pairs {
      guard let row = rowOfGroup[groups[pair]] else { continue }
      for (s, subset) in subsets.enumerated() where subset[pair] {
        let begin = s * (methods + 1)
        for m in values.indices { sums.add(values[m][pair], group: row, column: begin + m) }
        sums.add(1, group: row, column: begin + methods)
      }
    }
    let affordable = max(1000, 20_000_000 / max(groupCount, 1))
    resamples = groupCount == 0 ? 0 : min(wish, affordable)

    let once = sums.totals(counts: [[Int32](repeating: 1, count: groupCount)])
    means = Self.ratios(once[0], subsets: subsets.count, methods: methods)
    var drawn = [[Double]](repeating: [], count: subsets.count * methods)
    for list in drawn.indices { drawn[list].reserveCapacity(resamples) }
    for begin in stride(from: 0, to: resamples, by: Self.blockSize) {
      let counts = (begin..<min(begin + Self.blockSize, resamples)).map { _ in
        Self.multinomial(groupCount, using: &generator)
      }
      for total in sums.totals(counts: counts) {
        for (list, ratio) in Self.ratios(total, subsets: subsets.count, methods: methods).enumerated() {
          if let ratio { drawn[list].append(ratio) }
        }
      }
    }
    self.drawn = drawn
  }

  /// The mean of a method over a subset; nil for an empty one.
  public func mean(method: Int, subset: Int) -> Double? {
    means[subset * methods + method]
  }

  /// The interval of a method's mean over a subset; nil for an empty one.
  public func interval(method: Int, subset: Int, level: Double = 0.95) -> Interval? {
    Self.percentiles(drawn[subset * methods + method], level: level)
  }

  /// The difference of two methods' means over a subset, and its interval.
  public func difference(
    method: Int, minus reference: Int, subset: Int, level: Double = 0.95
  ) -> (mean: Double, interval: Interval)? {
    let base = subset * methods
    guard let one = means[base + method], let other = means[base + reference],
      let interval = Self.percentiles(zip(drawn[base + method], drawn[base + reference]).map { $0 - $1 }, level: level)
    else { return nil }
    return (one - other, interval)
  }

  /// How many resamples share one pass over the groups, which is what keeps many groups from being read at random.
  private static let blockSize = 16

  /// How often each of `count` groups is among `count` draws.
  private static func multinomial(_ count: Int, using generator: inout PhiloxGenerator) -> [Int32] {
    var counts = [Int32](repeating: 0, count: count)
    for _ in 0..<count { counts[generator.nextIndex(below: count)] += 1 }
    return counts
  }

  /// `ratios[subset * methods + method]`; nil for a subset without pairs.
  private static func ratios(_ total: [Double], subsets: Int, methods: Int) -> [Double?] {
    (0..<subsets).flatMap { s -> [Double?] in
      let begin = s * (methods + 1)
      let count = total[begin + methods]
      return (0..<methods).map { count > 0 ? total[begin + $0] / count : nil }
    }
  }

  private static func percentiles(_ values: [Double], level: Double) -> Interval? {
    values.isEmpty ? nil : Interval(ofDraws: values, level: level)
  }
}

/// A row of sums for each group, in vectors of eight: the loop over them is all that a bootstrap of many pairs spends time on.
private struct GroupSums {
  private let groups: Int
  private let width: Int
  /// Vectors a row.
  private let vectors: Int
  private var rows: [SIMD8<Double>]

  init(groups: Int, width: Int) {
    self.groups = groups
    self.width = width
    vectors = (width + 7) / 8
    rows = [SIMD8<Double>](repeating: .zero, count: groups * vectors)
  }

  mutating func add(_ value: Double, group: Int, column: Int) {
    rows[group * vectors + column / 8][column % 8] += value
  }

  /// Element r is the sum over groups of `counts[r][group]` times the group's row.
  ///
  /// Each column is summed in the same order, so equal methods have equal totals to the last bit; a gemm does not promise that.
  func totals(counts: [[Int32]]) -> [[Double]] {
    var totals = [SIMD8<Double>](repeating: .zero, count: counts.count * vectors)
    for group in 0..<groups {
      for resample in counts.indices where counts[resample][group] > 0 {
        let count = Double(counts[resample][group])
        for vector in 0..<vectors {
          totals[resample * vectors + vector] += count * rows[group * vectors + vector]
        }
      }
    }
    return counts.indices.map { resample in
      (0..<width).map { totals[resample * vectors + $0 / 8][$0 % 8] }
    }
  }
}
