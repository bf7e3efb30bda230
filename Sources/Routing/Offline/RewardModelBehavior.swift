import PreferenceData

/// Which reward model is right on which labelled pair, and by how much: what offline training and evaluation look at.
public struct RewardModelBehavior: Sendable, Equatable {
  /// Names in arm order.
  public let rewardModels: [String]
  /// The labelled pairs, as ascending indices of the dataset.
  public let pairs: [Int]
  /// Their ids.
  public let ids: [String]
  /// What they are known by wherever they occur again; none where only evidence of them is known.
  public let identities: [PairIdentity]
  /// y: whether model n ranks pair `pairs[i]` as its label does, by positions in `pairs`. A tie is what the rule for
  /// ties says: neither right nor wrong by default.
  public let correctness: CorrectnessTable
  /// `margins[i][n]`: the score of the better response minus that of the other, in the model's own unit.
  public let margins: [[Double]]
  /// Pairs that were left out because nobody knows their label.
  public let unlabelledCount: Int

  /// - Parameters:
  ///   - selection: indices of the pairs to look at; all if nil.
  ///   - ties: what an exact tie counts.
  /// - Throws: `RoutingError.training` for fewer than two reward models and where no pair has a label.
  public init(
    _ dataset: PreferenceDataset, pairs selection: [Int]? = nil, ties: TieRule = .half
  ) throws(RoutingError) {
    rewardModels = dataset.rewardModels.map(\.name)
    guard rewardModels.count >= 2 else { throw .training(.oneRewardModel(name: rewardModels.first ?? "")) }
    let looked = selection?.sorted() ?? Array(dataset.pairs.indices)
    pairs = looked.filter { dataset.pairs[$0].label != nil }
    unlabelledCount = looked.count - pairs.count
    guard !pairs.isEmpty else { throw .training(.noLabels(pairs: looked.count)) }
    ids = pairs.map { dataset.pairs[$0].id }
    identities = pairs.map { PairIdentity(dataset.pairs[$0]) }
    correctness = CorrectnessTable(dataset, ties: ties).selecting(pairs: pairs)
    margins = pairs.map { pair in
      let label = dataset.pairs[pair].label ?? .a
      return dataset.scores.map { $0[pair][label] - $0[pair][label.other] }
    }
  }

  /// The behaviour that evidence tells of, which knows no scores: margins are 1, -1, or 0 for a tie.
  init(_ evidence: OfflineEvidence) {
    rewardModels = evidence.correctness.arms.map { "arm \($0)" }
    pairs = Array(0..<evidence.pairCount)
    ids = pairs.map { "\($0)" }
    identities = []
    correctness = evidence.correctness
    margins = pairs.map { pair in evidence.correctness.values.map { 2 * $0[pair] - 1 } }
    unlabelledCount = 0
  }

  /// All (winner, loser) of models that disagree on the pair at this position. A model that ties neither wins nor
  /// loses.
  package func comparisons(at position: Int) -> [ArmComparison] {
    let answers = correctness.answers(pair: position)
    return answers.indices.filter { answers[$0] == true }.flatMap { winner in
      answers.indices.filter { answers[$0] == false }.map { ArmComparison(winner: winner, loser: $0) }
    }
  }
}

/// Two reward models of which one is right and one is wrong on the same pair.
public struct ArmComparison: Sendable, Hashable {
  public let winner: Int
  public let loser: Int

  public init(winner: Int, loser: Int) {
    self.winner = winner
    self.loser = loser
  }
}
