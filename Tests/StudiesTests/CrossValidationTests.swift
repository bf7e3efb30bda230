import Alignment
import LinearAlgebra
import PreferenceData
import Randomness
import Reporting
import Routing
import Studies
import Testing

@Suite struct CrossValidationTests {
  /// Each of two models is right in its own domain, and contexts tell the domains apart.
  private func validation(
    pairs: Int = 60, _ change: (inout CrossValidation.Configuration) -> Void = { _ in }
  ) throws -> CrossValidation {
    let world = try twoDomainWorld(pairs)
    var configuration = CrossValidation.Configuration()
    configuration.seeds = 2
    change(&configuration)
    return try CrossValidation(dataset: world.dataset, contexts: world.contexts, configuration: configuration)
  }

  private func accuracy(_ outcomes: [CrossValidation.Outcome], _ name: String) throws -> Double {
    let outcome = try #require(outcomes.first { $0.name == name })
    return outcome.correctness.reduce(0, +) / Double(outcome.correctness.count)
  }

  @Test func policiesAreJudgedOnPairsThatTheyHaveNotSeen() throws {
    // Right where it has seen the context, wrong elsewhere: on held-out pairs, never.
    struct Memory: OfflinePolicy {
      let name = "memory"
      struct Fitted: FittedOfflinePolicy {
        let seen: [[Double]]
        func arms(contexts: Matrix<Double>, domains: [String?]) -> [Int] {
          (0..<contexts.rows).map { seen.contains(Array(contexts.row($0))) ? 1 : 0 }
        }
      }
      func fit(_ evidence: OfflineEvidence) -> any FittedOfflinePolicy {
        Fitted(seen: (0..<evidence.pairCount).map { Array(evidence.contexts.row($0)) })
      }
    }
    let world = try twoDomainWorld(40)
    let contexts = Matrix(rows: (0..<40).map { [Double($0), 1] })
    let validation = try CrossValidation(dataset: world.dataset, contexts: contexts, configuration: .init())
    let outcome = try validation.run([Memory()])[0]
    #expect(outcome.shares == [1, 0])
  }

  @Test func contextAndDomainPayAndTheRestIsExact() throws {
    let outcomes = try validation().run([BestSinglePolicy(), BestOfDomainPolicy(), AdvantagePolicy(caution: 1)])
    #expect(try accuracy(outcomes, "even-rm") == 0.5)
    #expect(try accuracy(outcomes, "random") == 0.5)
    #expect(try accuracy(outcomes, "majority") == 0.5)
    #expect(try accuracy(outcomes, "oracle (hindsight)") == 1)
    #expect(try accuracy(outcomes, "best of domain (named by training)") == 1)
    #expect(try accuracy(outcomes, "advantage, caution 1.0") == 1)
  }

  @Test func aPartOfTheTrainingDataIsAPart() throws {
    struct Counting: OfflinePolicy {
      let name = "counting"
      struct Fitted: FittedOfflinePolicy {
        let count: Int
        func arms(contexts: Matrix<Double>, domains: [String?]) -> [Int] {
          // Arm 1 says that as many pairs were seen as there should be.
          [Int](repeating: count == 12 ? 1 : 0, count: contexts.rows)
        }
      }
      func fit(_ evidence: OfflineEvidence) -> any FittedOfflinePolicy { Fitted(count: evidence.pairCount) }
    }
    // 60 pairs of 60 prompts in five folds leave 48; a quarter of them is 12.
    let outcome = try validation { $0.fraction = 0.25 }.run([Counting()])[0]
    #expect(outcome.shares == [0, 1])
  }

  @Test func reportTakesDifferencesToTheFirstRow() throws {
    let validation = try validation()
    let outcomes = try validation.run([BestSinglePolicy(), NestedPolicy()])
    var generator = PhiloxGenerator(seed: 1, stream: "bootstrap")
    let report = CrossValidationReport(outcomes, dataset: validation.dataset, using: &generator)
    #expect(report.pairCounts == [60, 60, 60])
    #expect(report.rows[0].accuracy.toBestSingle?.value == 0)
    let gain = try #require(report.rows[1].accuracy.toBestSingle?.value)
    let expected = try accuracy(outcomes, "default (nested)") - accuracy(outcomes, "best single (named by training)")
    #expect(abs(gain - expected) < 1e-12 && gain > 0.3)
    #expect(report.domains.count == 2 && report.rows.allSatisfy { $0.accuracyByDomain.count == 2 })
  }

  /// One that always says 0.75, and one that says nothing.
  @Test func expectationsAreJudgedOnHeldOutPairs() throws {
    struct Constant: OfflinePolicy {
      let name: String
      let judges: Bool
      struct Fitted: FittedOfflinePolicy {
        let judges: Bool
        func arms(contexts: Matrix<Double>, domains: [String?]) -> [Int] { (0..<contexts.rows).map { _ in 0 } }
        func judge(contexts: Matrix<Double>, domains: [String?]) -> OfflineRouter.Judgement? {
          guard judges else { return nil }
          return .init(
            scores: Matrix(rows: (0..<contexts.rows).map { _ in [2.0, 1] }),
            probabilities: Matrix(rows: (0..<contexts.rows).map { _ in [0.75, 0.75] }))
        }
      }
      func fit(_ evidence: OfflineEvidence) -> any FittedOfflinePolicy { Fitted(judges: judges) }
    }
    let validation = try validation()
    let outcomes = try validation.run([
      Constant(name: "speaks", judges: true), Constant(name: "silent", judges: false), BestSinglePolicy(),
    ])
    var generator = PhiloxGenerator(seed: 1, stream: "bootstrap")
    let report = CrossValidationReport(outcomes, dataset: validation.dataset, using: &generator)
    // Each model is right on half of the pairs, and where it is the other is not; 60 pairs, 2 models, 2 seeds.
    #expect(report.rows[0].quality?.comparisonAccuracy == 0.5)
    #expect(report.rows[0].quality?.classificationAccuracy == 0.5)
    #expect(report.rows[0].quality?.expectedCalibrationError == 0.25)
    let bin = try #require(report.rows[0].quality?.reliability[7])
    #expect(bin.count == 240 && bin.meanProbability == 0.75 && bin.frequency == 0.5)
    #expect(report.rows[1].quality == nil && report.rows[1].isFitted)
    #expect(report.calibrationTable.csv.contains("silent,-,-,-"))
    // Where the other folds are right more often than half, this one is less often.
    let single = try #require(report.rows[2].quality?.expectedCalibrationError)
    #expect(single > 0 && single < 0.2)
    // Of the plots' lines the last is the diagonal.
    #expect(report.reliabilityPlot?.series.map(\.name) == ["speaks", BestSinglePolicy().name, "calibrated"])
    #expect(report.forecastPlot?.series[0].y.reduce(0, +) == 240)
  }

  @Test func aLearningCurveSaysWhatMoreDataCloses() throws {
    // Knows all from 48 pairs on, and nothing below.
    struct Late: OfflinePolicy {
      let name = "late"
      struct Fitted: FittedOfflinePolicy {
        let knows: Bool
        func arms(contexts: Matrix<Double>, domains: [String?]) -> [Int] {
          domains.map { knows && $0 == "odd" ? 1 : 0 }
        }
      }
      func fit(_ evidence: OfflineEvidence) -> any FittedOfflinePolicy { Fitted(knows: evidence.pairCount >= 48) }
    }
    func curve(_ policies: [any OfflinePolicy]) throws -> LearningCurve {
      let parts = try [0.25, 1].map { fraction in
        (fraction, try validation { $0.fraction = fraction }.run(policies))
      }
      var generator = PhiloxGenerator(seed: 1, stream: "bootstrap")
      return LearningCurve(parts, dataset: try validation().dataset, using: &generator)
    }
    let both = try curve([Late(), BestOfDomainPolicy()])
    #expect(both.oracle == 1 && both.rows[0].accuracies == [0.5, 1] && both.rows[0].gain == 0.5)
    #expect(both.verdict.contains("closes for late by 50.0 of 50.0 points"))
    #expect(both.verdict.contains("For the others the interval of the change holds 0"))
    #expect(both.table.csv.contains("late,50.00,100.00,50.00,0.00"))
    #expect(both.plot.series.map(\.name) == ["late", BestOfDomainPolicy().name, "oracle (hindsight)"])
    #expect(try curve([BestOfDomainPolicy()]).verdict.contains("For every method"))
  }

  @Test func whatCannotBeValidatedIsSaid() throws {
    func problem(_ body: () throws -> Void) -> String {
      do {
        try body()
        return ""
      } catch { return "\(error)" }
    }
    #expect(problem { _ = try validation(pairs: 4) }.contains("4 prompts or groups"))
    #expect(problem { _ = try validation { $0.fraction = 0 } }.contains("fractions"))
    let world = try twoDomainWorld(20)
    let one = world.dataset.selecting(arms: [0])
    #expect(
      problem { _ = try CrossValidation(dataset: one, contexts: world.contexts, configuration: .init()) }
        .contains("at least two"))
    let agreeing = PreferenceDataset(
      pairs: world.dataset.pairs, rewardModels: world.dataset.rewardModels,
      scores: [world.dataset.scores[0], world.dataset.scores[0]])
    #expect(
      problem { _ = try CrossValidation(dataset: agreeing, contexts: world.contexts, configuration: .init()) }
        .contains("right and wrong together"))
  }
}

@Suite struct JudgementQualityTests {
  @Test func comparisonsAndBinsAreCountedAsDefined() throws {
    let judgement = OfflineRouter.Judgement(
      scores: Matrix(rows: [[3.0, 1, 1], [0, 1, 0]]),
      probabilities: Matrix(rows: [[0.95, 0.1, 0.35], [0.31, 1, 0.0]]))
    var quality = JudgementQuality()
    quality.add(judgement, row: 0, correctness: [1, 1, 0])
    // (0, 2) is ordered rightly, (1, 2) is a tie.
    #expect(quality.comparisonAccuracy == 0.75)
    quality.add(judgement, row: 1, correctness: [1, 0, 0])
    // (0, 1) is ordered wrongly, (0, 2) is a tie.
    #expect(quality.comparisonAccuracy == 0.5)
    // Right at one half: 0.95, 0.35 and 0.
    #expect(quality.classificationAccuracy == 0.5)
    let bins = quality.reliability
    #expect(bins.map(\.count) == [1, 1, 0, 2, 0, 0, 0, 0, 0, 2])
    #expect(bins[2].meanProbability == nil && bins[2].frequency == nil)
    let mean = try #require(bins[3].meanProbability)
    #expect(bins[3].frequency == 0.5 && abs(mean - 0.33) < 1e-12)
    // |0 - 0| + |1 - 0.1| + |1 - 0.66| + |1 - 1.95|, over six.
    #expect(abs(quality.expectedCalibrationError - (0.9 + 0.34 + 0.95) / 6) < 1e-12)
    #expect(JudgementQuality().comparisonAccuracy == nil)
  }

  /// A tie is compared with nobody, and half right: in its bin, and on whichever side of one half its probability lies.
  @Test func aTieIsHalfRightAndComparedWithNobody() throws {
    let judgement = OfflineRouter.Judgement(
      scores: Matrix(rows: [[3.0, 9, 1]]), probabilities: Matrix(rows: [[0.95, 0.85, 0.05]]))
    var quality = JudgementQuality()
    quality.add(judgement, row: 0, correctness: [1, 0.5, 0])
    #expect(quality.comparisonAccuracy == 1 && quality.count == 3)
    #expect(quality.classificationAccuracy == 2.5 / 3)
    #expect(quality.reliability[8].frequency == 0.5)
    #expect(abs(quality.expectedCalibrationError - (0.05 + 0.35 + 0.05) / 3) < 1e-12)
    quality = JudgementQuality()
    quality.add(judgement, row: 0, correctness: [0.5, 0.5, 0.5])
    #expect(quality.comparisonAccuracy == nil && quality.classificationAccuracy == 0.5)
  }
}
