import PreferenceData
import Testing

@Suite struct CorrectnessTableTests {
  /// Three models on four labelled pairs and one without label: right, wrong, and a tie.
  private let dataset = PreferenceDataset(
    pairs: [ResponseSide.a, .b, .a, .b, nil].enumerated().map { index, label in
      PreferencePair(
        id: "\(index)", domain: index < 2 ? "x" : "y", prompt: .text("\(index)"), responseA: "a", responseB: "b",
        label: label)
    }, rewardModels: ["one", "two", "three"].map { RewardModelDescription(name: $0) },
    scores: [
      [(1.0, 0.0), (0, 1), (1, 0), (1, 0), (1, 0)], [(0, 1), (0, 1), (0, 1), (1, 0), (0, 1)],
      [(2, 2), (0, 1), (1, 0), (3, 2), (0, 0)],
    ].map { $0.map { ScorePair(a: $0.0, b: $0.1) } })

  @Test func rightIsRankingTheLabelStrictlyHigherAndATieIsHalfRight() {
    let table = dataset.correctness
    #expect(table == CorrectnessTable(dataset, ties: .half))
    #expect(table.values == [[1, 1, 1, 0, 0], [0, 1, 0, 0, 0], [0.5, 1, 1, 0, 0]])
    #expect(table.accuracies == [0.6, 0.2, 0.5] && table.bestArm == 0)
    #expect(table.right(pair: 2) == [true, false, true] && table.rightCount(pair: 3) == 0)
    #expect(table.right(pair: 0) == [true, false, false] && !table.isRight(arm: 2, pair: 0))
    #expect(table.answers(pair: 0) == [true, false, nil])
    #expect(table.rightCount(pair: 0) == 1 && table.wrongCount(pair: 0) == 1)
  }

  @Test func byTheOtherRuleATieIsWrong() {
    let table = CorrectnessTable(dataset, ties: .wrong)
    #expect(table.values == [[1, 1, 1, 0, 0], [0, 1, 0, 0, 0], [0, 1, 1, 0, 0]])
    #expect(table.accuracies == [0.6, 0.2, 0.4])
    #expect(table.answers(pair: 0) == [true, false, false] && table.wrongCount(pair: 0) == 2)
  }

  @Test(arguments: TieRule.allCases)
  func subsetsCountWhereSomeAreRightAndWhereTheyDisagree(ties: TieRule) {
    let table = CorrectnessTable(dataset, ties: ties)
    #expect(
      table.subsetFlags == [
        [true, true, true, true, true], [true, true, true, false, false], [true, false, true, false, false],
      ])
    #expect(table.disagreementSet == [0, 2])
    #expect(table.ofOracle == [1, 1, 1, 0, 0])
    let random = table.ofRandomArm
    #expect(random.count == 5 && random[1] == 1 && abs(random[2] - 2.0 / 3) < 1e-15 && random[3] == 0)
    #expect(random[0] == (ties == .half ? 0.5 : 1.0 / 3))
    #expect(table.oracleArm(pair: 2) == 0 && table.oracleArm(pair: 3) == 0)
  }

  /// Who ties is neither right nor of another opinion, but better than one who is wrong.
  @Test func aTieNeitherIsRightNorDisagrees() {
    // A tie with a right one, with a wrong one, with both, and alone.
    let table = CorrectnessTable([[0.5, 0.5, 0.5, 0.5], [1, 0, 1, 0.5], [1, 0, 0, 0.5]])
    #expect(table.pairs.map { table.counts(pair: $0, in: .anyCorrect) } == [true, false, true, false])
    #expect(table.disagreementSet == [2])
    #expect(table.ofOracle == [1, 0.5, 1, 0.5])
    #expect(table.pairs.map { table.oracleArm(pair: $0) } == [1, 0, 1, 0])
    #expect(table.bestArm == 1 && table.bestArm(among: [1, 3]) == 0)
  }

  @Test func partsAreTheirOwnTables() {
    let table = dataset.correctness
    #expect(table.selecting(pairs: [3, 2]).values == [[0, 1], [0, 0], [0, 1]])
    #expect(table.selecting(pairs: [0]).values == [[1], [0], [0.5]])
    #expect(table.bestArms(byDomainOf: dataset) == ["x": 0, "y": 0])
    #expect(table.bestArm(among: [3, 4]) == 0, "of equals the first")
    #expect(table.selecting(pairs: [3, 2]) == CorrectnessTable([[0, 1], [0, 0], [0, 1]]))
  }
}
