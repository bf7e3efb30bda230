/// Who was right: which reward model ranks which pair as the pair's gold label does. The one answer to this question; evidence, training
/// sets, replays and reports all read it here.
public struct CorrectnessTable: Hashable, Sendable {
  /// `values[arm][pair]`: 1 where the arm ranks the pair strictly as its label does, 0 where it ranks it the other way.
  /// An exact tie counts one half, or 0, as a `TieRule` says; a pair without label counts 0.
  public let values: [[Double]]
  public let pairCount: Int

  /// - Precondition: each arm has a value of each pair, which is 0, 1 or one half.
  public init(_ values: [[Double]]) {
    precondition(!values.isEmpty, "a table about no arm")
    precondition(values.allSatisfy { $0.count == values[0].count }, "each arm has a judgement of each pair")
    self.values = values
    pairCount = values[0].count
  }

  /// The judgements that a dataset records.
  public init(_ dataset: PreferenceDataset, ties: TieRule = .half) {
    values = dataset.scores.map { row in
      zip(dataset.pairs, row).map { pair, scores in
        guard let label = pair.label else { return 0 }
        return scores.preferred.map { $0 == label ? 1 : 0 } ?? ties.worth
      }
    }
    pairCount = dataset.pairs.count
  }

  public var armCount: Int { values.count }
  public var arms: Range<Int> { values.indices }
  public var pairs: Range<Int> { 0..<pairCount }

  /// Whether the arm is right on the pair; one that ties is not.
  public func isRight(arm: Int, pair: Int) -> Bool { values[arm][pair] == 1 }

  /// Whether each arm is right on the pair; one that ties is not.
  public func right(pair: Int) -> [Bool] { values.map { $0[pair] == 1 } }

  /// Whether each arm is right or wrong on the pair; nil for one whose tie counts one half, which is neither.
  public func answers(pair: Int) -> [Bool?] {
    values.map { row in row[pair] == 1 ? true : row[pair] == 0 ? false : nil }
  }

  /// How many arms are right on the pair.
  public func rightCount(pair: Int) -> Int { values.count { $0[pair] == 1 } }

  /// How many arms are wrong on the pair.
  public func wrongCount(pair: Int) -> Int { values.count { $0[pair] == 0 } }

  /// The mean over the arms of each pair: the chance that an arm chosen at random is right, a tie being decided as its
  /// rule says.
  public var ofRandomArm: [Double] {
    pairs.map { pair in values.reduce(0) { $0 + $1[pair] } / Double(armCount) }
  }

  /// The highest value of each pair, what an oracle reaches: 1 where some arm is right.
  public var ofOracle: [Double] { pairs.map { values[oracleArm(pair: $0)][$0] } }

  /// The arm of the highest value on the pair, which is right where any is; of equals the first.
  public func oracleArm(pair: Int) -> Int {
    arms.max { (values[$0][pair], -$0) < (values[$1][pair], -$1) } ?? 0
  }

  // MARK: Pairs that count

  /// Which pairs an accuracy is taken over. An arm whose tie counts one half neither is right nor disagrees with
  /// anybody.
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
    case .disagreement: rightCount(pair: pair) > 0 && wrongCount(pair: pair) > 0
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

  /// Each arm's mean value: the share of right judgements, and of ties what they count.
  public var accuracies: [Double] { values.map { $0.reduce(0, +) / Double(max(pairCount, 1)) } }

  /// The arm of the highest sum of values; of equals the first.
  public var bestArm: Int { bestArm(among: Array(pairs)) }

  /// The arm of the highest sum of values on some pairs; of equals the first.
  public func bestArm(among pairs: [Int]) -> Int {
    let sums = arms.map { arm in pairs.reduce(0) { $0 + values[arm][$1] } }
    return sums.indices.max { (sums[$0], -$0) < (sums[$1], -$1) } ?? 0
  }

  /// The arm of the highest sum of values on the pairs of each domain; of equals the first.
  public func bestArms(byDomainOf dataset: PreferenceDataset) -> [String: Int] {
    Dictionary(grouping: dataset.pairs.indices) { dataset.domain(pair: $0) }.mapValues { bestArm(among: $0) }
  }
}
