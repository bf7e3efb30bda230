import Foundation
import LinearAlgebra
import PreferenceData
import Randomness
import Routing
import Storage
import Testing

/// What offline training makes of a reward model that ties.
@Suite struct TieTests {
  /// Pairs labelled A: 1 is right, 0 wrong, one half a tie.
  private func dataset(_ values: [[Double]]) -> PreferenceDataset {
    PreferenceDataset(
      pairs: values[0].indices.map {
        PreferencePair(id: "p\($0)", prompt: .text("\($0)"), responseA: "a", responseB: "b", label: .a)
      }, rewardModels: values.indices.map { RewardModelDescription(name: "rm\($0)") },
      scores: values.map { row in row.map { ScorePair(a: $0, b: 1 - $0) } })
  }

  private let values: [[Double]] = [[1, 0, 1, 0.5, 1, 0], [0, 1, 0.5, 0, 1, 0.5], [0.5, 0.5, 0, 1, 1, 0.5]]

  @Test func aTieNeitherWinsNorLosesByDefaultAndLosesWhereItIsWrong() throws {
    let half = try RewardModelBehavior(dataset(values))
    #expect(half.comparisons(at: 0) == [ArmComparison(winner: 0, loser: 1)])
    #expect(half.comparisons(at: 2) == [ArmComparison(winner: 0, loser: 2)])
    #expect(half.comparisons(at: 4).isEmpty && half.comparisons(at: 5).isEmpty)
    #expect(half.margins[0] == [1, -1, 0])
    let wrong = try RewardModelBehavior(dataset(values), ties: .wrong)
    #expect(wrong.comparisons(at: 0) == [1, 2].map { ArmComparison(winner: 0, loser: $0) })
    #expect(wrong.comparisons(at: 5).isEmpty)
  }

  @Test func theLabelOfATieIsMaskedByDefault() throws {
    var configuration = RouterTrainingSet.Configuration()
    configuration.balancesLabels = false
    configuration.keepsDisagreementOnly = false
    let half = try RouterTrainingSet(RewardModelBehavior(dataset(values)), configuration)
    #expect(half.targets.map(\.pair) == Array(0..<6))
    #expect(half.targets[0].labels == [true, false, nil] && half.targets[5].labels == [false, nil, nil])
    #expect(half.targets[0].differences.map { $0 == nil } == [false, false, true])
    let wrong = try RouterTrainingSet(RewardModelBehavior(dataset(values), ties: .wrong), configuration)
    #expect(wrong.targets[0].labels == [true, false, false])
    #expect(half.counts.disagreementPairs == 4 && wrong.counts.disagreementPairs == 4)
  }

  @Test func aModelThatAlwaysTiesIsNamed() throws {
    let set = try RouterTrainingSet(
      RewardModelBehavior(dataset([[1, 0, 1, 0], [0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]])))
    #expect(set.warnings == ["'rm2' ties on all 4 samples; leave it out of the pool"])
    let never = try RouterTrainingSet(RewardModelBehavior(dataset([[1, 0, 1, 0], [0, 1, 0, 1], [1, 0.5, 1, 1]])))
    #expect(never.warnings.contains { $0.contains("'rm2' is right on all 4 samples but 1 ties") })
  }

  /// A label of one half is half a success and half a failure: twice the labels, each counted by half, have the same
  /// posterior.
  @Test func aLogisticRegressionTakesATieAsHalfASuccess() throws {
    var generator = PhiloxGenerator(seed: 4, stream: "ties")
    let contexts = Matrix(rows: (0..<60).map { _ in [generator.nextNormal(), 1] })
    let labels = (0..<60).map { [0, 0.5, 1][$0 % 3] }
    let posterior = try LaplacePosterior(contexts: contexts, labels: labels, priorVariance: [1, 1])
    // The gradient of the log posterior is 0 at the mode.
    let errors = zip(labels, gemv(contexts, .asIs, posterior.mode)).map { $0 - 1 / (1 + exp(-$1)) }
    let gradient = zip(gemv(contexts, .transposed, errors), posterior.mode).map { $0 - $1 }
    #expect(gradient.count == 2 && gradient.allSatisfy { abs($0) < 1e-6 })
    // Ties alone say that a model is right as often as not, whatever the context.
    let even = try LaplacePosterior(
      contexts: contexts, labels: [Double](repeating: 0.5, count: 60), priorVariance: [1, 1])
    #expect(even.mode.allSatisfy { abs($0) < 1e-9 })
    // 60 times log 1/2, the prior's densities at 0, and the determinant of I + X'X/4.
    let gram =
      gemv(contexts, .transposed, gemv(contexts, .asIs, [1, 0]))
      + gemv(contexts, .transposed, gemv(contexts, .asIs, [0, 1]))
    let determinant = (1 + gram[0] / 4) * (1 + gram[3] / 4) - gram[1] * gram[2] / 16
    #expect(abs(even.logEvidence - (60 * log(0.5) - 0.5 * log(determinant))) < 1e-9)
  }

  @Test func policiesFitEvidenceWithTies() throws {
    var generator = PhiloxGenerator(seed: 5, stream: "ties")
    let contexts = Matrix(rows: (0..<200).map { _ in (0..<3).map { _ in generator.nextNormal() } })
    let table = CorrectnessTable(
      (0..<3).map { arm in (0..<200).map { contexts[$0, 0] > 0.5 ? 0.5 : (contexts[$0, 1] > 0) == (arm == 0) ? 1 : 0 } }
    )
    let evidence = OfflineEvidence(
      contexts: contexts, correctness: table, domains: [String?](repeating: nil, count: 200), groups: Array(0..<200))
    let best = try #require(table.accuracies.max())
    for policy in [BestSinglePolicy(), AdvantagePolicy(caution: 0), LogisticPolicy(), NestedPolicy()]
      as [any OfflinePolicy]
    {
      let arms = try policy.fit(evidence).arms(contexts: contexts, domains: evidence.domains)
      let mean = arms.enumerated().reduce(0) { $0 + table.values[$1.element][$1.offset] } / 200
      #expect(arms.count == 200 && mean >= best, "\(policy.name)")
    }
    let recipe = try PublishedRecipePolicy(epochs: 2).fit(evidence)
    #expect(try recipe.arms(contexts: contexts, domains: evidence.domains).count == 200)
  }

  /// A run from before there was a rule took ties for wrong, and goes on so.
  @Test func aRunWithoutARuleForTiesMeansWrong() throws {
    let url = URL(fileURLWithPath: "/run/config.json")
    let old = ["epochs": "3"]
    func settings(_ ties: TieRule) -> [String: String] {
      old.merging([OfflineTrainer.tiesSetting: ties.rawValue]) { $1 }
    }
    try OfflineTrainer.requireSame(settings(.wrong), as: old, in: url)
    try OfflineTrainer.requireSame(old, as: old, in: url)
    try OfflineTrainer.requireSame(settings(.half), as: settings(.half), in: url)
    let error = try #require(throws: RoutingError.self) {
      try OfflineTrainer.requireSame(settings(.half), as: old, in: url)
    }
    #expect("\(error)".contains("ties was wrong and is half"))
    #expect(throws: RoutingError.self) {
      try OfflineTrainer.requireSame(settings(.wrong), as: settings(.half), in: url)
    }
  }
}
