import Foundation
import Randomness
import Studies
import Testing

@Suite struct PairedBootstrapTests {
  private func everything(_ count: Int) -> [[Bool]] { [[Bool](repeating: true, count: count)] }

  @Test func equalMethodsDifferByNothing() {
    var generator = PhiloxGenerator(seed: 1, stream: "test-equal")
    let values = (0..<50).map { _ in generator.nextUniform() }
    let bootstrap = PairedBootstrap(
      values: [values, values], subsets: everything(50), groups: Array(0..<50), using: &generator)
    let difference = bootstrap.difference(method: 1, minus: 0, subset: 0)
    #expect(difference?.mean == 0 && difference?.interval == Interval(low: 0, high: 0))
    #expect(bootstrap.resamples == 10_000)
  }

  @Test func constantsHaveNoWidthAndEmptySubsetsNoMean() {
    var generator = PhiloxGenerator(seed: 2, stream: "test-constant")
    let bootstrap = PairedBootstrap(
      values: [[1, 1, 1]], subsets: [[true, true, true], [false, false, false]], groups: [0, 1, 2], using: &generator)
    #expect(bootstrap.interval(method: 0, subset: 0) == Interval(low: 1, high: 1))
    #expect(bootstrap.mean(method: 0, subset: 1) == nil && bootstrap.interval(method: 0, subset: 1) == nil)
    #expect(bootstrap.difference(method: 0, minus: 0, subset: 1) == nil)
  }

  /// At n = 2000 the interval is that of the normal law, mean ± 1.96 sd / sqrt(n), within 5 % of its width: 10,000 resamples know
  /// a quantile to about 2 %.
  @Test func largeSamplesHaveTheNormalInterval() throws {
    var generator = PhiloxGenerator(seed: 3, stream: "test-normal")
    let values = (0..<2000).map { _ in generator.nextUniform() < 0.6 ? 1.0 : 0 }
    let bootstrap = PairedBootstrap(
      values: [values], subsets: everything(2000), groups: Array(0..<2000), using: &generator)
    let mean = try #require(bootstrap.mean(method: 0, subset: 0))
    let half = 1.959964 * (mean * (1 - mean) / 2000).squareRoot()
    let interval = try #require(bootstrap.interval(method: 0, subset: 0))
    #expect(abs(interval.low - (mean - half)) < 0.1 * half && abs(interval.high - (mean + half)) < 0.1 * half)
  }

  /// 400 samples of 120 Bernoulli pairs. `Binomial` gives the chance of the ideal percentile interval to cover the truth; 2000
  /// resamples know a tail of 0.025 to within 0.007 (two standard errors), and 400 samples a coverage to 3 standard errors.
  @Test func intervalsCoverTheTruth() throws {
    var generator = PhiloxGenerator(seed: 4, stream: "test-coverage")
    let (count, truth, samples) = (120, 0.65, 400)
    var covered = 0
    for _ in 0..<samples {
      let values = (0..<count).map { _ in generator.nextUniform() < truth ? 1.0 : 0 }
      let bootstrap = PairedBootstrap(
        values: [values], subsets: everything(count), groups: Array(0..<count), resamples: 2000, using: &generator)
      let interval = try #require(bootstrap.interval(method: 0, subset: 0))
      if interval.low <= truth && truth <= interval.high { covered += 1 }
    }
    let least = Binomial.coverage(count: count, truth: truth, tail: 0.032)
    let most = Binomial.coverage(count: count, truth: truth, tail: 0.018)
    #expect(least > 0.91 && most < 0.98)
    func error(_ coverage: Double) -> Double { 3 * (coverage * (1 - coverage) / Double(samples)).squareRoot() }
    let found = Double(covered) / Double(samples)
    #expect((least - error(least)...most + error(most)).contains(found), "\(found) in \(least)...\(most)")
  }

  /// The resampled sum of k ones and n - k zeros is exactly Binomial(n, k/n).
  @Test(arguments: [1, 13, 26, 39])
  func bernoulliIntervalsAreBinomialQuantiles(ones: Int) throws {
    var generator = PhiloxGenerator(seed: 7, stream: "test-binomial", index: UInt64(ones))
    let count = 40
    let values = (0..<count).map { $0 < ones ? 1.0 : 0 }
    let bootstrap = PairedBootstrap(
      values: [values], subsets: everything(count), groups: Array(0..<count), using: &generator)
    let interval = try #require(bootstrap.interval(method: 0, subset: 0))
    let law = Binomial(count: count, probability: Double(ones) / Double(count))
    let error = 4 * (0.025 * 0.975 / 10_000).squareRoot()
    for (end, tail) in [(interval.low, 0.025), (interval.high, 0.975)] {
      let value = Int((end * Double(count)).rounded())
      #expect(abs(end * Double(count) - Double(value)) < 1e-9)
      #expect(law.cumulative(value - 1) < tail + error && law.cumulative(value) > tail - error, "\(end)")
    }
  }

  /// Two methods that differ on one pair in twenty: the interval of their difference is that of the differences, which is
  /// several times narrower than that of either method.
  @Test func differencesArePaired() throws {
    var generator = PhiloxGenerator(seed: 8, stream: "test-paired")
    let count = 2000
    let one = (0..<count).map { _ in generator.nextUniform() < 0.6 ? 1.0 : 0 }
    let other = one.map { generator.nextUniform() < 0.05 ? 1 - $0 : $0 }
    let bootstrap = PairedBootstrap(
      values: [one, other], subsets: everything(count), groups: Array(0..<count), using: &generator)
    let difference = try #require(bootstrap.difference(method: 1, minus: 0, subset: 0))
    let differences = zip(other, one).map { $0 - $1 }
    let mean = differences.reduce(0, +) / Double(count)
    let variance = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
    let half = 1.959964 * (variance / Double(count)).squareRoot()
    #expect(abs(difference.mean - mean) < 1e-12)
    #expect(abs(difference.interval.low - (mean - half)) < 0.1 * half)
    #expect(abs(difference.interval.high - (mean + half)) < 0.1 * half)
  }

  /// Groups of two right pairs and of one wrong pair: two draws give 1, 2/3 (two times in four) or 0.
  @Test func groupsAreDrawnWhole() {
    var generator = PhiloxGenerator(seed: 9, stream: "test-whole")
    let bootstrap = PairedBootstrap(values: [[1, 1, 0]], subsets: everything(3), groups: [7, 7, 3], using: &generator)
    #expect(bootstrap.interval(method: 0, subset: 0) == Interval(low: 0, high: 1))
    #expect(bootstrap.interval(method: 0, subset: 0, level: 0.4) == Interval(low: 2 / 3, high: 2 / 3))
  }

  /// 1, 7, 8 and 23 sums a group: below, at and beyond the width of a vector.
  @Test(arguments: [1, 6, 7, 22])
  func meansAreThoseOfTheSubset(methods: Int) throws {
    var generator = PhiloxGenerator(seed: 10, stream: "test-means")
    let values = (0..<methods).map { _ in (0..<90).map { _ in generator.nextUniform() } }
    let subsets = (0..<3).map { _ in (0..<90).map { _ in generator.nextUniform() < 0.4 } }
    let bootstrap = PairedBootstrap(
      values: values, subsets: subsets, groups: (0..<90).map { $0 / 3 }, resamples: 200, using: &generator)
    for (s, subset) in subsets.enumerated() {
      for (m, row) in values.enumerated() {
        let kept = zip(row, subset).filter { $0.1 }.map(\.0)
        let mean = try #require(bootstrap.mean(method: m, subset: s))
        #expect(abs(mean - kept.reduce(0, +) / Double(kept.count)) < 1e-12)
        let interval = try #require(bootstrap.interval(method: m, subset: s))
        #expect(interval.low < mean && mean < interval.high)
      }
    }
  }

  @Test func oneGeneratorGivesOneResult() {
    let values = [(0..<30).map { Double($0 % 3) / 2 }]
    func interval(_ seed: UInt64) -> Interval? {
      var generator = PhiloxGenerator(seed: seed, stream: "test-seed")
      return PairedBootstrap(
        values: values, subsets: everything(30), groups: Array(0..<30), resamples: 101, using: &generator
      ).interval(method: 0, subset: 0)
    }
    #expect(interval(1) == interval(1))
    #expect(Set((1...8 as ClosedRange<UInt64>).map { "\(String(describing: interval($0)))" }).count > 1)
  }

  /// Each group repeated four times is no more evidence than each once.
  @Test func copiesWithinAGroupAddNothing() throws {
    var generator = PhiloxGenerator(seed: 5, stream: "test-groups")
    let values = (0..<80).map { _ in generator.nextUniform() }
    var one = generator
    let single = PairedBootstrap(values: [values], subsets: everything(80), groups: Array(0..<80), using: &one)
    var four = generator
    let copied = PairedBootstrap(
      values: [values + values + values + values], subsets: everything(320),
      groups: (0..<4).flatMap { _ in Array(0..<80) }, using: &four)
    let (a, b) = (
      try #require(single.interval(method: 0, subset: 0)), try #require(copied.interval(method: 0, subset: 0))
    )
    #expect(abs(a.low - b.low) < 1e-12 && abs(a.high - b.high) < 1e-12)
  }

  @Test func manyGroupsTakeFewerResamples() {
    var generator = PhiloxGenerator(seed: 6, stream: "test-budget")
    let count = 5000
    let bootstrap = PairedBootstrap(
      values: [[Double](repeating: 0.5, count: count)], subsets: everything(count), groups: Array(0..<count),
      using: &generator)
    #expect(bootstrap.resamples == 4000)
  }
}

/// The law of the number of successes among `count` trials.
private struct Binomial {
  private let cumulated: [Double]

  init(count: Int, probability p: Double) {
    var sum = 0.0
    cumulated = (0...count).map { k in
      // The rare cases p = 0 and p = 1 have no logarithm.
      guard p > 0 && p < 1 else { return p == 0 || k == count ? 1 : 0 }
      let ways = lgamma(Double(count + 1)) - lgamma(Double(k + 1)) - lgamma(Double(count - k + 1))
      sum += exp(ways + Double(k) * log(p) + Double(count - k) * log(1 - p))
      return sum
    }
  }

  /// P(X <= k).
  func cumulative(_ k: Int) -> Double { k < 0 ? 0 : cumulated[k] }

  private func quantile(_ level: Double) -> Int { cumulated.firstIndex { $0 >= level } ?? cumulated.count - 1 }

  /// The chance that the interval between the `tail` and 1 - `tail` quantiles of Binomial(count, k/count) / count covers
  /// `truth`, where k is Binomial(count, truth).
  static func coverage(count: Int, truth: Double, tail: Double) -> Double {
    let law = Binomial(count: count, probability: truth)
    return (0...count).reduce(0) { sum, k in
      let resampled = Binomial(count: count, probability: Double(k) / Double(count))
      let sumOfTruth = truth * Double(count)
      let covers =
        Double(resampled.quantile(tail)) <= sumOfTruth && sumOfTruth <= Double(resampled.quantile(1 - tail))
      return covers ? sum + law.cumulative(k) - law.cumulative(k - 1) : sum
    }
  }
}
