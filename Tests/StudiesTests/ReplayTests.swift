import Alignment
import Foundation
import LinearAlgebra
import PreferenceData
import RewardModels
import Routing
import Studies
import Testing

/// Two reward models, each right in one of two domains, over `count` pairs; contexts tell the domains apart.
func twoDomainWorld(_ count: Int) throws -> ReplayWorld {
  let pairs = (0..<count).map { index in
    PreferencePair(
      id: "p\(index)", domain: index % 2 == 0 ? "even" : "odd", prompt: .text("prompt \(index)"),
      responseA: "a \(index)", responseB: "b \(index)", label: index % 3 == 0 ? .b : .a)
  }
  func scores(rightInEven: Bool) -> [ScorePair] {
    pairs.enumerated().map { index, pair in
      let right = (index % 2 == 0) == rightInEven
      return (pair.label == .a) == right ? ScorePair(a: 1, b: 0) : ScorePair(a: 0, b: 1)
    }
  }
  return try ReplayWorld(
    dataset: PreferenceDataset(
      pairs: pairs, rewardModels: [RewardModelDescription(name: "even-rm"), RewardModelDescription(name: "odd-rm")],
      scores: [scores(rightInEven: true), scores(rightInEven: false)]),
    contexts: Matrix(rows: (0..<count).map { $0 % 2 == 0 ? [1.0, 0] : [0, 1.0] }))
}

func study(_ world: ReplayWorld, _ change: (inout ReplayConfiguration) -> Void = { _ in }) throws -> ReplayStudy {
  var configuration = ReplayConfiguration()
  configuration.seeds = 3
  change(&configuration)
  let prior = GaussianPrior(dimension: world.contexts.columns, variance: configuration.priorVariance)
  let priors = [GaussianPrior](repeating: prior, count: world.dataset.rewardModels.count)
  return try ReplayStudy(world: world, configuration: configuration, priors: priors, offlinePriors: nil)
}

@Suite struct ReplayStudyTests {
  @Test func methodsWithoutLearningHaveTheirExactAccuracy() async throws {
    let study = try study(try twoDomainWorld(12))
    #expect(try await study.run(.single(0, of: study.dataset.rewardModels)).accuracy == 0.5)
    #expect(try await study.run(.random).accuracy == 0.5)
    #expect(try await study.run(.majority).accuracy == 0.5)
    #expect(try await study.run(.domainBest).accuracy == 1)
    #expect(try await study.run(.oracle).accuracy == 1)
  }

  @Test(arguments: ["single", "domain-best", "oracle", "linucb", "epsilon-greedy", "thompson"])
  func aMethodThatChoosesIsOneCall(name: String) async throws {
    let study = try study(try twoDomainWorld(12))
    for method in try #require(ReplayMethod.named(name, rewardModels: study.dataset.rewardModels)) {
      #expect(try await study.run(method).callsPerPair == 1)
    }
  }

  @Test(arguments: ["majority", "mean", "uncertainty"])
  func ensemblesAskEveryModel(name: String) async throws {
    let study = try study(try twoDomainWorld(12))
    let method = try #require(ReplayMethod.named(name, rewardModels: study.dataset.rewardModels)?.first)
    #expect(try await study.run(method).callsPerPair == 2)
  }

  /// Streams are keys of the draws: another name of a method must not change what a seed gives.
  @Test func streamsStayWhatTheyWere() {
    let methods: [(ReplayMethod, String)] = [
      (.linUCB, "linucb"), (.epsilonGreedy, "epsilon-greedy"), (.thompson, "thompson"),
      (.thompsonPrior, "thompson-prior"), (.thompsonEvidence, "thompson-laplace"),
      (.costAware(.fixed(kappa: 0.1)), "thompson"), (.costAware(.budget(3)), "thompson"),
    ]
    for (method, stream) in methods { #expect(method.stream == stream) }
  }

  @Test func namesGiveTheirMethodsAndWhatTheyNeed() throws {
    let models = ["a", "b"].map { RewardModelDescription(name: $0) }
    #expect(ReplayMethod.named("single", rewardModels: models)?.map(\.name) == ["a", "b"])
    #expect(ReplayMethod.named("thompson-laplace", rewardModels: models)?.map(\.name) == ["thompson-evidence"])
    #expect(ReplayMethod.named("nothing", rewardModels: models) == nil && ReplayMethod.needs(of: "nothing") == nil)
    #expect(ReplayMethod.needs(of: "thompson-evidence") == [.priorMeans, .posteriors])
    #expect(ReplayMethod.needs(of: "thompson") == [])
    let all = ReplayMethod.all(of: models)
    #expect(all.count == ReplayMethod.names.count + 1 - 3 && all.allSatisfy { $0.needs == [] })
  }

  @Test func aMethodWithoutItsPriorIsRefused() async throws {
    let study = try study(try twoDomainWorld(12))
    await #expect(throws: StudyError.missingPrior(method: "offline-only")) { try await study.run(.offlineOnly) }
    await #expect(throws: StudyError.missingPrior(method: "thompson-evidence")) {
      try await study.run(.thompsonEvidence)
    }
    await #expect(throws: StudyError.missingPrices) { try await study.run(.costAware(.fixed(kappa: 1))) }
  }

  /// 400 pairs, where a right choice always pays and a wrong one never does: at most one in twenty is wrong after 100 pairs.
  @Test(arguments: [("thompson", 0.95), ("epsilon-greedy", 0.9), ("linucb", 0.95)])
  func banditsLearn(name: String, share: Double) async throws {
    let study = try study(try twoDomainWorld(400))
    let method = try #require(ReplayMethod.named(name, rewardModels: study.dataset.rewardModels)?.first)
    for trace in try await study.run(method).traces {
      let late = trace.correctness.dropFirst(100)
      #expect(late.reduce(0, +) / Double(late.count) > share)
    }
  }

  @Test func equalSeedsGiveEqualTracesAndOtherSeedsOthers() async throws {
    let world = try twoDomainWorld(60)
    let one = try await study(world).run(.thompson)
    let other = try await study(world).run(.thompson)
    #expect(one.traces.map(\.arms) == other.traces.map(\.arms))
    #expect(one.traces[0].pairs != one.traces[1].pairs)
    #expect(one.traces[0].pairs.sorted() == Array(0..<60))
    // The order belongs to the seed, not to the method.
    #expect(try await study(world).run(.linUCB).traces.map(\.pairs) == one.traces.map(\.pairs))
  }

  @Test(arguments: [0, 1, 7, 500])
  func delayedRewardsArriveLate(delay: Int) async throws {
    let study = try study(try twoDomainWorld(60)) { $0.delay = delay }
    let outcome = try await study.run(.thompson)
    #expect(outcome.traces.allSatisfy { $0.updates == max(0, 59 - delay) })
  }

  @Test(arguments: [1, 8, 60, 100])
  func aBatchIsChosenBeforeItsRewards(batch: Int) async throws {
    let study = try study(try twoDomainWorld(60)) { $0.batch = batch }
    let outcome = try await study.run(.thompson)
    // All but the last step's pairs are learnt from.
    let last = 60 % batch == 0 ? min(batch, 60) : 60 % batch
    #expect(outcome.traces.allSatisfy { $0.updates == 60 - last && $0.pairs.count == 60 })
  }

  /// Flips hit the stated share of rewards, within five binomial deviations, and leave correctness alone.
  @Test func noisyRewardsAreFlippedThatOften() async throws {
    let study = try study(try twoDomainWorld(400)) { $0.reward = .noisy(0.2) }
    let outcome = try await study.run(.thompson)
    let flips = outcome.traces.flatMap { trace in zip(trace.correctness, trace.rewards).map { $0 != $1 } }
    let share = Double(flips.count { $0 }) / Double(flips.count)
    #expect(abs(share - 0.2) <= 5 * (0.16 / Double(flips.count)).squareRoot())
  }

  @Test func propensitiesAreProbabilitiesOfTheChosenArm() async throws {
    let outcome = try await study(try twoDomainWorld(40)).run(.thompson, recordsPropensities: true)
    for trace in outcome.traces {
      #expect(trace.propensities.count == 40)
      #expect(trace.propensities.allSatisfy { ($0 ?? 0) > 0 && ($0 ?? 2) <= 1 })
      #expect(abs((trace.propensities[0] ?? 0) - 0.5) <= 1e-12)
    }
    #expect(
      try await study(try twoDomainWorld(40)).run(.thompson).traces[0].propensities
        == [Double?](repeating: nil, count: 40))
  }

  /// A budget changes the weight of prices with each choice; the propensity is that of the router that made it.
  @Test func propensitiesOfABudgetAreThoseBeforeTheChoice() async throws {
    let world = try twoDomainWorld(40)
    let prior = GaussianPrior(dimension: 2, variance: 0.25)
    var configuration = ReplayConfiguration()
    configuration.seeds = 1
    let study = try ReplayStudy(
      world: world, configuration: configuration, priors: [prior, prior], prices: [1, 4])
    let trace = try await study.run(.costAware(.budget(2)), recordsPropensities: true).traces[0]
    #expect(trace.propensities.count == 40 && abs((trace.propensities[0] ?? 0) - 0.5) <= 1e-12)
    // Once prices weigh, the choice has no closed form.
    #expect(trace.propensities.contains { $0 == nil })
  }

  /// Offline means that name the right arm of each domain: right from the first pair on, but for draws.
  @Test func anOfflinePriorSavesTheFirstPairs() async throws {
    let world = try twoDomainWorld(40)
    var configuration = ReplayConfiguration()
    configuration.seeds = 10
    configuration.priorVariance = 0.01
    let prior = GaussianPrior(dimension: 2, variance: 0.25)
    let offline = try offlinePriors(
      dataset: world.dataset, contexts: world.contexts, priors: [prior, prior], noiseVariance: 0.25)
    let study = try ReplayStudy(
      world: world, configuration: configuration,
      priors: [GaussianPrior](repeating: GaussianPrior(dimension: 2, variance: 0.01), count: 2),
      offlinePriors: offline.map { GaussianPrior(mean: $0.mean, variance: 0.01) })
    #expect(try await study.run(.thompsonPrior).accuracy > 0.99)
    #expect(try await study.run(.thompson).accuracy < 0.95)
  }

  @Test func settingsThatCannotBeAreNamed() throws {
    let world = try twoDomainWorld(4)
    let wrong: [(String, (inout ReplayConfiguration) -> Void)] = [
      ("seeds", { $0.seeds = 0 }), ("batch", { $0.batch = 0 }), ("delay", { $0.delay = -1 }),
      ("reward", { $0.reward = .noisy(0.7) }), ("prior variance", { $0.priorVariance = 0 }),
      ("noise variance", { $0.router.noiseVariance = -1 }), ("epsilon", { $0.epsilon = 2 }),
      ("alpha", { $0.alpha = .nan }), ("discount", { $0.router.discount = 0 }),
    ]
    for (name, change) in wrong {
      let error = #expect(throws: StudyError.self) {
        var configuration = ReplayConfiguration()
        change(&configuration)
        try configuration.validate()
      }
      guard case .setting(let found, _, _) = error else {
        Issue.record("\(name): \(String(describing: error))")
        continue
      }
      #expect(found == name)
    }
    #expect(throws: StudyError.batchNormalizerOfOne) { try study(world) { $0.normalizer = .batch } }
    #expect(throws: StudyError.noPairs) {
      try ReplayWorld(
        dataset: world.dataset.selecting(pairs: []), contexts: Matrix(rows: 0, columns: 2))
    }
  }
}
