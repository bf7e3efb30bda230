import Foundation
import LinearAlgebra
import PreferenceData
import Randomness
import Routing
import Storage
import Studies
import Testing

/// Two reward models over pairs in four kinds: both right, right against a tie, right against wrong, and both tied.
private func tiedDataset(_ count: Int) -> PreferenceDataset {
  func row(_ kinds: [Double]) -> [ScorePair] { (0..<count).map { ScorePair(a: kinds[$0 % 4], b: 1 - kinds[$0 % 4]) } }
  return PreferenceDataset(
    pairs: (0..<count).map {
      PreferencePair(
        id: "p\($0)", group: "story \($0 / 8)", prompt: .text("prompt \($0)"), responseA: "a \($0)", responseB: "b",
        label: .a)
    }, rewardModels: ["sure", "shy"].map { RewardModelDescription(name: $0) },
    scores: [row([1, 1, 0, 0.5]), row([1, 0.5, 1, 0.5])])
}

@Suite struct TieRuleTests {
  private let dataset = tiedDataset(80)
  private let contexts = Matrix(rows: (0..<80).map { [Double($0 % 4), 1] })

  @Test(arguments: [(TieRule.half, [0.625, 0.75, 0.6875, 0.75, 0.875]), (.wrong, [0.5, 0.5, 0.5, 0.75, 0.75])])
  func aReplayCountsTiesByItsRule(ties: TieRule, expected: [Double]) async throws {
    let study = try study(try ReplayWorld(dataset: dataset, contexts: contexts)) { $0.ties = ties }
    #expect(study.correctness == CorrectnessTable(dataset, ties: ties))
    let models = dataset.rewardModels
    var accuracies: [Double] = []
    // A tied vote counts one half by either rule.
    for method in [.single(0, of: models), .single(1, of: models), .random, .majority, .oracle] as [ReplayMethod] {
      accuracies.append(try await study.run(method).accuracy)
    }
    #expect(accuracies == expected)
    // What a learning router earns is what the rule says, and nothing else.
    let outcome = try await study.run(.thompson)
    for trace in outcome.traces {
      #expect(trace.correctness == zip(trace.pairs, trace.arms).map { study.correctness.values[$1][$0] })
      #expect(trace.rewards == trace.correctness)
      #expect(trace.correctness.contains(0.5) == (ties == .half))
    }
  }

  @Test func offlinePriorsAreFittedToTheValuesOfTheRule() throws {
    let prior = GaussianPrior(dimension: 2, variance: 1)
    for ties in TieRule.allCases {
      let means = try offlinePriors(
        dataset: dataset, contexts: contexts, priors: [prior, prior], noiseVariance: 0.25, ties: ties)
      for (arm, values) in CorrectnessTable(dataset, ties: ties).values.enumerated() {
        var posterior = LinearGaussianPosterior(prior: prior, noiseVariance: 0.25)
        try posterior.observe(contexts: contexts, rewards: values)
        #expect(means[arm].mean == posterior.mean)
      }
    }
    let evidences = try TieRule.allCases.map { ties in
      try offlinePosteriors(dataset: dataset, contexts: contexts, prior: prior, ties: ties).map(\.mean)
    }
    #expect(evidences[0] != evidences[1])
  }

  @Test(arguments: TieRule.allCases)
  func aCrossValidationCountsTiesByItsRule(ties: TieRule) throws {
    var configuration = CrossValidation.Configuration()
    (configuration.seeds, configuration.ties) = (1, ties)
    let validation = try CrossValidation(dataset: dataset, contexts: contexts, configuration: configuration)
    let outcomes = try validation.run([BestSinglePolicy()])
    let table = CorrectnessTable(dataset, ties: ties)
    let byName = Dictionary(uniqueKeysWithValues: outcomes.map { ($0.name, $0.correctness) })
    #expect(byName["shy"] == table.values[1] && byName["random"] == table.ofRandomArm)
    #expect(byName["oracle (hindsight)"] == table.ofOracle && byName["majority"] == dataset.majorityCorrectness)
    var generator = PhiloxGenerator(seed: 1, stream: "bootstrap")
    let report = CrossValidationReport(outcomes, dataset: dataset, ties: ties, using: &generator)
    #expect(report.pairCounts == (ties == .half ? [80, 60, 20] : [80, 60, 40]))
  }

  @Test(arguments: TieRule.allCases)
  func anEvaluationCountsTiesByItsRule(ties: TieRule) throws {
    let scores = Matrix(rows: (0..<80).map { _ in [0.0, 1] })
    var generator = PhiloxGenerator(seed: 1, stream: "bootstrap")
    let evaluation = try RouterEvaluation(
      .init(scores: scores, probabilities: scores), dataset: dataset, ties: ties, using: &generator)
    #expect(evaluation.ties == ties && evaluation.rows[0][.all]?.value == (ties == .half ? 0.75 : 0.5))
    #expect(evaluation.disagreementPairs == (ties == .half ? 20 : 40))
    let summary = try JSONRecord(
      JSONDocument.read(Array(JSONText.line(evaluation)), file: "summary"), at: FilePlace(file: "summary"))
    #expect(try summary.string("ties") == ties.rawValue)
  }

  /// A run's settings say its rule, so that it cannot be taken up with the other one.
  @Test func aTrainingRunRemembersItsRule() async throws {
    var settings: [[String: String]] = []
    for ties in TieRule.allCases {
      var training = RouterTraining()
      training.ties = ties
      let prepared = try await training.prepare(dataset, encoder: .frozen(HashedPairEncoder(dimension: 8)))
      settings.append(prepared.settings(threads: 1))
      // Whole groups validate.
      let validating = Set(try #require(prepared.trainer.validation).pairs.map { dataset.pairs[$0].group })
      #expect(validating.isDisjoint(with: prepared.trainer.behavior.pairs.map { dataset.pairs[$0].group }))
      #expect(prepared.trainer.behavior.correctness.values.joined().contains(0.5) == (ties == .half))
    }
    #expect(RouterTraining().ties == .half)
    #expect(settings.map { $0["ties"] } == ["half", "wrong"])
    settings[0]["ties"] = "wrong"
    #expect(settings[0] == settings[1])
  }

  /// Eight pairs of a story stand or fall together in folds and in the bootstrap, though their prompts differ.
  @Test func groupsAreDrawnWhole() throws {
    var generator = PhiloxGenerator(seed: 1, stream: "bootstrap")
    // Each story has as many right as wrong pairs: whatever is drawn, half is right.
    let report = AccuracyReport(
      [.init(name: "half", correctness: (0..<80).map { Double($0 % 2) })], pairs: dataset.pairs,
      subsets: [[Bool](repeating: true, count: 80)], bestSingle: (0..<80).map { _ in 0 }, using: &generator)
    #expect(report.rows[0][.all] == Estimate(value: 0.5, low: 0.5, high: 0.5))
  }
}

private let data = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared/data")

private func isPresent(_ name: String) -> Bool {
  let isPresent = FileManager.default.fileExists(atPath: data.appendingPathComponent("\(name)/rms.json").path)
  if !isPresent { print("skipped: there is no ../shared/data/\(name) beside the package") }
  return isPresent
}

@Suite struct MajorityOfRealDataTests {
  /// Twelve and eighteen scorers with thousands of ties; the figures are those of the data's own descriptions.
  @Test(arguments: [("hanna", 75.97), ("wmt22", 74.21), ("judgebench", 61.29)].filter { isPresent($0.0) })
  func aMajorityIsRightAsOftenAsStated(name: String, percent: Double) throws {
    let dataset = try PreferenceDataset(folder: data.appendingPathComponent(name))
    let values = dataset.majorityCorrectness
    #expect((1e4 * values.reduce(0, +) / Double(values.count)).rounded() / 100 == percent)
  }
}
