import PreferenceData
import Randomness
import Routing
import TestSupport
import Testing

@Suite struct NestedPolicyTests {
  private func accuracy(_ arms: [Int], _ evidence: OfflineEvidence) -> Double {
    Double(arms.enumerated().count { evidence.correctness.isRight(arm: $1, pair: $0) }) / Double(arms.count)
  }

  /// The arms of each pair by the policy fitted on the pairs of the other four fifths.
  private func heldOutArms(_ policy: some OfflinePolicy, _ evidence: OfflineEvidence) throws -> [Int] {
    var arms = [Int](repeating: 0, count: evidence.pairCount)
    for fold in 0..<5 {
      let held = (0..<evidence.pairCount).filter { $0 % 5 == fold }
      let test = evidence.selecting(held)
      let fitted = try policy.fit(evidence.selecting((0..<evidence.pairCount).filter { $0 % 5 != fold }))
      for (pair, arm) in matched(held, try fitted.arms(contexts: test.contexts, domains: test.domains)) {
        arms[pair] = arm
      }
    }
    return arms
  }

  /// 5,000 pairs, each held out once: the default is within two points of the router that drew the labels.
  @Test func aPlantedRouterIsRecovered() throws {
    let (evidence, logits) = AdvantageRegressionTests.planted(pairs: 5000, arms: 5, dimension: 12, gap: 2.5, seed: 7)
    let planted = (0..<5000).map { pair in
      logits.indices.max { logits[$0][pair] < logits[$1][pair] } ?? 0
    }
    let single = accuracy(try heldOutArms(BestSinglePolicy(), evidence), evidence)
    #expect(accuracy(planted, evidence) - single > 0.1, "the planted router has something to gain")
    #expect(accuracy(try heldOutArms(NestedPolicy(), evidence), evidence) > accuracy(planted, evidence) - 0.02)
  }

  /// The same 5,000 pairs with the judgements of other pairs, one permutation for all arms: contexts say nothing, and the default is
  /// not more than half a point below the best single model.
  @Test func aShuffledSetGivesTheBestSingleModel() throws {
    let (evidence, _) = AdvantageRegressionTests.planted(
      pairs: 5000, arms: 5, dimension: 12, gap: 2.5, seed: 7, offsets: [0.4, 0.5, 0.45, 0.6, 0.3])
    var generator = PhiloxGenerator(seed: 1, stream: "shuffled-labels")
    let order = generator.permutation(5000)
    let shuffled = OfflineEvidence(
      contexts: evidence.contexts, correctness: evidence.correctness.selecting(pairs: order),
      domains: evidence.domains, groups: evidence.groups)
    let best = shuffled.correctness.accuracies.max() ?? 0
    #expect(accuracy(try heldOutArms(NestedPolicy(), shuffled), shuffled) > best - 0.005)
  }

  /// Labels without relation to the contexts, over ten draws: never more than half a point below the best single model.
  @Test func shuffledLabelsDoNoHarm() throws {
    var (router, single) = (0.0, 0.0)
    for seed in 0..<10 {
      let (evidence, _) = AdvantageRegressionTests.planted(
        pairs: 1000, arms: 5, dimension: 12, gap: 0, seed: UInt64(100 + seed), offsets: [0.4, 0.5, 0.45, 0.6, 0.3])
      let training = evidence.selecting(Array(0..<500))
      let test = evidence.selecting(Array(500..<1000))
      let arms = try NestedPolicy().fit(training).arms(contexts: test.contexts, domains: test.domains)
      router += accuracy(arms, test) / 10
      single += accuracy([Int](repeating: training.correctness.bestArm, count: 500), test) / 10
    }
    #expect(router > single - 0.005, "\(router) against \(single)")
  }

  /// The paper's recipe learns too where there is something to learn: most of the planted gain on 2,000 pairs.
  @Test func thePublishedRecipeLearnsAPlantedRouter() throws {
    let (evidence, _) = AdvantageRegressionTests.planted(pairs: 3000, arms: 4, dimension: 12, gap: 2.5, seed: 7)
    let training = evidence.selecting(Array(0..<2000))
    let test = evidence.selecting(Array(2000..<3000))
    let arms = try PublishedRecipePolicy(epochs: 10).fit(training).arms(contexts: test.contexts, domains: test.domains)
    let single = accuracy([Int](repeating: training.correctness.bestArm, count: 1000), test)
    #expect(accuracy(arms, test) > single + 0.05)
  }

  /// The evidence lets the recipe train where there is something to learn, and keeps it from training where there is not.
  @Test func theEvidenceStopsTheRecipe() throws {
    let policy = PublishedRecipePolicy(epochs: 10, stopping: .evidence)
    let (evidence, _) = AdvantageRegressionTests.planted(pairs: 3000, arms: 4, dimension: 12, gap: 2.5, seed: 7)
    let training = evidence.selecting(Array(0..<2000))
    let test = evidence.selecting(Array(2000..<3000))
    #expect(try policy.epochsByEvidence(training) > 0)
    let arms = try policy.fit(training).arms(contexts: test.contexts, domains: test.domains)
    let single = accuracy([Int](repeating: training.correctness.bestArm, count: 1000), test)
    #expect(accuracy(arms, test) > single + 0.05)
    // By chance one draw in some may pass: of five, not two.
    let trained = try (0..<5).count { seed in
      let (drawn, _) = AdvantageRegressionTests.planted(
        pairs: 300, arms: 4, dimension: 12, gap: 0, seed: UInt64(200 + seed), offsets: [0.4, 0.5, 0.6, 0.3])
      return try policy.epochsByEvidence(drawn) > 0
    }
    #expect(trained < 2)
  }

  /// On held-out pairs each arm is about as often right as expected of it, the higher expected the oftener, and choices follow scores.
  @Test func expectationsHoldOnOtherPairs() throws {
    let (evidence, _) = AdvantageRegressionTests.planted(
      pairs: 3000, arms: 4, dimension: 6, gap: 2.5, seed: 7, offsets: [0.2, 0.8, -0.3, 0.4])
    let test = evidence.selecting(Array(2000..<3000))
    let policies: [any OfflinePolicy] = [
      AdvantagePolicy(caution: 0), LogisticPolicy(components: 6), BestSinglePolicy(),
    ]
    for policy in policies {
      let fitted = try policy.fit(evidence.selecting(Array(0..<2000)))
      let judgement = try #require(try fitted.judge(contexts: test.contexts, domains: test.domains))
      #expect(try judgement.arms == fitted.arms(contexts: test.contexts, domains: test.domains))
      for arm in 0..<4 {
        // One of a thousand pairs: a standard error of 1.6 points.
        let expected = (0..<1000).reduce(0) { $0 + judgement.probabilities[$1, arm] } / 1000
        #expect(abs(expected - test.correctness.accuracies[arm]) < 0.05, "\(policy.name)")
        guard policy.name != BestSinglePolicy().name else { continue }
        let order = (0..<1000).sorted { judgement.probabilities[$0, arm] < judgement.probabilities[$1, arm] }
        let low = test.selecting(Array(order.prefix(300))).correctness.accuracies[arm]
        let high = test.selecting(Array(order.suffix(300))).correctness.accuracies[arm]
        #expect(high > low + 0.2, "\(policy.name)")
      }
    }
  }

  /// The first points of a learning curve may have a handful of pairs, or one prompt.
  @Test(arguments: [1, 2, 4]) func aHandfulOfPairsIsEnoughToFit(pairs: Int) throws {
    let (evidence, _) = AdvantageRegressionTests.planted(pairs: 20, arms: 3, dimension: 6, gap: 2, seed: 8)
    let policies: [any OfflinePolicy] = [
      NestedPolicy(), AdvantagePolicy(caution: 0), LogisticPolicy(), BestOfDomainPolicy(),
      PublishedRecipePolicy(epochs: 2),
    ]
    for policy in policies {
      let fitted = try policy.fit(evidence.selecting(Array(0..<pairs)))
      let judgement = try #require(try fitted.judge(contexts: evidence.contexts, domains: evidence.domains))
      #expect(judgement.probabilities.elements.allSatisfy { (0...1).contains($0) }, "\(policy.name)")
      #expect(try fitted.arms(contexts: evidence.contexts, domains: evidence.domains).count == 20)
    }
  }

  @Test func equalEvidenceGivesEqualChoices() throws {
    let (evidence, _) = AdvantageRegressionTests.planted(pairs: 300, arms: 3, dimension: 6, gap: 2, seed: 8)
    let choices = try (0..<2).map { _ in
      try NestedPolicy().fit(evidence).arms(contexts: evidence.contexts, domains: evidence.domains)
    }
    #expect(choices[0] == choices[1])
  }

  @Test func armsThatAreAlwaysRightOrWrongAreNoTrouble() throws {
    let (drawn, _) = AdvantageRegressionTests.planted(pairs: 120, arms: 3, dimension: 4, gap: 1, seed: 9)
    let evidence = OfflineEvidence(
      contexts: drawn.contexts,
      correctness: CorrectnessTable([
        drawn.correctness.values[0], drawn.correctness.values[1].map { _ in 1 },
        drawn.correctness.values[2].map { _ in 0 },
      ]),
      domains: drawn.domains, groups: drawn.groups)
    let policies: [any OfflinePolicy] = [
      NestedPolicy(), AdvantagePolicy(caution: 0), LogisticPolicy(components: 2), BestOfDomainPolicy(),
    ]
    for policy in policies {
      let arms = try policy.fit(evidence).arms(contexts: evidence.contexts, domains: evidence.domains)
      #expect(arms.count { $0 == 1 } > 100, "\(policy.name)")
    }
    // The paper's recipe promises no such thing, but it must not fail.
    let recipe = try PublishedRecipePolicy(epochs: 3).fit(evidence)
    #expect(try recipe.arms(contexts: evidence.contexts, domains: evidence.domains).count == 120)
  }
}
