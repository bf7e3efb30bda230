import Foundation
import Randomness
import Routing
import TestSupport
import Testing

/// One record of `calibration.json`; see `Scripts/fixtures/calibration.py`.
private struct CalibrationRecord: Decodable {
  struct Posterior: Decodable {
    let a: Double
    let b: Double
    let covariance: [Double]
  }

  let name: String
  let margins: [Double]
  let right: [Int]
  let logScale: Double
  let a: Double
  let b: Double
  let covariance: [Double]
  let online: Posterior

  var judgements: [MarginCalibration.Judgement] {
    margins.indices.map { .init(pair: "\($0)", margin: margins[$0], isRight: right[$0] == 1) }
  }
}

private struct CalibrationFixture: Decodable {
  let cases: [CalibrationRecord]
}

/// Judgements by the model itself: ln |m| normal, both signs.
func plantedJudgements(
  _ count: Int, a: Double, b: Double, scale: Double = 1, spread: Double = 1.2, seed: UInt64
) -> [MarginCalibration.Judgement] {
  var generator = PhiloxGenerator(seed: seed, stream: "planted-margins")
  let logs = generator.normals(count).map { log(scale) + spread * $0 }
  let logScale = logs.reduce(0, +) / Double(count)
  return logs.enumerated().map { index, size in
    let logit = a + b * (log1p(exp(size - logScale)) - log(2))
    let isRight = generator.nextUniform() < 1 / (1 + exp(-logit))
    return .init(
      pair: "pair-\(index)", margin: generator.nextUniform() < 0.5 ? -exp(size) : exp(size), isRight: isRight)
  }
}

@Suite struct MarginCalibrationTests {
  private func fit(_ judgements: [MarginCalibration.Judgement]) throws -> MarginCalibration {
    try MarginCalibration(rewardModel: "rm", judgements: judgements)
  }

  /// `count` judgements with these margins, over and over.
  private func judgements(
    _ count: Int, margins: [Double], right: (Int) -> Bool
  ) -> [MarginCalibration.Judgement] {
    (0..<count).map { .init(pair: "pair-\($0)", margin: margins[$0 % margins.count], isRight: right($0)) }
  }

  private func expectClose(
    _ found: MarginCalibration, a: Double, b: Double, covariance: [Double], tolerance: Double,
    covarianceTolerance: Double, _ name: String
  ) {
    #expect(abs(found.a - a) <= tolerance && abs(found.b - b) <= tolerance, "\(name): \(found.a), \(found.b)")
    let entries = found.posterior.covariance.flatMap(\.self)
    #expect(entries.count == 4 && covariance.count == 4)
    for (entry, expected) in matched(entries, covariance) {
      #expect(abs(entry - expected) <= covarianceTolerance, "\(name): \(entry), not \(expected)")
    }
  }

  // MARK: Parity

  /// The reference is right to 3e-10, and our gradient to some n eps max|x| = 2e-11 over a curvature of at least 4. A mode that is off by
  /// that changes the Hessian by at most max|x| = 350 times as much, relatively, and no covariance is above the prior's 1/4.
  @Test func theFitEqualsSciPys() throws {
    let cases = try loadFixture("calibration", as: CalibrationFixture.self).cases
    #expect(cases.count >= 10)
    for record in cases {
      let calibration = try fit(record.judgements)
      let logScale = try #require(calibration.logScale)
      #expect(abs(logScale - record.logScale) <= 1e-13 * max(1, abs(record.logScale)), "\(record.name)")
      expectClose(
        calibration, a: record.a, b: record.b, covariance: record.covariance, tolerance: 1e-9,
        covarianceTolerance: 3e-8, record.name)
    }
  }

  /// The reference adds up precisions, ours subtracts from covariances: they part by some n eps cond(P), and cond(P) is up to 1e5.
  @Test func theOnlineStepsEqualNumPys() throws {
    for record in try loadFixture("calibration", as: CalibrationFixture.self).cases {
      var calibration = MarginCalibration(rewardModel: "rm", scale: exp(record.logScale))
      for judgement in record.judgements {
        try calibration.observe(margin: judgement.margin, isRight: judgement.isRight)
      }
      #expect(calibration.updateCount == record.margins.count { $0 != 0 })
      expectClose(
        calibration, a: record.online.a, b: record.online.b, covariance: record.online.covariance, tolerance: 1e-8,
        covarianceTolerance: 1e-8, record.name)
    }
  }

  // MARK: Properties

  @Test func aPlantedCalibrationIsFoundWithinItsDeviations() throws {
    let repetitions = 40
    var distances = 0.0
    for seed in 0..<repetitions {
      let calibration = try fit(plantedJudgements(1000, a: 0.6, b: 0.8, scale: 3, seed: UInt64(seed)))
      let posterior = calibration.posterior
      let (da, db) = (calibration.a - 0.6, calibration.b - 0.8)
      #expect(abs(da) < 4 * posterior.varianceA.squareRoot() && abs(db) < 4 * posterior.varianceB.squareRoot())
      let determinant = posterior.varianceA * posterior.varianceB - posterior.covarianceAB * posterior.covarianceAB
      distances +=
        (posterior.varianceB * da * da - 2 * posterior.covarianceAB * da * db + posterior.varianceA * db * db)
        / determinant
    }
    // Squared distances of two parameters: mean 2, standard deviation 2; four standard errors of the mean.
    #expect(abs(distances / Double(repetitions) - 2) < 4 * 2 / Double(repetitions).squareRoot())
  }

  /// The steps differ from the fit in the second order, 1/n, against the posterior's deviation of 1/sqrt(n).
  @Test(arguments: [300, 3000])
  func onlineStepsApproachTheFit(count: Int) throws {
    let judgements = plantedJudgements(count, a: 0.4, b: 0.9, scale: 0.2, seed: 11)
    let batch = try fit(judgements)
    var online = MarginCalibration(rewardModel: "rm", scale: batch.scale)
    for judgement in judgements { try online.observe(margin: judgement.margin, isRight: judgement.isRight) }
    let share = 2 / Double(count).squareRoot()
    #expect(abs(online.a - batch.a) < share * batch.posterior.varianceA.squareRoot())
    #expect(abs(online.b - batch.b) < share * batch.posterior.varianceB.squareRoot())
    for (left, right) in matched(online.posterior.covariance.joined(), batch.posterior.covariance.joined()) {
      #expect(abs(left - right) < share * batch.posterior.varianceB)
    }
  }

  @Test func logOddsAreOddAndProbabilitiesGrowWithTheMargin() throws {
    let calibration = try fit(plantedJudgements(200, a: 0.1, b: 1.1, seed: 3))
    #expect(calibration.b > 0)
    let margins = (-40...40).map { exp(Double($0)) }
    var last = try calibration.probability(margin: 0)
    for margin in margins {
      let (plus, minus) = (
        try calibration.logOdds(margin: margin), try calibration.logOdds(margin: -margin)
      )
      #expect(plus == -minus)
      let probability = try calibration.probability(margin: margin)
      #expect(probability == (try calibration.probability(margin: -margin)))
      // 1 / (1 + e^-z) and z: to a few roundings.
      #expect(abs(1 / (1 + exp(-plus)) - probability) < 1e-15)
      #expect(probability >= last)
      last = probability
    }
    #expect(try calibration.logOdds(margin: 0) == 0 && calibration.logOdds(margin: -0.0) == 0)
  }

  @Test func aUsualMarginHasTheLogitA() throws {
    let calibration = try fit(plantedJudgements(100, a: 0.6, b: 0.8, scale: 7, seed: 5))
    let scale = try #require(calibration.scale)
    #expect(abs(try calibration.logOdds(margin: scale) - calibration.a) < 1e-14)
    #expect(abs(try calibration.logOdds(margin: -scale) + calibration.a) < 1e-14)
  }

  /// A scale of 2^k moves ln |m| and ln s alike.
  @Test(arguments: [-30, -1, 1, 200])
  func theUnitOfScoresDoesNotMatter(exponent: Int) throws {
    let factor = pow(2, Double(exponent))
    let judgements = plantedJudgements(150, a: 0.6, b: 0.8, seed: 6)
    let plain = try fit(judgements)
    let scaled = try fit(
      judgements.map { .init(pair: $0.pair, margin: $0.margin * factor, isRight: $0.isRight) })
    #expect(abs(plain.a - scaled.a) < 1e-12 && abs(plain.b - scaled.b) < 1e-12)
    #expect(
      abs(try plain.logOdds(margin: 2.5) - scaled.logOdds(margin: 2.5 * factor)) < 1e-12)
  }

  @Test func codingGoesOnBitForBit() throws {
    var calibrations = [
      try fit(plantedJudgements(200, a: 0.6, b: 0.8, seed: 7)), try fit(plantedJudgements(12, a: 0, b: 0, seed: 7)),
      MarginCalibration(rewardModel: "rm"), MarginCalibration(rewardModel: "rm", scale: 0.3),
    ]
    let stream = plantedJudgements(100, a: 0.3, b: 0.4, seed: 8)
    for index in calibrations.indices {
      for judgement in stream[..<70] {
        try calibrations[index].observe(margin: judgement.margin, isRight: judgement.isRight)
      }
      let data = try JSONEncoder().encode(calibrations[index])
      var read = try JSONDecoder().decode(MarginCalibration.self, from: data)
      #expect(read == calibrations[index])
      for judgement in stream[70...] {
        try calibrations[index].observe(margin: judgement.margin, isRight: judgement.isRight)
        try read.observe(margin: judgement.margin, isRight: judgement.isRight)
      }
      #expect(read == calibrations[index])
    }
  }

  // MARK: Special values

  @Test func thePriorAloneIsUsedBelowThirtyPairs() throws {
    let judgements = plantedJudgements(30, a: 3, b: 3, seed: 9)
    let few = try fit(Array(judgements.dropLast()))
    #expect(few.posterior == .prior && few.a == 0.4 && few.b == 0.5)
    #expect(few.posterior.covariance == [[0.25, 0], [0, 0.25]])
    #expect(few.notes == [.fewPairs(found: 29, needed: 30)] && few.scale != nil && !few.holdsScale)
    let enough = try fit(judgements)
    #expect(enough.posterior != .prior && enough.evidence.isFitted && enough.holdsScale)
    // Ties do not count.
    let tied = try fit(judgements.dropLast() + [.init(pair: "tie", margin: 0, isRight: false)])
    #expect(tied.posterior == .prior && tied.notes == [.fewPairs(found: 29, needed: 30)] && tied.evidence.ties == 1)
    #expect(try fit([]).notes == [.fewPairs(found: 0, needed: 30)])
  }

  @Test func withoutAMarginTheSizeSaysNothing() throws {
    var calibration = try fit(judgements(50, margins: [0, -0.0]) { _ in true })
    #expect(calibration.notes == [.allTied(pairs: 50)] && calibration.scale == nil)
    for margin in [1e-300, 1, 1e300] { #expect(try calibration.logOdds(margin: margin) == 0.4) }
    #expect(abs(try calibration.probability(margin: 3) - 1 / (1 + exp(-0.4))) < 1e-15)
    // The scale is then the running geometric mean.
    for margin in [2.0, -8, 0] { try calibration.observe(margin: margin) }
    #expect(abs(try #require(calibration.scale) - 4) < 1e-14)
    #expect(calibration.updateCount == 0 && calibration.posterior == .prior)
    #expect(abs(try calibration.logOdds(margin: 4) - 0.4) < 1e-14)
  }

  @Test func equalMarginsLeaveTheSlopeToThePrior() throws {
    let calibration = try fit(judgements(80, margins: [3, -3, 3]) { $0 % 4 > 0 })
    #expect(calibration.notes == [.equalMargins(3)])
    #expect(abs(calibration.b - 0.5) < 1e-12 && calibration.a > 0.8)
    #expect(abs(calibration.posterior.varianceB - 0.25) < 1e-12)
  }

  @Test func alwaysRightOrWrongStaysFinite() throws {
    let right = try fit(judgements(60, margins: [1, -2, 4]) { _ in true })
    #expect(right.notes == [.alwaysRight(pairs: 60)])
    let wrong = try fit(judgements(60, margins: [1, -2, 4]) { _ in false })
    #expect(wrong.notes.first == .alwaysWrong(pairs: 60))
    #expect((0.8..<1).contains(try right.probability(margin: 2)))
    #expect((0.001..<0.2).contains(try wrong.probability(margin: 2)))
    // A model that is wrong as a rule speaks for the response that it scores lower.
    #expect(try wrong.logOdds(margin: 2) < 0 && wrong.logOdds(margin: -2) > 0)
  }

  @Test func labelsOfOneSideAreNoted() throws {
    let onlyA = try fit(judgements(60, margins: [1, -2, 4, -1]) { [true, false, true, false][$0 % 4] })
    #expect(onlyA.notes == [.oneLabel(.a)])
    let onlyB = try fit(judgements(60, margins: [1, -2, 4, -1]) { [false, true, false, true][$0 % 4] })
    #expect(onlyB.notes.contains(.oneLabel(.b)))
  }

  @Test func aSlopeThatFallsIsZero() throws {
    var calibration = try fit(plantedJudgements(300, a: 0.4, b: -1.5, seed: 10))
    #expect(calibration.b == 0 && calibration.notes == [.noSlope])
    #expect(try calibration.logOdds(margin: 1e-9) == calibration.logOdds(margin: 1e9))
    // And can grow again.
    for judgement in plantedJudgements(2000, a: 0.4, b: 1.5, seed: 11) {
      try calibration.observe(margin: judgement.margin, isRight: judgement.isRight)
    }
    #expect(calibration.b > 0.5 && calibration.notes.isEmpty)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func marginsThatAreNoNumbersAreRefused(margin: Double) throws {
    var judgements = plantedJudgements(40, a: 0, b: 0, seed: 12)
    judgements[17] = .init(pair: "p17", margin: margin, isRight: true)
    let error = RoutingError.calibration(.margin(rewardModel: "rm", pair: "p17", value: "\(margin)"))
    #expect(throws: error) { try fit(judgements) }
    #expect(error.description.contains("\"rm\"") && error.description.contains("\"p17\""))
    var calibration = try fit(plantedJudgements(40, a: 0, b: 0, seed: 12))
    let before = calibration
    #expect(throws: error) { try calibration.probability(margin: margin, pair: "p17") }
    #expect(throws: error) { try calibration.logOdds(margin: margin, pair: "p17") }
    #expect(throws: error) { try calibration.observe(margin: margin, pair: "p17") }
    #expect(throws: error) { try calibration.observe(margin: margin, isRight: true, pair: "p17") }
    #expect(calibration == before)
  }

  @Test func theLargestAndSmallestMarginsStayFinite() throws {
    let extremes = [Double.greatestFiniteMagnitude, Double.leastNonzeroMagnitude, 1]
    var calibrations = [
      try fit(judgements(60, margins: extremes) { $0 % 3 != 1 }), MarginCalibration(rewardModel: "rm", scale: 1e-300),
      try fit(plantedJudgements(40, a: 0.5, b: 0.5, seed: 13)),
    ]
    for index in calibrations.indices {
      for step in 0..<40 {
        try calibrations[index].observe(margin: extremes[step % 3], isRight: step % 4 == 0)
        let posterior = calibrations[index].posterior
        #expect(posterior.a.isFinite && posterior.b >= 0 && posterior.b.isFinite)
        #expect(posterior.varianceA > 0 && posterior.varianceB > 0)
        #expect(posterior.covarianceAB * posterior.covarianceAB < posterior.varianceA * posterior.varianceB)
      }
      for margin in extremes {
        #expect(try calibrations[index].logOdds(margin: margin).isFinite)
        #expect((0...1).contains(try calibrations[index].probability(margin: margin)))
      }
    }
  }
}
