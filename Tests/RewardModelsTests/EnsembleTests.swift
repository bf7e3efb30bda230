import PreferenceData
import Randomness
import RewardModels
import Testing

/// Prefers A by one, prefers B by one, or ties.
private let a = ScorePair(a: 1, b: 0)
private let b = ScorePair(a: 0, b: 1)
private let tie = ScorePair(a: 3, b: 3)

@Suite struct MajorityVoteTests {
  @Test(arguments: [
    ([a, a, b], Verdict.preferred(.a)), ([a, b, b], .preferred(.b)), ([a, b], .tie), ([tie, b], .preferred(.b)),
    ([tie, a, b], .tie), ([tie, tie, a], .preferred(.a)), ([tie], .tie), ([b], .preferred(.b)),
  ])
  func countsVotesAndAbstentions(scores: [ScorePair], verdict: Verdict) {
    #expect(MajorityVote().verdict(scores: scores) == verdict)
  }
}

@Suite struct VerdictTests {
  @Test func tieCountsOneHalf() {
    #expect(Verdict.tie.correctness(label: .a) == 0.5)
    #expect(Verdict.preferred(.b).correctness(label: .b) == 1)
    #expect(Verdict.preferred(.b).correctness(label: .a) == 0)
  }

  @Test func coinIsFairSeededAndDrawnForTiesOnly() {
    var generator = PhiloxGenerator(seed: 7, stream: "coin")
    let untouched = generator
    #expect(Verdict.preferred(.b).side(using: &generator) == .b)
    #expect(generator == untouched)
    var again = generator
    let sides = (0..<4000).map { _ in Verdict.tie.side(using: &generator) }
    #expect((0..<4000).map { _ in Verdict.tie.side(using: &again) } == sides)
    // Five standard deviations of a fair coin: sqrt(4000) / 2 = 31.6.
    #expect(abs(sides.count { $0 == .a } - 2000) < 158)
  }
}

@Suite struct ScoreStandardizationTests {
  @Test func standardizedCalibrationHasMeanZeroAndVarianceOne() throws {
    var generator = PhiloxGenerator(seed: 1, stream: "scores")
    let calibration = [1.0, 1e-8, 1e8].map { scale in
      (0..<500).map { _ in
        ScorePair(a: scale * (generator.nextNormal() + 3), b: scale * (generator.nextNormal() * 2 - 1))
      }
    }
    let standardization = try ScoreStandardization(calibration: calibration)
    for arm in 0..<3 {
      let z = (0..<500).flatMap { index in
        let pair = standardization.standardize(calibration.map { $0[index] })[arm]
        return [pair.a, pair.b]
      }
      let mean = z.reduce(0, +) / 1000
      let variance = z.reduce(0) { $0 + $1 * $1 } / 1000
      // Sums of 1000 terms of magnitude up to 4: 1000 x 4 x 2^-53 each, of which the mean is taken.
      #expect(abs(mean) < 1e-14)
      #expect(abs(variance - 1) < 1e-13)
    }
  }

  @Test func handComputedValues() throws {
    // Scores 1, 3, 5, 7: mean 4, variance (9 + 1 + 1 + 9) / 4 = 5.
    let standardization = try ScoreStandardization(calibration: [[ScorePair(a: 1, b: 3), ScorePair(a: 5, b: 7)]])
    #expect(abs(standardization.means[0] - 4) <= 4e-15)
    #expect(abs(standardization.standardDeviations[0] - 5.0.squareRoot()) <= 4e-15)
    #expect(abs(standardization.standardize([ScorePair(a: 9, b: 4)])[0].a - 5.0.squareRoot()) <= 4e-15)
  }

  @Test(arguments: [0.1, -7.3, 0, 1e300])
  func constantModelStandardizesToZero(score: Double) throws {
    let constant = [ScorePair](repeating: ScorePair(a: score, b: score), count: 11)
    let standardization = try ScoreStandardization(calibration: [constant])
    #expect(standardization.standardDeviations == [0])
    #expect(standardization.standardize([ScorePair(a: 5, b: -5)]) == [ScorePair(a: 0, b: 0)])
  }

  @Test(arguments: [0x1p-1060, 1e-200, 1e200, 1e307])
  func extremeScalesNeitherOverflowNorVanish(scale: Double) throws {
    let standardization = try ScoreStandardization(calibration: [[ScorePair(a: scale, b: -scale)]])
    #expect(standardization.standardize([ScorePair(a: scale, b: -scale)]) == [ScorePair(a: 1, b: -1)])
  }

  @Test func unusableCalibrationIsAnErrorThatNamesTheArm() {
    let good = [ScorePair(a: 1, b: 2)]
    let missing = #expect(throws: RewardModelError.self) { try ScoreStandardization(calibration: [good, []]) }
    let broken = #expect(throws: RewardModelError.self) {
      try ScoreStandardization(calibration: [good, good, [ScorePair(a: 0, b: .nan)]])
    }
    #expect(missing == .noCalibrationScores(arm: 1))
    #expect(broken == .calibrationNotFinite(arm: 2, value: "nan"))
  }
}

@Suite struct StandardizedEnsembleTests {
  /// Deviations 1 and 100 about 0: the second model's raw scores would drown the first's.
  private func standardization(_ deviations: [Double]) throws -> ScoreStandardization {
    try ScoreStandardization(calibration: deviations.map { [ScorePair(a: $0, b: -$0)] })
  }

  @Test func meanWeighsModelsOfAnyScaleEqually() throws {
    let ensemble = StandardizedMean(try standardization([1, 100]))
    // A: (2 - 0.5) / 2, B: (0 + 0.5) / 2.
    #expect(ensemble.verdict(scores: [ScorePair(a: 2, b: 0), ScorePair(a: -50, b: 50)]) == .preferred(.a))
    #expect(ensemble.verdict(scores: [ScorePair(a: 2, b: 0), ScorePair(a: -150, b: 150)]) == .preferred(.b))
    #expect(ensemble.verdict(scores: [ScorePair(a: 1, b: 0), ScorePair(a: 0, b: 100)]) == .tie)
  }

  /// Response A scores 3 and -1 (mean 1, variance 4), response B 0.5 and 0.5 (variance 0): B wins from coefficient 1/8 on.
  @Test(arguments: [(0, Verdict.preferred(.a)), (0.124, .preferred(.a)), (0.125, .tie), (0.126, .preferred(.b))])
  func uncertaintyIsWeightedByTheCoefficient(coefficient: Double, verdict: Verdict) throws {
    let ensemble = UncertaintyWeightedEnsemble(try standardization([1, 1]), coefficient: coefficient)
    #expect(ensemble.verdict(scores: [ScorePair(a: 3, b: 0.5), ScorePair(a: -1, b: 0.5)]) == verdict)
  }

  @Test func swappingTheResponsesSwapsTheVerdict() throws {
    var generator = PhiloxGenerator(seed: 3, stream: "scores")
    let scale = try standardization([1, 2, 3, 4, 5])
    let ensembles: [any Ensemble] = [
      MajorityVote(), StandardizedMean(scale), UncertaintyWeightedEnsemble(scale, coefficient: 0.3),
    ]
    for _ in 0..<200 {
      let scores = (0..<5).map { _ in
        ScorePair(a: Double(generator.nextIndex(below: 4)), b: Double(generator.nextIndex(below: 4)))
      }
      let swapped = scores.map { ScorePair(a: $0.b, b: $0.a) }
      for ensemble in ensembles {
        switch ensemble.verdict(scores: scores) {
        case .tie: #expect(ensemble.verdict(scores: swapped) == .tie)
        case .preferred(let side): #expect(ensemble.verdict(scores: swapped) == .preferred(side.other))
        }
      }
    }
  }
}
