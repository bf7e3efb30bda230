import Foundation
import PreferenceData
import Randomness
import Routing
import Studies
import Testing

@Suite struct CalibrationReportTests {
  /// One model whose margins tell everything, one that is always tied, one that is always right; each fifth pair has no label.
  private func dataset(_ count: Int = 120) -> PreferenceDataset {
    let pairs = (0..<count).map { index in
      PreferencePair(
        id: "pair-\(index)", prompt: .text("prompt \(index / 2)"), responseA: "a", responseB: "b",
        label: index % 5 == 4 ? nil : index % 2 == 0 ? .a : .b)
    }
    func score(_ pair: Int, _ size: Double, right: Bool) -> ScorePair {
      (pair % 2 == 0) == right ? ScorePair(a: size, b: 0) : ScorePair(a: 0, b: size)
    }
    return PreferenceDataset(
      pairs: pairs, rewardModels: ["telling", "tied", "right"].map { RewardModelDescription(name: $0) },
      scores: [
        pairs.indices.map { score($0, $0 % 3 == 0 ? 0.1 : 3 + Double($0), right: $0 % 3 != 0) },
        pairs.indices.map { _ in ScorePair(a: 0.5, b: 0.5) },
        pairs.indices.map { score($0, 1 + Double($0 % 7), right: true) },
      ])
  }

  @Test func eachUntiedLabelledPairIsHeldOutOnce() throws {
    var generator = PhiloxGenerator(seed: 1, stream: "folds")
    let report = try CalibrationReport(calibrating: dataset(), folds: 4, using: &generator)
    #expect(report.labelledPairs == 96 && report.unlabelledPairs == 24)
    #expect(report.rows.map(\.pairs) == [96, 0, 96] && report.rows.map(\.ties) == [0, 96, 0])
    #expect(report.rows.map { $0.reliability.reduce(0) { $0 + $1.count } } == [96, 0, 96])
    #expect(report.rows.map(\.areaUnderCurve) == [1, nil, nil])
    #expect(report.rows[1].accuracy == nil && report.rows[2].accuracy == 1)
    #expect(report.rows[0].b > 0.5)
    #expect(report.rows[1].notes.count == 1 && report.rows[2].notes.count == 1)
    #expect(report.calibration == (try PoolCalibration(fitting: dataset())))
    for row in report.rows {
      let error = row.reliability.reduce(0.0) { sum, bin in
        sum + Double(bin.count) * abs((bin.meanProbability ?? 0) - (bin.frequency ?? 0))
      }
      #expect(abs(error / Double(max(row.pairs, 1)) - row.expectedCalibrationError) < 1e-12)
    }
    #expect(report.table.rows.count == 3 && report.reliabilityPlot?.series.count == 3)
  }

  @Test func whatCannotBeFoldedIsRefused() {
    var generator = PhiloxGenerator(seed: 1, stream: "folds")
    #expect(throws: PreferenceDataError.tooFewFolds(1)) {
      try CalibrationReport(calibrating: dataset(), folds: 1, using: &generator)
    }
    #expect(throws: PreferenceDataError.tooFewGroups(found: 5, needed: 6)) {
      try CalibrationReport(calibrating: dataset(10), folds: 6, using: &generator)
    }
  }

  @Test func theAreaIsTheChanceOfTheRightOrder() {
    #expect(areaUnderCurve([1, 2, 3, 4], isPositive: [false, false, true, true]) == 1)
    #expect(areaUnderCurve([1, 2, 3, 4], isPositive: [true, true, false, false]) == 0)
    #expect(areaUnderCurve([1, 1, 1], isPositive: [true, false, false]) == 0.5)
    // Of the six comparisons four are in order and one is a tie.
    #expect(areaUnderCurve([2, 5, 3, 1, 3], isPositive: [true, true, false, false, true]) == 4.5 / 6)
    #expect(areaUnderCurve([1, 2], isPositive: [true, true]) == nil && areaUnderCurve([], isPositive: []) == nil)
  }
}
