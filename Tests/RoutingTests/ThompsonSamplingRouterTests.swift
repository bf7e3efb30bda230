import LinearAlgebra
import Randomness
import Routing
import TestSupport
import Testing

@Suite struct ThompsonSamplingRouterTests {
  private func router(
    arms: Int = 3, dimension: Int = 4, draw: ThompsonSamplingRouter.Draw = .independent, discount: Double = 1
  ) -> ThompsonSamplingRouter {
    ThompsonSamplingRouter(
      armNames: (0..<arms).map { "rm-\($0)" },
      priors: [GaussianPrior](repeating: GaussianPrior(dimension: dimension, variance: 0.5), count: arms),
      configuration: .init(noiseVariance: 0.25, draw: draw, discount: discount))
  }

  @Test func onlyTheChosenArmLearns() throws {
    var router = router()
    let before = router
    try router.observe(arm: 1, context: [1, 0, 0.5, 0], reward: 1)
    #expect(router.arms[0] == before.arms[0] && router.arms[2] == before.arms[2])
    #expect(router.arms[1].posterior.observationCount == 1)
  }

  @Test func aBatchTakesTheDecisionsOfItsPairsInTurn() throws {
    var router = router(dimension: 20)
    let (contexts, rewards) = randomObservations(60, dimension: 20, seed: 1)
    for t in 0..<60 { try router.observe(arm: t % 3, context: Array(contexts.row(t)), reward: rewards[t]) }
    var one = PhiloxGenerator(seed: 2, stream: "test-batch")
    var other = one
    let batch = try router.select(contexts: contexts, using: &one)
    for (t, decision) in batch.enumerated() {
      let single = try router.select(context: Array(contexts.row(t)), using: &other)
      #expect(single.arm == decision.arm)
      for (x, y) in matched(single.scores, decision.scores) { #expect(abs(x - y) <= 1e3 * Double.ulpOfOne) }
    }
    #expect(one == other)
  }

  @Test func observingManyEqualsObservingEach() throws {
    var many = router()
    var each = many
    let (contexts, rewards) = randomObservations(12, dimension: 4, seed: 3)
    let observations = (0..<12).map {
      Observation(arm: [0, 2, 2][$0 % 3], context: Array(contexts.row($0)), reward: rewards[$0])
    }
    try many.observe(observations)
    for observation in observations { try each.observe([observation]) }
    for (a, b) in matched(many.arms, each.arms) {
      #expect(a.posterior.observationCount == b.posterior.observationCount)
      for (x, y) in matched(a.posterior.mean, b.posterior.mean) { #expect(abs(x - y) <= 1e4 * Double.ulpOfOne) }
    }
  }

  @Test func jointDrawsShareTheWeightsOfABatch() throws {
    var router = router(arms: 2, draw: .joint)
    var generator = PhiloxGenerator(seed: 4, stream: "test-joint")
    let decisions = try router.select(
      contexts: Matrix(rows: [[1, 0, 0, 0], [2, 0, 0, 0], [-1, 0, 0, 0]]), using: &generator)
    #expect(decisions[1].scores == decisions[0].scores.map { 2 * $0 })
    #expect(decisions[2].arm != decisions[0].arm)
  }

  /// Two arms, each right on its own half of the contexts: after 400 steps nearly every choice is the right one.
  @Test(arguments: [1 as UInt64, 2, 3])
  func itLearnsWhichArmIsRightWhere(seed: UInt64) throws {
    var router = router(arms: 2, dimension: 2)
    var generator = PhiloxGenerator(seed: seed, stream: "test-learning")
    var late = 0
    for step in 0..<600 {
      let kind = generator.nextIndex(below: 2)
      let context = kind == 0 ? [1.0, 0] : [0, 1.0]
      let decision = try router.select(context: context, using: &generator)
      let right = generator.nextUniform() < (decision.arm == kind ? 0.9 : 0.3)
      try router.observe(arm: decision.arm, context: context, reward: right ? 1 : 0)
      if step >= 400 && decision.arm == kind { late += 1 }
    }
    #expect(late >= 180)
  }

  /// The better arm changes; a router that forgets follows, one that does not takes the average.
  @Test func aDiscountFollowsAChange() throws {
    func lateShare(discount: Double) throws -> Int {
      var router = router(arms: 2, dimension: 1, discount: discount)
      var generator = PhiloxGenerator(seed: 5, stream: "test-change")
      var late = 0
      for step in 0..<1200 {
        let decision = try router.select(context: [1], using: &generator)
        let better = step < 800 ? 0 : 1
        let right = generator.nextUniform() < (decision.arm == better ? 0.8 : 0.4)
        try router.observe(arm: decision.arm, context: [1], reward: right ? 1 : 0)
        if step >= 1000 && decision.arm == better { late += 1 }
      }
      return late
    }
    let forgetful = try lateShare(discount: 0.97)
    #expect(forgetful > 120)
    #expect(try lateShare(discount: 1) < forgetful)
  }

  @Test func armsComeAndGo() throws {
    var router = router()
    try router.observe(arm: 2, context: [1, 1, 0, 0], reward: 1)
    let last = router.arms[2]
    try router.addArm(named: "new", prior: GaussianPrior(mean: [1, 0, 0, 0], variance: 0.1))
    try router.removeArm(named: "rm-0")
    #expect(router.arms.map(\.name) == ["rm-1", "rm-2", "new"])
    #expect(router.arms[1] == last)
    #expect(throws: RoutingError.duplicateArm(name: "new")) {
      try router.addArm(named: "new", prior: GaussianPrior(dimension: 4, variance: 1))
    }
    #expect(throws: RoutingError.contextSize(found: 5, expected: 4)) {
      try router.addArm(named: "other", prior: GaussianPrior(dimension: 5, variance: 1))
    }
    #expect(throws: RoutingError.unknownArm(name: "gone", known: ["rm-1", "rm-2", "new"])) {
      try router.removeArm(named: "gone")
    }
  }

  @Test func badContextsAndRewardsAreRefusedWhole() throws {
    var router = router()
    let before = router
    var generator = PhiloxGenerator(seed: 6, stream: "test-bad")
    #expect(throws: RoutingError.contextSize(found: 3, expected: 4)) {
      try router.select(context: [1, 2, 3], using: &generator)
    }
    #expect(throws: RoutingError.notFinite(what: "the context of pair 1 of the batch", index: 2)) {
      try router.select(contexts: Matrix(rows: [[1, 1, 1, 1], [1, 1, .nan, 1]]), using: &generator)
    }
    #expect(throws: RoutingError.notFinite(what: "the reward of observation 1", index: 1)) {
      try router.observe([
        Observation(arm: 0, context: [1, 0, 0, 0], reward: 1),
        Observation(arm: 1, context: [1, 0, 0, 0], reward: .infinity),
      ])
    }
    #expect(router == before)
  }

  @Test func theOrderOfScoresNamesTheNextArmToAsk() {
    #expect(Decision(arm: 1, scores: [0.2, 0.9, 0.2, 0.5]).armsByScore == [1, 3, 0, 2])
  }
}
