import PreferenceData
import RewardModels
import Testing

@Suite struct RecordedRewardModelTests {
  let dataset = PreferenceDataset(
    pairs: [pair("one", "x", "y"), pair("two", "x", "z")],
    rewardModels: [RewardModelDescription(name: "m0"), RewardModelDescription(name: "m1")],
    scores: [
      [ScorePair(a: 1, b: 2), ScorePair(a: 1, b: 3)],
      [ScorePair(a: -1, b: -2), ScorePair(a: -1.5, b: -4)],
    ])

  @Test func looksUpByPairAndSide() throws {
    let models = try RecordedRewardModel.all(of: dataset)
    #expect(models.map(\.name) == ["m0", "m1"])
    let requests = [
      ScoringRequest(dataset.pairs[1], side: .b), ScoringRequest(dataset.pairs[0], side: .a),
    ]
    #expect(try models[0].scores(requests) == [3, 1])
    #expect(try models[1].scores(requests) == [-4, -1])
    #expect(try RecordedRewardModel(dataset, arm: 1).scores(requests) == [-4, -1])
  }

  @Test func unknownPairIsAnErrorThatNamesModelAndPair() throws {
    let model = try RecordedRewardModel(dataset, arm: 1)
    let error = #expect(throws: RewardModelError.self) {
      try model.scores([ScoringRequest(pair("three", "x", "y"), side: .a)])
    }
    #expect(error == .unknownPair(model: "m1", pairID: "three"))
    let text = "\(try #require(error))"
    #expect(text.contains("'m1'") && text.contains("'three'"))
  }

  @Test func anUnknownPairKeepsNoOtherFromItsScore() throws {
    let model = try RecordedRewardModel(dataset, arm: 1, name: "renamed")
    let outcomes = model.outcomes(
      [pair("three", "x", "y"), dataset.pairs[0]].map { ScoringRequest($0, side: .b) })
    #expect(throws: RewardModelError.unknownPair(model: "renamed", pairID: "three")) { try outcomes[0].get() }
    #expect(try outcomes[1].get() == -2)
  }

  @Test func duplicatePairIsRefused() {
    let twice = PreferenceDataset(
      pairs: [pair("one", "x", "y"), pair("one", "x", "z")], rewardModels: [RewardModelDescription(name: "m")],
      scores: [[ScorePair(a: 1, b: 2), ScorePair(a: 1, b: 3)]])
    #expect(throws: RewardModelError.duplicatePair(id: "one")) { try RecordedRewardModel.all(of: twice) }
  }

  /// Response "x" to one prompt is recorded as 1 and 1 by m0 (one text), as -1 and -1.5 by m1 (batch noise).
  @Test func poolReturnsWhatWasRecordedAndCountsEqualScoresOfOneTextOnce() async throws {
    let pool = try MeteredPool(RecordedRewardModel.all(of: dataset))
    for (index, pair) in dataset.pairs.enumerated() {
      #expect(try await pool.scores(of: pair, arms: 0..<2) == dataset.scores.map { $0[index] })
    }
    #expect(await pool.usage.map(\.scores) == [3, 4])
  }

  @Test func unknownPairPassesThroughThePool() async throws {
    let pool = try MeteredPool(RecordedRewardModel.all(of: dataset))
    await #expect(throws: RewardModelError.unknownPair(model: "m0", pairID: "three")) {
      try await pool.scores(of: pair("three", "u", "v"), arm: 0)
    }
  }
}
