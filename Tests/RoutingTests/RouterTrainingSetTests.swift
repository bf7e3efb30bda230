import PreferenceData
import Randomness
import Routing
import Testing

@Suite struct RouterTrainingSetTests {
  private func behavior(_ right: [[Bool]]) throws -> RewardModelBehavior {
    try RewardModelBehavior(PlantedWorld.dataset(right))
  }

  /// Random answers with the given accuracies.
  private func answers(_ accuracies: [Double], pairs: Int, seed: UInt64) -> [[Bool]] {
    var generator = PhiloxGenerator(seed: seed, stream: "test-answers")
    return accuracies.map { accuracy in (0..<pairs).map { _ in generator.nextUniform() < accuracy } }
  }

  @Test(arguments: 1...5)
  func thinningBalancesEveryModelAndMaskingItsLabels(seed: Int) throws {
    let behavior = try behavior(answers([0.9, 0.4, 0.7, 0.6, 0.2], pairs: 300, seed: UInt64(seed)))
    let set = try RouterTrainingSet(behavior)
    for arm in set.counts.arms {
      #expect(arm.winsKept == arm.lossesKept && arm.winsKept > 0, "\(arm)")
      #expect(arm.rightLabels == arm.wrongLabels && arm.rightLabels > 0, "\(arm)")
    }
    #expect(set.warnings.isEmpty)
    #expect(set.counts.samples == behavior.correctness.disagreementSet.count)
    // The labels that stay are the behaviour's, and so are the comparisons.
    for target in set.targets {
      for (n, label) in target.labels.enumerated() where label != nil {
        #expect(label == behavior.correctness.isRight(arm: n, pair: target.pair))
      }
      for comparison in target.comparisons {
        let right = behavior.correctness.right(pair: target.pair)
        #expect(right[comparison.winner] && !right[comparison.loser])
      }
    }
  }

  /// Against all subsets of the comparisons of some pairs: no balanced one is larger.
  @Test(arguments: 1...20)
  func thinningDeletesAsFewAsCanBe(seed: Int) throws {
    let all = (0..<6).flatMap { pair in
      let right = answers([0.5, 0.5, 0.5], pairs: 6, seed: UInt64(seed)).map { $0[pair] }
      return right.indices.flatMap { winner in
        right.indices.filter { right[winner] && !right[$0] }.map { ArmComparison(winner: winner, loser: $0) }
      }
    }
    let thinning = ComparisonThinning(all, armCount: 3)
    guard thinning.alwaysWinning.isEmpty, thinning.alwaysLosing.isEmpty else { return }
    var largest = 0
    for subset in 0..<(1 << all.count) {
      let kept = all.indices.filter { subset >> $0 & 1 == 1 }.map { all[$0] }
      let isBalanced = (0..<3).allSatisfy { arm in
        kept.count { $0.winner == arm } == kept.count { $0.loser == arm }
      }
      if isBalanced { largest = max(largest, kept.count) }
    }
    var generator = PhiloxGenerator(seed: 1, stream: "test-thinning")
    #expect(thinning.apply(to: [all], using: &generator)[0].count <= largest)
    #expect(all.count - thinning.deletions.joined().reduce(0, +) == largest)
  }

  @Test func eachStepCanBeOff() throws {
    let behavior = try behavior(answers([0.9, 0.4, 0.7], pairs: 200, seed: 3))
    var configuration = RouterTrainingSet.Configuration()
    configuration.keepsDisagreementOnly = false
    configuration.thinsComparisons = false
    configuration.balancesLabels = false
    let set = try RouterTrainingSet(behavior, configuration)
    #expect(set.counts.samples == 200 && set.counts.comparisonsKept == set.counts.comparisons)
    #expect(
      set.targets.allSatisfy { target in
        target.labels.map { $0 ?? false } == behavior.correctness.right(pair: target.pair)
      })
    #expect(set.counts.samplesWithoutComparison == 200 - behavior.correctness.disagreementSet.count)
  }

  @Test func aSeedGivesOneSetAndAnotherSeedAnother() throws {
    let behavior = try behavior(answers([0.9, 0.4, 0.7], pairs: 200, seed: 4))
    var configuration = RouterTrainingSet.Configuration()
    #expect(try RouterTrainingSet(behavior) == RouterTrainingSet(behavior, configuration))
    configuration.seed = 2
    #expect(try RouterTrainingSet(behavior).targets != RouterTrainingSet(behavior, configuration).targets)
  }

  @Test func oneSidedModelsKeepTheirComparisonsWithAWarning() throws {
    var right = answers([1, 0.5, 0.6, 0], pairs: 100, seed: 5)
    right[0] = [Bool](repeating: true, count: 100)
    right[3] = [Bool](repeating: false, count: 100)
    let set = try RouterTrainingSet(behavior(right))
    let (best, worst) = (set.counts.arms[0], set.counts.arms[3])
    #expect(best.winsKept == best.wins && best.lossesKept == 0 && best.rightLabels == 100)
    #expect(worst.lossesKept == worst.losses && worst.winsKept == 0 && worst.wrongLabels == 100)
    for name in ["'rm-0' is right on all", "'rm-3' is wrong on all", "'rm-0' never loses", "'rm-3' never wins"] {
      #expect(set.warnings.contains { $0.contains(name) }, "\(set.warnings)")
    }
  }

  @Test func dataThatTeachNothingAreRefused() throws {
    func message(_ body: () throws -> Void) -> String {
      do {
        try body()
        return ""
      } catch { return "\(error)" }
    }
    #expect(message { _ = try behavior([[true, false]]) }.contains("one reward model, 'rm-0'"))
    #expect(
      message { _ = try RouterTrainingSet(behavior([[true, false], [true, false]])) }.contains("agree on each of the 2")
    )
    let unlabelled = PlantedWorld.dataset([[true, false], [false, true]], label: nil)
    #expect(message { _ = try RewardModelBehavior(unlabelled) }.contains("none of the 2 pairs has a label"))
  }

  @Test func unlabelledPairsAreLeftOutAndCounted() throws {
    let labelled = PlantedWorld.dataset([[true, false, true], [false, true, false]])
    let pairs = labelled.pairs.enumerated().map { index, pair in
      PreferencePair(
        id: pair.id, prompt: pair.prompt, responseA: "a", responseB: "b", label: index == 1 ? nil : pair.label)
    }
    let dataset = PreferenceDataset(pairs: pairs, rewardModels: labelled.rewardModels, scores: labelled.scores)
    let set = try RouterTrainingSet(RewardModelBehavior(dataset))
    #expect(set.counts.labelledPairs == 2 && set.counts.unlabelledPairs == 1)
    #expect(set.targets.map(\.pair) == [0, 2])
  }
}
