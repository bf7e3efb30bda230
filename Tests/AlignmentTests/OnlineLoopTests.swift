import Alignment
import Dialogues
import LinearAlgebra
import PreferenceData
import Randomness
import RewardModels
import Routing
import TestSupport
import Testing

/// Right in its own half of the pairs; counts nothing, learns nothing.
private struct HalfRight: RewardModel {
  let name: String
  let rightWhereEven: Bool
  func scores(_ requests: [ScoringRequest]) -> [Double] {
    requests.map { request in
      let isEven = Int(request.pairID)! % 2 == 0
      return (request.side == .a) == (isEven == rightWhereEven) ? 1 : 0
    }
  }
}

/// The parity of the pair's number, as two coordinates.
private struct ParityEncoder: PairEncoder {
  let name = "parity"
  let dimension = 2
  func encode(_ pairs: [PreferencePair], onEvent: (EncodingEvent) -> Void) async -> Matrix<Double> {
    await Task.yield()
    return Matrix(rows: pairs.map { Int($0.id)! % 2 == 0 ? [1.0, 0] : [0, 1.0] })
  }
}

@Suite struct OnlineLoopTests {
  private let pairs = (0..<96).map {
    PreferencePair(id: "\($0)", prompt: .text("q\($0)"), responseA: "a\($0)", responseB: "b\($0)", label: .a)
  }

  private func loop(_ labeling: Labeling, normalizer: RewardNormalizer.Method = .none) throws -> OnlineLoop {
    let models = [HalfRight(name: "even", rightWhereEven: true), HalfRight(name: "odd", rightWhereEven: false)]
    return OnlineLoop(
      annotator: PreferenceAnnotator(pool: try MeteredPool(models)), encoder: try ContextEncoder(ParityEncoder()),
      labeling: labeling, normalizer: RewardNormalizer(normalizer), generator: PhiloxGenerator(seed: 1, stream: "loop"))
  }

  private func correctness(_ annotation: Annotation, _ pair: PreferencePair) -> Double? {
    pair.label.map { annotation.correctness(label: $0) }
  }

  private var router: ThompsonSamplingRouter {
    ThompsonSamplingRouter(
      armNames: ["even", "odd"], priors: [GaussianPrior](repeating: .init(dimension: 2, variance: 0.25), count: 2))
  }

  private var batches: [[PreferencePair]] { stride(from: 0, to: 96, by: 8).map { Array(pairs[$0..<$0 + 8]) } }

  @Test func onePairIsOneCallAndTheRouterLearns() async throws {
    var loop = try loop(.routed(router))
    let steps = try await loop.label(batches, overlapping: false, reward: correctness)
    #expect(await loop.annotator.pool.totalUsage.calls == 96)
    #expect(await loop.annotator.pool.totalUsage.scores == 192)
    let late = steps.dropFirst(6).flatMap(\.annotations)
    #expect(late.count { $0.correctness(label: .a) == 1 } >= late.count * 9 / 10)
    #expect(steps.allSatisfy { $0.seconds.wall >= $0.seconds.encoder + $0.seconds.rewardModels })
  }

  /// The next contexts depend on no decision: arms, labels and posteriors are equal to the bit.
  @Test func overlappingChangesNoDecision() async throws {
    var (plain, overlapped) = (try loop(.routed(router)), try loop(.routed(router)))
    let one = try await plain.label(batches, overlapping: false, reward: correctness).map(\.annotations)
    let other = try await overlapped.label(batches, overlapping: true, reward: correctness).map(\.annotations)
    #expect(one == other)
    let routers = [plain, overlapped].compactMap { $0.router as? ThompsonSamplingRouter }
    #expect(routers.count == 2 && routers[0] == routers[1])
  }

  /// Where the chosen model fails, its posterior stays as it was to the bit, and the one that labelled learns.
  @Test func aFailedArmLearnsNothing() async throws {
    struct Broken: RewardModel {
      struct Down: Error {}
      let name = "odd"
      func scores(_ requests: [ScoringRequest]) throws -> [Double] { throw Down() }
    }
    let pool = try MeteredPool([HalfRight(name: "even", rightWhereEven: true), Broken()])
    var loop = OnlineLoop(
      annotator: PreferenceAnnotator(pool: pool), encoder: try ContextEncoder(ParityEncoder()),
      labeling: .routed(router), generator: PhiloxGenerator(seed: 1, stream: "loop"))
    let steps = try await loop.label(batches, overlapping: false, reward: correctness)
    let learnt = try #require(loop.router as? ThompsonSamplingRouter)
    #expect(learnt.arms[1] == router.arms[1])
    #expect(learnt.arms[0].posterior.observationCount == 96)
    #expect(steps.flatMap(\.annotations).contains { !$0.failures.isEmpty })
    #expect(await pool.usage[1].failures > 0)
  }

  /// A reward may come long after its label: three calls by hand are the loop that labels and learns at once, to the bit.
  @Test func proposeAnnotateLearnIsOneTurn() async throws {
    var (whole, parts) = (try loop(.routed(router)), try loop(.routed(router)))
    let steps = try await whole.label(batches, overlapping: false, reward: correctness)
    for (pairs, step) in matched(batches, steps) {
      let proposals = try await parts.propose(pairs)
      #expect(proposals.map(\.pair) == pairs)
      let annotations = try await parts.annotate(proposals)
      #expect(annotations == step.annotations)
      let observations = zip(proposals, annotations).compactMap { proposal, annotation in
        correctness(annotation, proposal.pair).flatMap { proposal.observation(annotation, reward: $0) }
      }
      #expect(observations.count == pairs.count)
      try parts.learn(observations)
    }
    #expect(whole.router as? ThompsonSamplingRouter == parts.router as? ThompsonSamplingRouter)
  }

  /// Nothing is asked, and nothing drawn twice, before a proposal is annotated.
  @Test func aProposalAsksNobody() async throws {
    var loop = try loop(.routed(router))
    let contexts = try await loop.contexts(of: pairs)
    let proposals = try loop.propose(pairs, contexts: contexts, recordsPropensities: true)
    #expect(await loop.annotator.pool.totalUsage.calls == 0)
    // Without data both arms are alike.
    #expect(proposals.count == 96 && proposals.allSatisfy { abs(($0.propensity ?? 0) - 0.5) < 1e-12 })
    #expect(try await loop.propose(pairs).allSatisfy { $0.propensity == nil })
    var ensemble = try self.loop(.ensemble(MajorityVote()))
    #expect(
      try ensemble.propose(pairs, contexts: contexts, recordsPropensities: true).allSatisfy { $0.propensity == nil })
  }

  @Test func rewardsOfOneStepAreNormalisedTogether() async throws {
    var loop = try loop(.routed(router), normalizer: .batch)
    let context = [1.0, 0]
    try loop.learn([
      Observation(arm: 0, context: context, reward: 5), Observation(arm: 1, context: context, reward: 3),
    ])
    let learnt = try #require(loop.router as? ThompsonSamplingRouter)
    let means = learnt.arms.map { $0.posterior.prediction(context: context).mean }
    // z-scores 1 and -1, prior variance and noise 0.25 each: half of them.
    #expect(abs(means[0] - 0.5) < 1e-12 && abs(means[1] + 0.5) < 1e-12)
    // What the router refuses is not learnt, and leaves the normaliser as it was.
    #expect(throws: RoutingError.self) { try loop.learn([Observation(arm: 0, context: [1], reward: 1)]) }
    #expect(loop.router as? ThompsonSamplingRouter == learnt)
  }

  @Test func ensemblesAskEverybody() async throws {
    var loop = try loop(.ensemble(MajorityVote()))
    let step = try await loop.label(pairs, reward: correctness)
    #expect(step.annotations.allSatisfy { $0.verdict == .tie && $0.fromEnsemble })
    #expect(await loop.annotator.pool.totalUsage.calls == 192)
  }
}
