import Foundation
import LinearAlgebra
import Randomness
import Routing
import TestSupport
import Testing

/// `policies.json` of `Scripts/fixtures/policies.py`.
private struct PolicyFixture: Decodable {
  struct LinUCB: Decodable {
    struct Step: Decodable {
      let context: [Double]
      let scores: [Double]
      let chosen: Int
      let reward: Double
    }
    let dimension: Int
    let arms: Int
    let alpha: Double
    let steps: [Step]
  }
  struct Quantile: Decodable {
    let rewards: [Double]
    let normalized: [Double]
  }
  let linUcb: LinUCB
  let quantile: Quantile
  let batch: [Quantile]
}

@Suite struct BaselineTests {
  @Test func linUCBScoresEqualTheReference() throws {
    let fixture = try loadFixture("policies", as: PolicyFixture.self).linUcb
    var router = LinUCBRouter(armCount: fixture.arms, dimension: fixture.dimension, alpha: fixture.alpha)
    var generator = PhiloxGenerator(seed: 1, stream: "test-linucb")
    for step in fixture.steps {
      let decision = try router.select(context: step.context, using: &generator)
      for (found, expected) in matched(decision.scores, step.scores) {
        #expect(abs(found - expected) <= 1e3 * Double.ulpOfOne)
      }
      try router.observe(arm: step.chosen, context: step.context, reward: step.reward)
    }
  }

  @Test func equalScoresAreSharedByAllArms() throws {
    var router = LinUCBRouter(armCount: 4, dimension: 2)
    var generator = PhiloxGenerator(seed: 2, stream: "test-ties")
    var counts = [Int](repeating: 0, count: 4)
    for _ in 0..<400 { counts[try router.select(context: [1, 0], using: &generator).arm] += 1 }
    // Binomial with n = 400, p = 1/4: mean 100, standard deviation 8.7; five of them.
    #expect(counts.allSatisfy { abs($0 - 100) <= 44 })
  }

  @Test(arguments: [0.0, 0.2, 1.0])
  func epsilonGreedyExploresThatOften(epsilon: Double) throws {
    var router = EpsilonGreedyRouter(
      priors: [GaussianPrior(mean: [0.9], variance: 1), GaussianPrior(mean: [0.1], variance: 1)], noiseVariance: 1,
      epsilon: epsilon)
    var generator = PhiloxGenerator(seed: 3, stream: "test-epsilon")
    let draws = 4000
    var worse = 0
    for _ in 0..<draws { worse += try router.select(context: [1], using: &generator).arm }
    let expected = epsilon / 2 * Double(draws)
    #expect(abs(Double(worse) - expected) <= 5 * (expected * (1 - epsilon / 2)).squareRoot())
  }

  @Test func constantRoutersDoNotLearn() throws {
    var fixed: any Router = FixedRouter(arm: 2, armCount: 3)
    var uniform: any Router = UniformRouter(armCount: 3)
    var generator = PhiloxGenerator(seed: 4, stream: "test-constant")
    let contexts = Matrix<Double>(rows: 300, columns: 1)
    #expect(try fixed.select(contexts: contexts, using: &generator).allSatisfy { $0.arm == 2 })
    let arms = try uniform.select(contexts: contexts, using: &generator).map(\.arm)
    #expect((0..<3).allSatisfy { arm in abs(arms.count { $0 == arm } - 100) <= 41 })
  }
}

@Suite struct RewardNormalizerTests {
  @Test func quantilesEqualTheReference() throws {
    let fixture = try loadFixture("policies", as: PolicyFixture.self).quantile
    var normalizer = RewardNormalizer(.quantile)
    for (reward, expected) in matched(fixture.rewards, fixture.normalized) {
      #expect(abs(normalizer.normalize([reward], arms: [0])[0] - expected) <= 16 * Double.ulpOfOne)
    }
  }

  @Test func batchesEqualTheReference() throws {
    for one in try loadFixture("policies", as: PolicyFixture.self).batch {
      var normalizer = RewardNormalizer(.batch)
      let found = normalizer.normalize(one.rewards, arms: one.rewards.map { _ in 0 })
      for (x, y) in matched(found, one.normalized) { #expect(abs(x - y) <= 64 * Double.ulpOfOne * max(1, abs(y))) }
    }
  }

  @Test func theHistoryForgetsItsOldest() {
    var short = RewardNormalizer(.quantile, historyLimit: 5)
    var fresh = RewardNormalizer(.quantile, historyLimit: 5)
    var generator = PhiloxGenerator(seed: 5, stream: "test-history")
    let rewards = generator.normals(30)
    let found = short.normalize(rewards, arms: rewards.map { _ in 0 })
    let last = fresh.normalize(Array(rewards.suffix(5)), arms: [0, 0, 0, 0, 0])
    #expect(found[29] == last[4])
  }

  /// Two arms whose rewards differ by 0.6: the arms' own moments erase it, the common quantiles keep it.
  @Test func ownMomentsEraseTheDifferenceBetweenArms() {
    func meanDifference(_ method: RewardNormalizer.Method) -> Double {
      var normalizer = RewardNormalizer(method)
      var generator = PhiloxGenerator(seed: 6, stream: "test-erase")
      var sums = [0.0, 0.0]
      for step in 0..<4000 {
        let arm = step % 2
        sums[arm] += normalizer.normalize([Double(arm) * 0.6 + 0.3 * generator.nextNormal()], arms: [arm])[0]
      }
      return (sums[1] - sums[0]) / 2000
    }
    #expect(abs(meanDifference(.armEMA)) < 0.1)
    #expect(meanDifference(.quantile) > 0.3)
    #expect(meanDifference(.none) > 0.5)
  }

  @Test(arguments: RewardNormalizer.Method.allCases)
  func aSavedStateContinues(method: RewardNormalizer.Method) throws {
    var generator = PhiloxGenerator(seed: 7, stream: "test-save")
    var normalizer = RewardNormalizer(method, historyLimit: 20)
    for _ in 0..<30 { _ = normalizer.normalize(generator.normals(4), arms: [0, 1, 2, 0]) }
    var restored = try JSONDecoder().decode(RewardNormalizer.self, from: JSONEncoder().encode(normalizer))
    let rewards = generator.normals(40)
    let arms = (0..<40).map { $0 % 4 }
    #expect(restored.normalize(rewards, arms: arms) == normalizer.normalize(rewards, arms: arms))
    #expect(restored == normalizer)
  }

  @Test func nothingToCompareGivesTheMiddle() {
    var batch = RewardNormalizer(.batch)
    #expect(batch.normalize([3, 3, 3], arms: [0, 1, 2]) == [0, 0, 0])
    #expect(batch.normalize([], arms: []) == [])
    var quantile = RewardNormalizer(.quantile)
    #expect(quantile.normalize([2, 2], arms: [0, 1]) == [0.5, 0.5])
    var moving = RewardNormalizer(.armEMA)
    #expect(moving.normalize([2, 2], arms: [0, 1]) == [0, 0])
  }
}
