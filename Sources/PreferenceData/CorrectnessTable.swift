/// Who was right: which reward model ranks which pair as the pair's gold label does. The one answer to this question; evidence, training
/// sets, replays and reports all read it here.
public struct CorrectnessTable: Hashable, Sendable {
  /// `values[arm][pair]`: 1 where the arm ranks the pair strictly as its label does, else 0. An exact tie is wrong, and so is a pair without
  /// label.
  public let values: [[Double]]
  public let pairCount: Int

  /// - Precondition: each arm has a value of each pair.
  public init(_ values: [[Double]]) {
    precondition(!values.isEmpty, "a table about no arm")
    precondition(values.allSatisfy { $0.count == values[0].count }, "each arm has a judgement of each pair")
    self.values = values
    pairCount = values[0].count
  }

  /// The judgements that a dataset records.
  public init(_ dataset: PreferenceDataset) {
    values = dataset.scores.map { row in
      zip(dataset.pairs, row).map { pair, scores in pair.label != nil && scores.preferred == pair.label ? 1 : 0 }
    }
    pairCount = dataset.pairs.count
  }

  public var armCount: Int { values.count }
  public var arms: Range<Int> { values.indices }
  public var pairs: Range<Int> { 0..<pairCount }

  /// Whether the arm is right on the pair.
  public func isRight(arm: Int, pair: Int) -> Bool { values[arm][pair] == 1 }

  /// Whether each arm is right on the pair.
  public func right(pair: Int) -> [Bool] { values.map { $0[pair] == 1 } }

  /// How many arms are right on the pair.
  public func rightCount(pair: Int) -> Int { values.count { $0[pair] == 1 } }

  /// The chance that an arm chosen at random is right on each pair.
  public var ofRandomArm: [Double] {
    pairs.map { pair in values.reduce(0) { $0 + $1[pair] } / Double(armCount) }
  }

  /// 1 for each pair on which some arm is right: what an oracle reaches.
  public var ofOracle: [Double] { pairs.map { rightCount(pair: $0) > 0 ? 1 : 0 } }

  /// The first arm that is right on the pair; the first of all where none is.
  public func oracleArm(pair: Int) -> Int { arms.first { isRight(arm: $0, pair: pair) } ?? 0 }

  // MARK: Pairs that count

  /// Which pairs an accuracy is taken over.
  public enum Subset: Int, Sendable, CaseIterable {
    case all
    /// The pairs that some arm gets right.
    case anyCorrect
    /// The pairs that some arm gets right and some arm gets wrong.
    case disagreement
  }

  public func counts(pair: Int, in subset: Subset) -> Bool {
    switch subset {
    case .all: true
    case .anyCorrect: rightCount(pair: pair) > 0
    case .disagreement: (1..<armCount).contains(rightCount(pair: pair))
    }
  }

  /// A flag for each pair, by `Subset.rawValue`.
  public var subsetFlags: [[Bool]] {
    Subset.allCases.map { subset in pairs.map { counts(pair: $0, in: subset) } }
  }

  /// The pairs that some arm gets right and some arm gets wrong, ascending.
  public var disagreementSet: [Int] { pairs.filter { counts(pair: $0, in: .disagreement) } }

  /// The judgements of these pairs alone, in this order.
  public func selecting(pairs chosen: [Int]) -> CorrectnessTable {
    CorrectnessTable(values.map { row in chosen.map { row[$0] } })
  }

  // MARK: Arms

  /// Each arm's share of right judgements.
  public var accuracies: [Double] { values.map { $0.reduce(0, +) / Double(max(pairCount, 1)) } }

  /// The arm that is right most often; ties go to the first arm.
  public var bestArm: Int { bestArm(among: Array(pairs)) }

  /// The arm that is right most often on some pairs; ties go to the first arm.
  public func bestArm(among pairs: [Int]) -> Int {
    let counts = arms.map { arm in pairs.reduce(0) { $0 + values[arm][$1] } }
    return counts.indices.max { (counts[$0], -$0) < (counts[$1], -$1) } ?? 0
  }

  /// The arm that is right most often on the pairs of each domain; ties go to the first arm.
  public func bestArms(byDomainOf dataset: PreferenceDataset) -> [String: Int] {
    Dictionary(grouping: dataset.pairs.indices) { dataset.domain(pair: $0) }.mapValues { bestArm(among: $0) }
  }
}
