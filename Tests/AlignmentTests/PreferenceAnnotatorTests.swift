import Alignment
import PreferenceData
import RewardModels
import Routing
import Testing

/// Scores a response by its length plus an offset of its own; fails the pairs that it is told to.
private struct Fallible: RewardModel {
  struct Down: Error, CustomStringConvertible { let description: String }
  let name: String
  let offset: Double
  var fails: @Sendable (ScoringRequest) -> Bool = { _ in false }

  func scores(_ requests: [ScoringRequest]) throws -> [Double] { try outcomes(requests).map { try $0.get() } }

  func outcomes(_ requests: [ScoringRequest]) -> [ScoringOutcome] {
    requests.map { request in
      fails(request)
        ? .failure(Down(description: "\(name) is down"))
        : .success(offset + Double(request.response.utf8.count))
    }
  }
}

@Suite struct PreferenceAnnotatorTests {
  private func pair(_ index: Int) -> PreferencePair {
    PreferencePair(
      id: "p\(index)", prompt: .text("q\(index)"), responseA: "longer answer \(index)", responseB: "b\(index)",
      label: .a)
  }

  private func annotator(_ models: [any RewardModel]) throws -> PreferenceAnnotator {
    PreferenceAnnotator(pool: try MeteredPool(models))
  }

  @Test func aTieIsHalfRightAndByTheOtherRuleOneModelsIsWrong() async throws {
    let pair = PreferencePair(id: "p", prompt: .text("q"), responseA: "x", responseB: "y", label: .a)
    let annotator = try annotator([Fallible(name: "one", offset: 1), Fallible(name: "two", offset: 2)])
    let one = try await annotator.annotate(pair, by: .arm(0))
    let vote = try await annotator.annotate(pair, by: .ensemble(MajorityVote()))
    #expect(one.verdict == .tie && vote.verdict == .tie)
    for label in ResponseSide.allCases {
      #expect(one.correctness(label: label) == 0.5 && one.correctness(label: label, ties: .wrong) == 0)
      #expect(vote.correctness(label: label) == 0.5 && vote.correctness(label: label, ties: .wrong) == 0.5)
    }
    let sure = try await annotator.annotate(self.pair(0), by: .arm(0))
    for ties in TieRule.allCases {
      #expect(sure.correctness(label: .a, ties: ties) == 1 && sure.correctness(label: .b, ties: ties) == 0)
    }
  }

  /// The chosen model fails response B of every third pair: the second in the order scores both responses of these pairs.
  @Test func aFailedPairGoesToTheNextModelAsAWhole() async throws {
    let isThird: @Sendable (ScoringRequest) -> Bool = { $0.side == .b && Int($0.pairID.dropFirst())! % 3 == 0 }
    let annotator = try annotator([
      Fallible(name: "spare", offset: 5000), Fallible(name: "chosen", offset: 100, fails: isThird),
      Fallible(name: "next", offset: 1000),
    ])
    let pairs = (0..<12).map(pair)
    let decision = Decision(arm: 1, scores: [0.1, 0.9, 0.5])
    let annotations = try await annotator.annotate(pairs, by: pairs.map { _ in .routed(decision) })
    for (index, annotation) in annotations.enumerated() {
      let replaced = index % 3 == 0
      #expect(annotation.arm == (replaced ? 2 : 1))
      // Both scores are of one model: they share its offset.
      let offset = replaced ? 1000.0 : 100
      #expect(
        annotation.scores
          == ScorePair(
            a: offset + Double(pairs[index].responseA.utf8.count), b: offset + Double(pairs[index].responseB.utf8.count)
          ))
      #expect(annotation.failures.map(\.arm) == (replaced ? [1] : []))
      #expect(annotation.failures.allSatisfy { $0.rewardModel == "chosen" && $0.problem == "chosen is down" })
      #expect(annotation.verdict == .preferred(.a))
    }
    let usage = await annotator.pool.usage
    #expect(usage.map(\.calls) == [0, 12, 4] && usage.map(\.failures) == [0, 4, 0])
  }

  @Test func exploringDecisionsFallBackInTheOrderOfScores() async throws {
    let down: @Sendable (ScoringRequest) -> Bool = { _ in true }
    let annotator = try annotator([
      Fallible(name: "a", offset: 0, fails: down), Fallible(name: "b", offset: 0, fails: down),
      Fallible(name: "c", offset: 0), Fallible(name: "d", offset: 0, fails: down),
    ])
    // Arm 1 was chosen although arm 3 scores highest: then 3, 0 and last 2 follow.
    let annotation = try await annotator.annotate(
      pair(0), by: .routed(Decision(arm: 1, scores: [0.3, 0.1, 0.2, 0.9])))
    #expect(annotation.failures.map(\.arm) == [1, 3, 0] && annotation.arm == 2)
  }

  @Test func whereEverybodyFailsNothingIsMadeUp() async throws {
    let annotator = try annotator(["x", "y"].map { Fallible(name: $0, offset: 0, fails: { $0.pairID == "p1" }) })
    let decision = Decision(arm: 0, scores: [1, 0])
    let sources = [LabelSource](repeating: .routed(decision), count: 2)
    let error = await #expect(throws: AlignmentError.self) {
      try await annotator.annotate([pair(0), pair(1)], by: sources)
    }
    guard case .nobodyLabels("p1", let failures) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(failures.map(\.rewardModel) == ["x", "y"])
    // What could be scored is not asked for again.
    _ = try await annotator.annotate(pair(0), by: .routed(decision))
    #expect(await annotator.pool.usage[0].calls == 2)
  }

  @Test func ensemblesVoteWithThoseThatAnswer() async throws {
    let annotator = try annotator([
      Fallible(name: "up", offset: 0), Fallible(name: "down", offset: 0, fails: { _ in true }),
    ])
    let annotation = try await annotator.annotate(pair(0), by: .ensemble(MajorityVote()))
    #expect(annotation.verdict == .preferred(.a) && annotation.fromEnsemble)
    #expect(annotation.failures.map(\.arm) == [1])
    // Calibration scores 0 and 1: mean 1/2 and deviation 1/2 for each model.
    let scale = try ScoreStandardization(calibration: [[ScorePair(a: 0, b: 1)], [ScorePair(a: 0, b: 1)]])
    for ensemble: any Ensemble in [StandardizedMean(scale), UncertaintyWeightedEnsemble(scale)] {
      #expect(try await annotator.annotate(pair(0), by: .ensemble(ensemble)).verdict == .preferred(.a))
    }
  }

  @Test func oneAndAllMayBeAskedInOneBatch() async throws {
    let annotator = try annotator([Fallible(name: "one", offset: 0), Fallible(name: "two", offset: 7)])
    let annotations = try await annotator.annotate(
      [pair(0), pair(1), pair(2)], by: [.arm(1), .ensemble(MajorityVote()), .arm(0)])
    #expect(annotations.map(\.arm) == [1, nil, 0])
    #expect(await annotator.pool.usage.map(\.calls) == [2, 2])
  }
}
