import Foundation
import LinearAlgebra
import PreferenceData
import Randomness
import Routing
import TestSupport
import Testing

@Suite struct EvidenceRouterTests {
  private static let names = ["a", "b", "c", "d"]

  /// [1, 3 coordinates of standard deviation 1/2], an arm in turn, and a reward of 0, 1/2 or 1 that depends on both.
  private func stream(_ count: Int, seed: UInt64 = 3) -> [Observation] {
    var generator = PhiloxGenerator(seed: seed, stream: "test-evidence")
    return (0..<count).map { t in
      let x = [1] + generator.normals(3).map { $0 / 2 }
      let arm = t % 4
      let probability = 0.5 + 0.1 * Double(arm) + 0.2 * x[1] * (arm == 0 ? 1 : -1)
      let draw = generator.nextUniform()
      return Observation(arm: arm, context: x, reward: draw < probability ? 1 : draw < probability + 0.05 ? 0.5 : 0)
    }
  }

  private func cold(_ exploration: Exploration = .standard) -> EvidenceRouter {
    EvidenceRouter(armNames: Self.names, dimension: 4, configuration: .init(exploration: exploration))
  }

  /// A router that knows who is right on some pairs already.
  private func warm(_ exploration: Exploration = .standard) throws -> (EvidenceRouter, AdvantageRegression) {
    var generator = PhiloxGenerator(seed: 4, stream: "test-evidence-offline")
    let contexts = Matrix(rows: 80, columns: 3, elements: generator.normals(240).map { $0 / 2 })
    let right = (0..<4).map { arm in
      (0..<80).map { pair in generator.nextUniform() < 0.4 + 0.1 * Double(arm) + 0.2 * contexts[pair, 0] ? 1.0 : 0.0 }
    }
    let regression = try AdvantageRegression(contexts: contexts, correctness: CorrectnessTable(right))
    return (try .warm(armNames: Self.names, regression: regression, exploration: exploration), regression)
  }

  // MARK: Learning

  /// Arms drawn from N(0, diag(v0, v1, v1, v1, v1)), contexts of an intercept and one of four domains, noise of variance 0.1. With 40 arms
  /// the sample variance of 40 intercepts has a standard deviation of sqrt(2/40), a quarter of a nat, and a half-decade is 1.15 nats.
  @Test(arguments: [(0.01, 0.001), (0.001, 0.003), (0.03, 0.01)])
  func theEvidenceFindsThePlantedScales(intercept: Double, weights: Double) throws {
    let arms = 40
    var generator = PhiloxGenerator(seed: 5, stream: "test-evidence-planted")
    let planted = (0..<arms).map { _ in
      generator.normals(5).enumerated().map { $1 * ($0 == 0 ? intercept : weights).squareRoot() }
    }
    var router = EvidenceRouter(armNames: (0..<arms).map { "arm \($0)" }, dimension: 5)
    let count = 12_000
    let observations = (0..<count).map { t in
      let arm = t % arms
      var x = [1.0, 0, 0, 0, 0]
      x[1 + generator.nextIndex(below: 4)] = 1
      return Observation(
        arm: arm, context: x, reward: 0.6 + dot(planted[arm], x) + 0.1.squareRoot() * generator.nextNormal())
    }
    try router.observe(observations)
    let step = 10.0.squareRoot() * 1.06  // A grid of 1 and 3 has steps of 3 and of 10/3.
    #expect((intercept / step...intercept * step).contains(router.scales.intercept), "\(router.scales)")
    #expect((weights / step...weights * step).contains(router.scales.weights), "\(router.scales)")
    let rewards = observations.map(\.reward)
    let mean = rewards.reduce(0, +) / Double(count)
    let variance = rewards.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
    // Sums of 12,000 terms of about 1 round by at most that many units.
    #expect(abs(router.rewardLevel - mean) <= Double(count) * .ulpOfOne)
    #expect(abs(router.noiseVariance - variance) <= 2 * Double(count) * .ulpOfOne)
  }

  @Test func theNoiseVarianceStaysInItsRange() throws {
    var router = cold()
    #expect(router.noiseVariance == EvidenceRouter.noiseRange.upperBound)
    for _ in 0..<4 { try router.observe(arm: 0, context: [1, 0, 0, 0], reward: 1) }
    #expect(router.noiseVariance == EvidenceRouter.noiseRange.lowerBound && router.rewardLevel == 1)
    for _ in 0..<4 { try router.observe(arm: 0, context: [1, 0, 0, 0], reward: -3) }
    #expect(router.noiseVariance == EvidenceRouter.noiseRange.upperBound && router.rewardLevel == -1)
  }

  @Test func rewardsMayComeInBatchesOfAnySize() throws {
    let observations = stream(230)
    for fresh in [cold(), try warm().0] {
      var (one, many) = (fresh, fresh)
      for observation in observations { try one.observe([observation]) }
      for start in stride(from: 0, to: observations.count, by: 37) {
        try many.observe(Array(observations[start..<min(start + 37, observations.count)]))
      }
      #expect(one == many && one.observationCount == 230)
      #expect(one.arms.map(\.posterior.observationCount) == [58, 58, 57, 57])
    }
  }

  /// The textbook's update of a prediction: it moves by the share s_x^2 / (s_x^2 + s^2) of its error, of a reward measured from the level.
  @Test func betweenRefitsTheChosenArmAloneLearns() throws {
    var router = cold()
    try router.observe(stream(100))
    let before = router
    let context = [1, 0.3, -0.2, 0.1]
    try router.observe(arm: 1, context: context, reward: 1)
    let (mean, deviation) = before.arms[1].posterior.prediction(context: context)
    let gain = deviation * deviation / (deviation * deviation + before.noiseVariance)
    let expected = mean + gain * (1 - before.rewardLevel - mean)
    #expect(abs(router.arms[1].posterior.prediction(context: context).mean - expected) <= 100 * Double.ulpOfOne)
    for arm in [0, 2, 3] { #expect(router.arms[arm] == before.arms[arm]) }
    #expect(router.scales == before.scales && router.rewardLevel == before.rewardLevel)
  }

  // MARK: Choosing

  @Test func aBoundOfNoWidthIsGreedy() throws {
    var (bound, greedy) = (cold(.upperBound(kappa: 0)), cold(.greedy))
    var one = PhiloxGenerator(seed: 6, stream: "test-greedy")
    var other = one
    for observation in stream(150) {
      let decision = try bound.select(context: observation.context, using: &one)
      #expect(try greedy.select(context: observation.context, using: &other) == decision)
      let means = greedy.arms.map { $0.posterior.prediction(context: observation.context).mean }
      #expect(decision.scores == means && means[decision.arm] == means.max())
      try bound.observe([observation])
      try greedy.observe([observation])
    }
    #expect(one == other)
  }

  @Test func aBoundIsMeanAndHalfADeviation() throws {
    var router = cold()
    try router.observe(stream(70))
    var generator = PhiloxGenerator(seed: 7, stream: "test-bound")
    let context = [1, 0.4, -0.1, 0.2]
    let scores = try router.select(context: context, using: &generator).scores
    let predictions = router.arms.map { $0.posterior.prediction(context: context) }
    #expect(scores == predictions.map { $0.mean + 0.5 * $0.standardDeviation })
  }

  @Test func aWarmRouterBeginsWithTheRegression() throws {
    var (router, regression) = try warm(.greedy)
    var generator = PhiloxGenerator(seed: 8, stream: "test-warm")
    let context = [0.5, -0.2, 0.7]
    let scores = try router.select(context: [1] + context, using: &generator).scores
    let advantages = regression.prediction(context[...]).advantages
    #expect(scores.count == advantages.count)
    // S is inverted and factorised: an error of its condition, here below 1e4, in units of rounding.
    for (score, advantage) in matched(scores, advantages) { #expect(abs(score - advantage) <= 1e-11) }
    let deviation = router.arms[2].posterior.prediction(context: [1] + context).standardDeviation
    let difference = regression.prediction(context[...]).differenceDeviation
    #expect(abs(deviation * 2.0.squareRoot() - difference) <= 1e-11)
  }

  // MARK: Saving

  /// Before the first evidence step, and between two.
  @Test(arguments: [63, 150], [false, true])
  func aSavedRouterGoesOnBitForBit(count: Int, isWarm: Bool) throws {
    var router = isWarm ? try warm(.thompson(scale: 1)).0 : cold(.thompson(scale: 1))
    let observations = stream(330)
    try router.observe(Array(observations[..<count]))
    try TestFolders.withTemporary { folder in
      var state = RouterState(
        router: router, normalizer: RewardNormalizer(.none), generator: PhiloxGenerator(seed: 9, stream: "test-saved"),
        encoder: "none", head: .domains(DomainContexts(domains: ["x", "y", "z"])))
      try state.save(to: folder.appendingPathComponent("router"))
      var read = try RouterState(
        folder: folder.appendingPathComponent("router"), rewardModels: Self.names, encoder: "none")
      #expect(read == state && read.router as? EvidenceRouter == router)
      for observation in observations[count...] {
        let decision = try state.router.select(context: observation.context, using: &state.generator)
        #expect(try read.router.select(context: observation.context, using: &read.generator) == decision)
        try state.router.observe([observation])
        try read.router.observe([observation])
      }
      #expect(read == state && read.router as? EvidenceRouter == state.router as? EvidenceRouter)
    }
  }

  // MARK: Refusing

  @Test func whatDoesNotFitIsRefused() throws {
    var router = cold()
    try router.observe(stream(10))
    let before = router
    var generator = PhiloxGenerator(seed: 10, stream: "test-refused")
    #expect(throws: RoutingError.contextSize(found: 3, expected: 4)) {
      try router.select(context: [1, 0, 0], using: &generator)
    }
    #expect(throws: RoutingError.contextSize(found: 5, expected: 4)) {
      try router.observe(arm: 0, context: [1, 0, 0, 0, 0], reward: 1)
    }
    #expect(throws: RoutingError.self) { try router.observe(arm: 0, context: [1, 0, 0, 0], reward: .nan) }
    // The sixteenth reward is that of a refit, which cannot square such a context.
    let huge = stream(5) + [Observation(arm: 0, context: [1, 1e200, 0, 0], reward: 1)]
    #expect(throws: LinearAlgebraError.self) { try router.observe(huge) }
    #expect(router == before)
  }

  @Test func explorationsAreReadAsTheyAreWritten() throws {
    let explorations: [Exploration] = [.standard, .upperBound(kappa: 0), .thompson(scale: 0.5), .greedy]
    #expect(explorations.map(\.description) == ["ucb:0.5", "ucb:0.0", "thompson:0.5", "greedy"])
    for exploration in explorations {
      #expect(Exploration(exploration.description) == exploration)
      #expect(try JSONDecoder().decode(Exploration.self, from: JSONEncoder().encode(exploration)) == exploration)
    }
    #expect(Exploration("thompson:1") == .thompson(scale: 1))
    for text in ["", "ucb", "ucb:", "ucb:-1", "ucb:nan", "ucb:inf", "thompson:0", "greedy:1", "ucb:0.5:1", "linucb:1"] {
      #expect(Exploration(text) == nil, "\(text)")
    }
  }
}
