import RouterKit

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
