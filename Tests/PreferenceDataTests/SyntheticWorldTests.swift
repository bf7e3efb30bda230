import Foundation
import PreferenceData
import Randomness
import Testing

@Suite struct SyntheticWorldTests {
  /// Bounds are this many standard errors wide.
  static let width = 4.0

  /// Of a fraction, from the binomial distribution.
  static func standardError(_ fraction: Double, _ count: Int) -> Double {
    (fraction * (1 - fraction) / Double(count)).squareRoot()
  }

  func sample(_ configuration: SyntheticWorld.Configuration = .init(), seed: UInt64 = 1) -> PreferenceDataset {
    var generator = PhiloxGenerator(seed: seed, stream: "synthetic")
    return SyntheticWorld(configuration).dataset(using: &generator)
  }

  func accuracy(_ dataset: PreferenceDataset, arm: Int, pairs: [Int]) -> Double {
    let correctness = dataset.correctness
    return Double(pairs.count { correctness.isRight(arm: arm, pair: $0) }) / Double(pairs.count)
  }

  func pairs(_ dataset: PreferenceDataset, in domain: String) -> [Int] {
    dataset.pairs.indices.filter { dataset.pairs[$0].domain == domain }
  }

  @Test(arguments: [1, 6, 64])
  func accuraciesFollowTheSkills(rewardModels: Int) {
    let configuration = SyntheticWorld.Configuration(pairs: 5000, rewardModels: rewardModels)
    let (world, dataset) = (SyntheticWorld(configuration), sample(configuration))
    for (index, name) in SyntheticWorld.domains.enumerated() {
      let pairs = pairs(dataset, in: name)
      #expect(pairs.count == 1000)
      for arm in 0..<rewardModels {
        let skill = world.skill(rewardModel: arm, domain: index)
        let expected = erfc(-skill / 2.0.squareRoot()) / 2
        let found = accuracy(dataset, arm: arm, pairs: pairs)
        // One more than the usual width, for the largest of up to 320 deviations.
        #expect(abs(found - expected) < (Self.width + 1) * Self.standardError(expected, 1000), "arm \(arm), \(name)")
      }
    }
  }

  @Test(arguments: 4...8, [1, 2, 3] as [UInt64])
  func theDefaultWorldIsAsDocumented(rewardModels: Int, seed: UInt64) throws {
    let dataset = sample(.init(rewardModels: rewardModels), seed: seed)
    let (all, arms) = (Array(dataset.pairs.indices), 0..<rewardModels)
    let count = Double(all.count)
    let single = try #require(arms.map { accuracy(dataset, arm: $0, pairs: all) }.max())
    let right = all.map(dataset.correctness.rightCount)
    let majority = right.map { 2 * $0 > rewardModels ? 1 : 2 * $0 == rewardModels ? 0.5 : 0 }.reduce(0, +) / count
    let oracle = Double(right.count { $0 > 0 }) / count
    let domainBest =
      try SyntheticWorld.domains.map { name in
        let pairs = pairs(dataset, in: name)
        return try #require(arms.map { accuracy(dataset, arm: $0, pairs: pairs) }.max())
      }.reduce(0, +) / Double(SyntheticWorld.domains.count)
    // Errors of two methods on the same pairs correlate, so their difference varies less than that of two samples.
    let error = Self.width * Self.standardError(0.68, all.count)
    #expect((0.65 - error...0.70 + error).contains(single))
    #expect((-error...0.03 + error).contains(majority - single))
    #expect((0.08 - error...0.12 + error).contains(domainBest - single))
    #expect((0.9..<1).contains(oracle))
  }

  @Test(arguments: [0, 0.5, 0.9])
  func marginsHaveTheirCorrelation(correlation: Double) {
    let configuration = SyntheticWorld.Configuration(pairs: 20_000, rewardModels: 4, correlation: correlation)
    let (world, dataset) = (SyntheticWorld(configuration), sample(configuration))
    let deviations = (0..<4).map { arm in
      dataset.pairs.indices.map { pair -> Double in
        let score = dataset.scores[arm][pair]
        let margin = dataset.pairs[pair].label == .a ? score.a - score.b : score.b - score.a
        return margin / [0.25, 0.5, 1, 2][arm] - world.skill(rewardModel: arm, domain: pair % 5)
      }
    }
    for first in 0..<4 {
      for second in 0...first {
        let moment = zip(deviations[first], deviations[second]).reduce(0) { $0 + $1.0 * $1.1 } / 20_000
        let expected = first == second ? 1 : correlation
        // The product of two standard normals of correlation r has variance 1 + r^2.
        let error = ((1 + expected * expected) / 20_000).squareRoot()
        #expect(abs(moment - expected) < Self.width * error)
      }
    }
  }

  @Test func withoutSkillGapAllDomainsAreAlike() {
    let world = SyntheticWorld(.init(skillGap: 0))
    for arm in 0..<6 {
      #expect(Set((0..<5).map { world.skill(rewardModel: arm, domain: $0) }).count == 1)
    }
  }

  @Test(arguments: [3, 4, 6, 8, 64])
  func everyDomainHasAnExpert(rewardModels: Int) {
    let world = SyntheticWorld(.init(rewardModels: rewardModels))
    let expertise = (0..<rewardModels).map { world.expertise(rewardModel: $0) }
    #expect(expertise.allSatisfy { Set($0).count == 2 })
    #expect(Set(expertise.joined()) == Set(0..<5))
  }

  @Test func labelsAreBalancedInEveryDomain() {
    let dataset = sample(.init(pairs: 10_000, rewardModels: 1))
    for name in SyntheticWorld.domains {
      let pairs = pairs(dataset, in: name)
      let share = Double(pairs.count { dataset.pairs[$0].label == .a }) / Double(pairs.count)
      #expect(abs(share - 0.5) < Self.width * Self.standardError(0.5, pairs.count), "\(name)")
    }
  }

  @Test func aSeedGivesOneDatasetAndAnotherSeedAnother() {
    let configuration = SyntheticWorld.Configuration(pairs: 200)
    let (dataset, other) = (sample(configuration), sample(configuration, seed: 2))
    #expect(dataset == sample(configuration))
    #expect(dataset.scores != other.scores)
    #expect(dataset.pairs.map(\.prompt) != other.pairs.map(\.prompt))
  }

  @Test func aWrittenDatasetReadsBackEqual() throws {
    let dataset = sample(.init(pairs: 100, rewardModels: 7))
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("synthetic-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try dataset.write(to: folder)
    #expect(try PreferenceDataset(folder: folder) == dataset)
  }

  @Test func everythingIsNamedSynthetic() {
    let dataset = sample(.init(pairs: 120, rewardModels: 64))
    #expect(dataset.pairs.allSatisfy { $0.source == "synthetic" && $0.id.hasPrefix("synthetic-") })
    #expect(dataset.rewardModels.allSatisfy { $0.name.hasPrefix("synthetic-") })
    #expect(Set(dataset.pairs.map(\.id)).count == 120)
    #expect(Set(dataset.rewardModels.map(\.name)).count == 64)
    #expect(dataset.rewardModels[0].name == "synthetic-math-rm")
    #expect(dataset.rewardModels[5].name == "synthetic-math-rm-2")
  }

  @Test func scoresOfDifferentModelsHaveDifferentScales() {
    let dataset = sample()
    let spreads = dataset.scores.map { row -> Double in
      let values = row.map(\.a)
      let mean = values.reduce(0, +) / Double(values.count)
      return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
    }
    for arm in 1..<5 {
      // A standard deviation from 2000 samples has a relative error of about 1.6 %.
      #expect(abs(spreads[arm] / spreads[arm - 1] - 2) < 2 * 0.016 * 2.0.squareRoot() * Self.width)
    }
  }
}
