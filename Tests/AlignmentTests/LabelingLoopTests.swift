import Alignment
import Dialogues
import LinearAlgebra
import PreferenceData
import Randomness
import RewardModels
import Routing
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

@Suite struct LabelingLoopTests {
  private let pairs = (0..<96).map {
    PreferencePair(id: "\($0)", prompt: .text("q\($0)"), responseA: "a\($0)", responseB: "b\($0)", label: .a)
  }

  private func loop(_ labeling: Labeling) throws -> LabelingLoop {
    let models = [HalfRight(name: "even", rightWhereEven: true), HalfRight(name: "odd", rightWhereEven: false)]
    return LabelingLoop(
      annotator: PreferenceAnnotator(pool: try MeteredPool(models)), encoder: try ContextEncoder(ParityEncoder()),
      labeling: labeling,
      generator: PhiloxGenerator(seed: 1, stream: "loop")
    ) { annotation, pair in pair.label.map { annotation.correctness(label: $0) } }
  }

  private var router: ThompsonSamplingRouter {
    ThompsonSamplingRouter(
      armNames: ["even", "odd"], priors: [GaussianPrior](repeating: .init(dimension: 2, variance: 0.25), count: 2))
  }

  private var batches: [[PreferencePair]] { stride(from: 0, to: 96, by: 8).map { Array(pairs[$0..<$0 + 8]) } }

  @Test func onePairIsOneCallAndTheRouterLearns() async throws {
    var loop = try loop(.routed(router))
    let steps = try await loop.label(batches, overlapping: false)
    #expect(await loop.annotator.pool.totalUsage.calls == 96)
    #expect(await loop.annotator.pool.totalUsage.scores == 192)
    let late = steps.dropFirst(6).flatMap(\.annotations)
    #expect(late.count { $0.correctness(label: .a) == 1 } >= late.count * 9 / 10)
    #expect(steps.allSatisfy { $0.seconds.wall >= $0.seconds.encoder + $0.seconds.rewardModels })
  }

  /// The next contexts depend on no decision: arms, labels and posteriors are equal to the bit.
  @Test func overlappingChangesNoDecision() async throws {
    var (plain, overlapped) = (try loop(.routed(router)), try loop(.routed(router)))
    let one = try await plain.label(batches, overlapping: false).map(\.annotations)
    let other = try await overlapped.label(batches, overlapping: true).map(\.annotations)
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
    var loop = LabelingLoop(
      annotator: PreferenceAnnotator(pool: pool), encoder: try ContextEncoder(ParityEncoder()),
      labeling: .routed(router),
      generator: PhiloxGenerator(seed: 1, stream: "loop")
    ) { annotation, pair in pair.label.map { annotation.correctness(label: $0) } }
    let steps = try await loop.label(batches, overlapping: false)
    let learnt = try #require(loop.router as? ThompsonSamplingRouter)
    #expect(learnt.arms[1] == router.arms[1])
    #expect(learnt.arms[0].posterior.observationCount == 96)
    #expect(steps.flatMap(\.annotations).contains { !$0.failures.isEmpty })
    #expect(await pool.usage[1].failures > 0)
  }

  @Test func ensemblesAskEverybody() async throws {
    var loop = try loop(.ensemble(MajorityVote()))
    let step = try await loop.label(pairs)
    #expect(step.annotations.allSatisfy { $0.verdict == .tie && $0.fromEnsemble })
    #expect(await loop.annotator.pool.totalUsage.calls == 192)
  }
}
