import Alignment
import LinearAlgebra
import PreferenceData
import Reporting
import Routing
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
    #expect(report.rows[0].differenceToBestSingle == 0)
    let gain = try #require(report.rows[1].differenceToBestSingle)
    let expected = try accuracy(outcomes, "default (nested)") - accuracy(outcomes, "best single (named by training)")
    #expect(abs(gain - expected) < 1e-12 && gain > 0.3)
    #expect(report.domains.count == 2 && report.rows.allSatisfy { $0.accuracyByDomain.count == 2 })
  }

  @Test func whatCannotBeValidatedIsSaid() throws {
    func problem(_ body: () throws -> Void) -> String {
      do {
        try body()
        return ""
      } catch { return "\(error)" }
    }
    #expect(problem { _ = try validation(pairs: 4) }.contains("4 prompts"))
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
