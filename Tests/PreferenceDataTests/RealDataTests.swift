import Foundation
import PreferenceData
import Randomness
import Testing

/// The figures of three real datasets, as the data's own descriptions state them.
@Suite struct RealDataTests {
  private func percent(_ values: [Double]) -> Double {
    (1e4 * values.reduce(0, +) / Double(values.count)).rounded() / 100
  }

  private func ties(_ dataset: PreferenceDataset) -> [Int] {
    dataset.scores.map { row in row.count { $0.preferred == nil } }
  }

  @Test(.enabled(if: RealData.isPresent(RealData.judgeBench)))
  func judgeBenchHasItsPublishedAccuraciesWhereATieIsWrong() throws {
    let dataset = try PreferenceDataset(folder: RealData.judgeBench)
    #expect(dataset.pairs.count == 350 && dataset.domains == ["knowledge", "math", "reasoning", "coding"])
    #expect(ties(dataset) == [3, 0, 1, 0, 0])
    let published = CorrectnessTable(dataset, ties: .wrong)
    #expect(published.values.map { $0.reduce(0, +) } == [225, 222, 218, 208, 208])
    let half = dataset.correctness
    #expect(half.values.map { $0.reduce(0, +) } == [226.5, 222, 218.5, 208, 208])
    #expect(percent(published.ofRandomArm) == 61.77 && percent(half.ofRandomArm) == 61.89)
    // The four ties fall on pairs that others decide: which pairs count is the same by both rules.
    for table in [published, half] {
      #expect(table.disagreementSet.count == 187 && percent(table.ofOracle) == 88.29)
      #expect(table.pairs.count { table.counts(pair: $0, in: .anyCorrect) } == 309)
    }
    #expect(PairGroups(dataset.pairs).groups.count == 350)
  }

  @Test(.enabled(if: RealData.isPresent(RealData.hanna)))
  func hannaHasItsAccuraciesWhereATieIsOneHalf() throws {
    let dataset = try PreferenceDataset(folder: RealData.hanna)
    #expect(dataset.pairs.count == 4451 && dataset.rewardModels.count == 12 && dataset.domains.count == 6)
    #expect(ties(dataset).reduce(0, +) == 6081)
    let table = dataset.correctness
    let accuracies = Dictionary(uniqueKeysWithValues: zip(dataset.rewardModels.map(\.name), table.values.map(percent)))
    #expect(accuracies["chrF"] == 72.16 && accuracies["OrcaPlatypus-13B"] == 71.46 && accuracies["ChatGPT"] == 61.3)
    #expect(dataset.rewardModels[table.bestArm].name == "chrF")
    #expect(percent(table.ofOracle) == 99.66)
    let best = table.bestArms(byDomainOf: dataset)
    #expect(percent(table.pairs.map { table.values[best[dataset.domain(pair: $0)] ?? 0][$0] }) == 75.58)
    #expect(table.disagreementSet.count == 3909)
    // Where ties are wrong, a judge of five grades looks worse than a coin.
    let strict = CorrectnessTable(dataset, ties: .wrong)
    #expect(percent(strict.values[4]) == 35.86 && strict.disagreementSet.count == 4324)
    try expectWholeGroups(dataset.pairs, count: 96)
  }

  @Test(.enabled(if: RealData.isPresent(RealData.wmt22)))
  func wmt22HasItsAccuraciesWhereATieIsOneHalf() throws {
    let dataset = try PreferenceDataset(folder: RealData.wmt22)
    #expect(dataset.pairs.count == 6158 && dataset.rewardModels.count == 18 && dataset.domains.count == 4)
    #expect(ties(dataset).reduce(0, +) == 10_009)
    let table = dataset.correctness
    #expect(dataset.rewardModels[table.bestArm].name == "MetricX-XL-DA")
    #expect(percent(table.values[table.bestArm]) == 73.73 && percent(table.ofOracle) == 98.16)
    let best = table.bestArms(byDomainOf: dataset)
    #expect(percent(table.pairs.map { table.values[best[dataset.domain(pair: $0)] ?? 0][$0] }) == 73.88)
    try expectWholeGroups(dataset.pairs, count: 1540)
  }

  /// Deals the pairs into ten folds and expects each group on one side.
  private func expectWholeGroups(_ pairs: [PreferencePair], count: Int) throws {
    let groups = PairGroups(pairs)
    #expect(groups.groups.count == count)
    var generator = PhiloxGenerator(seed: 1, stream: "real-folds")
    for split in try groups.folds(10, using: &generator) {
      let training = Set(split.training.map { pairs[$0].group })
      #expect(!training.contains(nil) && training.isDisjoint(with: split.heldOut.map { pairs[$0].group }))
    }
  }
}
