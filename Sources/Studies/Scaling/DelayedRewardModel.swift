import RewardModels

/// A reward model that answers later than it computes: SYNTHETIC waiting, as for a server elsewhere.
public struct DelayedRewardModel: RewardModel {
  public let base: any RewardModel
  public let seconds: Double

  public init(_ base: any RewardModel, seconds: Double) {
    self.base = base
    self.seconds = seconds
  }

  public var name: String { base.name }
  public func tokens(in request: ScoringRequest) -> Int { base.tokens(in: request) }
  public func warnings(for requests: [ScoringRequest]) -> [String] { base.warnings(for: requests) }
  public func variant(of request: ScoringRequest) -> UInt64 { base.variant(of: request) }

  public func scores(_ requests: [ScoringRequest]) async throws -> [Double] {
    try await outcomes(requests).map { try $0.get() }
  }

  public func outcomes(_ requests: [ScoringRequest]) async -> [ScoringOutcome] {
    do { try await Task.sleep(for: .seconds(seconds)) } catch { return requests.map { _ in .failure(error) } }
    return await base.outcomes(requests)
  }
}
