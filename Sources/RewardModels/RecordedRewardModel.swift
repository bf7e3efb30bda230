import PreferenceData

/// A reward model whose scores were recorded: it looks them up by pair id and side, O(1) each, and reads no text.
public struct RecordedRewardModel: RewardModel {
  public let name: String
  private let scores: [ScorePair]
  private let indexOfPair: [String: Int]

  /// The recording of one arm of `dataset`; O(pairs).
  ///
  /// - Parameter name: what to call it; by default as the dataset does.
  /// - Throws: `duplicatePair`.
  public init(_ dataset: PreferenceDataset, arm: Int, name: String? = nil) throws(RewardModelError) {
    self.init(dataset, arm: arm, name: name, indexOfPair: try Self.indexOfPair(in: dataset))
  }

  /// The recordings of all arms of `dataset`, in arm order, over one shared index; O(pairs).
  ///
  /// - Throws: `duplicatePair`.
  public static func all(of dataset: PreferenceDataset) throws(RewardModelError) -> [RecordedRewardModel] {
    let indexOfPair = try indexOfPair(in: dataset)
    return dataset.rewardModels.indices.map { RecordedRewardModel(dataset, arm: $0, indexOfPair: indexOfPair) }
  }

  private init(_ dataset: PreferenceDataset, arm: Int, name: String? = nil, indexOfPair: [String: Int]) {
    precondition(
      dataset.rewardModels.indices.contains(arm), "arm \(arm) of a pool of \(dataset.rewardModels.count) reward models")
    self.name = name ?? dataset.rewardModels[arm].name
    scores = dataset.scores[arm]
    self.indexOfPair = indexOfPair
  }

  /// - Throws: `RewardModelError.unknownPair`.
  public func scores(_ requests: [ScoringRequest]) throws -> [Double] {
    try requests.map(score)
  }

  /// An unknown pair keeps no other from its score.
  public func outcomes(_ requests: [ScoringRequest]) -> [ScoringOutcome] {
    requests.map { request in Result { try score(request) } }
  }

  private func score(_ request: ScoringRequest) throws -> Double {
    guard let score = recordedScore(request) else {
      throw RewardModelError.unknownPair(model: name, pairID: request.pairID)
    }
    return score
  }

  /// The recorded score's bits: a recording may give one text two scores (batch noise of the original run), and each
  /// pair keeps its own.
  public func variant(of request: ScoringRequest) -> UInt64 {
    recordedScore(request)?.bitPattern ?? 0
  }

  private func recordedScore(_ request: ScoringRequest) -> Double? {
    indexOfPair[request.pairID].map { scores[$0][request.side] }
  }

  private static func indexOfPair(in dataset: PreferenceDataset) throws(RewardModelError) -> [String: Int] {
    var indices: [String: Int] = [:]
    indices.reserveCapacity(dataset.pairs.count)
    for (index, pair) in dataset.pairs.enumerated() where indices.updateValue(index, forKey: pair.id) != nil {
      throw .duplicatePair(id: pair.id)
    }
    return indices
  }
}
