import Foundation
import RouterKit

/// Contexts as the paper's router has them, at their full price: a transformer over both responses, and on its pair feature u a
/// head of d rows, h = ReLU(W u) / |ReLU(W u)|. The head's weights are random: what is measured is time.
struct MeasuredEncoder: PairEncoder {
  let encoder: DialogueEncoder
  private let queue: ForwardQueue
  /// d x 2D.
  private let head: Matrix<Double>

  init(_ encoder: DialogueEncoder, queue: ForwardQueue, seed: UInt64) {
    self.encoder = encoder
    self.queue = queue
    var generator = PhiloxGenerator(seed: seed, stream: "router-head")
    let inputs = 2 * encoder.size
    let scale = 1 / Double(inputs).squareRoot()
    head = Matrix(
      rows: encoder.size, columns: inputs, elements: generator.normals(encoder.size * inputs).map { $0 * scale })
  }

  var dimension: Int { head.rows }

  func encode(_ pairs: [PreferencePair]) async throws -> Matrix<Double> {
    let states = try await queue.run { scratch in
      // A fresh cache: each call computes all of its texts.
      var cache = StateCache(encoder: encoder.fingerprint, size: encoder.size)
      let plan = try encoder.plan(TransformerPairEncoder.dialogues(pairs), cache: cache)
      var report = plan.report
      for batch in plan.batches {
        try encoder.run(
          batch, of: plan, cache: &cache, report: &report, workers: BLASRuntime.usableThreads, scratch: &scratch)
      }
      return encoder.states(of: plan, cache: cache)
    }
    var contexts = gemm(TransformerPairEncoder.contexts(states), .asIs, head, .transposed)
    for row in 0..<contexts.rows {
      let positive = contexts.row(row).map { max($0, 0) }
      let norm = positive.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for (column, value) in positive.enumerated() { contexts[row, column] = norm > 0 ? value / norm : 0 }
    }
    return contexts
  }
}

/// A reward model that answers later than it computes: SYNTHETIC waiting, as for a server elsewhere.
struct DelayedRewardModel: RewardModel {
  let base: any RewardModel
  let seconds: Double

  var name: String { base.name }
  func tokens(in request: ScoringRequest) -> Int { base.tokens(in: request) }
  func variant(of request: ScoringRequest) -> UInt64 { base.variant(of: request) }

  func scores(_ requests: [ScoringRequest]) async throws -> [Double] {
    try await outcomes(requests).map { try $0.get() }
  }

  func outcomes(_ requests: [ScoringRequest]) async -> [ScoringOutcome] {
    do { try await Task.sleep(for: .seconds(seconds)) } catch { return requests.map { _ in .failure(error) } }
    return await base.outcomes(requests)
  }
}
