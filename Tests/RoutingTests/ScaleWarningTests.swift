import Foundation
import Routing
import Testing

/// Margins that come in another scale than when they were calibrated.
@Suite struct ScaleWarningTests {
  private func fit(_ judgements: [MarginCalibration.Judgement]) throws -> MarginCalibration {
    try MarginCalibration(rewardModel: "rm", judgements: judgements)
  }

  @Test func marginsOfTheSameScaleGiveNoWarning() throws {
    var calibration = try fit(plantedJudgements(300, a: 0.6, b: 0.8, scale: 2, seed: 14))
    for judgement in plantedJudgements(3000, a: 0.6, b: 0.8, scale: 2, seed: 15) {
      try calibration.observe(margin: judgement.margin)
      #expect(calibration.scaleWarning == nil)
    }
    // The first 63 of another scale are no full window.
    var other = try fit(plantedJudgements(300, a: 0.6, b: 0.8, scale: 2, seed: 14))
    for _ in 0..<63 { try other.observe(margin: 0.01) }
    #expect(other.scaleWarning == nil)
  }

  @Test(arguments: [0.1, 10])
  func aDriftOfTheScaleIsToldAfterAWindow(factor: Double) throws {
    var calibration = try fit(plantedJudgements(300, a: 0.6, b: 0.8, scale: 2, spread: 0.8, seed: 14))
    for judgement in plantedJudgements(64, a: 0.6, b: 0.8, scale: 2 * factor, spread: 0.8, seed: 16) {
      try calibration.observe(margin: judgement.margin, isRight: judgement.isRight)
    }
    let warning = try #require(calibration.scaleWarning)
    #expect(warning.description.contains("\"rm\" have another scale than when calibrated"))
    guard case .drift(_, 64, let mean, let calibrated) = warning else {
      Issue.record("\(warning)")
      return
    }
    #expect(abs(log(mean / calibrated) - log(factor)) < 0.8)
    // The scale of the fit is held.
    #expect(abs(calibrated - (try #require(calibration.scale))) < 1e-12 * calibrated)
    // And a window of the old scale takes the warning back.
    for judgement in plantedJudgements(64, a: 0.6, b: 0.8, scale: 2, spread: 0.8, seed: 17) {
      try calibration.observe(margin: judgement.margin)
    }
    #expect(calibration.scaleWarning == nil)
  }

  @Test func fourMarginsFarBeyondTheRangeAreTold() throws {
    let margins = [1.0, -2, 4]
    var calibration = try fit(
      (0..<60).map { .init(pair: "pair-\($0)", margin: margins[$0 % 3], isRight: $0 % 3 > 0) })
    for _ in 0..<3 { try calibration.observe(margin: -41) }
    #expect(calibration.scaleWarning == nil)
    try calibration.observe(margin: 39)
    #expect(calibration.scaleWarning == nil)
    try calibration.observe(margin: 41)
    guard case .beyond("rm", 4, 5, let limit) = calibration.scaleWarning else {
      Issue.record("\(String(describing: calibration.scaleWarning))")
      return
    }
    #expect(abs(limit - 40) < 1e-12)
  }

  @Test func whatWasNeverFittedHasNoScaleToLeave() throws {
    var calibration = MarginCalibration(rewardModel: "rm")
    for exponent in 0..<100 { try calibration.observe(margin: pow(10, Double(exponent))) }
    #expect(calibration.scaleWarning == nil)
  }
}
