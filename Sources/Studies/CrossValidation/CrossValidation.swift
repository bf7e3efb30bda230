import LinearAlgebra
import PreferenceData
import Randomness
import RewardModels
import Routing

/// What each way to choose a reward model achieves on pairs that it was not fitted on.
///
/// The groups of pairs (of one prompt, where the data name none) are dealt into folds anew for each seed; everything
/// that is fitted, transforms too, is fitted on the other folds. A pair's value is the mean over the seeds of whether
/// the chosen arm was right. Nothing is selected on what is reported: also the best single model is the one that the
/// training folds name.
public struct CrossValidation: Sendable {
  public struct Configuration: Sendable, Hashable, Codable {
    public var folds = 5
    public var seeds = 10
    public var firstSeed: UInt64 = 1
    /// The part of the training groups that is used, in (0, 1]: points of a learning curve.
    public var fraction = 1.0
    /// What a single reward model's exact tie counts.
    public var ties = TieRule.half

    public init() {}
  }

  /// One method's values.
  public struct Outcome: Sendable {
    public let name: String
    /// Expected correctness of each pair.
    public let correctness: [Double]
    /// The share of each arm among the method's choices; empty where it asks all, or nobody.
    public let shares: [Double]
    public let callsPerPair: Double
    /// Whether it is a policy rather than what needs no fitting.
    public let isFitted: Bool
    /// The quality of what the policy expected of the arms on held-out pairs, over all seeds; nil where it expects nothing.
    public let quality: JudgementQuality?

    init(
      name: String, correctness: [Double], shares: [Double], callsPerPair: Double, isFitted: Bool = false,
      quality: JudgementQuality? = nil
    ) {
      self.name = name
      self.correctness = correctness
      self.shares = shares
      self.callsPerPair = callsPerPair
      self.isFitted = isFitted
      self.quality = quality
    }
  }

  public let dataset: PreferenceDataset
  public let configuration: Configuration
  private let evidence: OfflineEvidence

  /// - Parameter contexts: one row a pair, as an encoder gives them.
  /// - Throws: `StudyError` for unlabelled pairs, one reward model only, a dataset whose models never disagree, and settings that
  ///   cannot be.
  public init(
    dataset: PreferenceDataset, contexts: Matrix<Double>, configuration: Configuration
  ) throws(StudyError) {
    precondition(contexts.rows == dataset.pairs.count, "\(contexts.rows) contexts for \(dataset.pairs.count) pairs")
    let unlabelled = dataset.pairs.filter { $0.label == nil }
    if let first = unlabelled.first { throw .unlabelled(count: unlabelled.count, firstID: first.id) }
    guard dataset.rewardModels.count > 1 else {
      throw .oneRewardModel
    }
    let correctness = CorrectnessTable(dataset, ties: configuration.ties)
    guard !correctness.disagreementSet.isEmpty else { throw .noDisagreement }
    guard configuration.seeds > 0 else {
      throw .setting(name: "seeds", expected: "at least one is needed", found: "\(configuration.seeds)")
    }
    guard configuration.fraction > 0, configuration.fraction <= 1 else {
      throw .setting(
        name: "fractions", expected: "a part of the training data lies in (0, 1]", found: "\(configuration.fraction)")
    }
    let groups = PairGroups(dataset.pairs)
    guard configuration.folds >= 2, groups.groups.count >= configuration.folds else {
      throw .setting(
        name: "folds",
        expected: "\(groups.groups.count) prompts or groups go into 2 to \(groups.groups.count) folds",
        found: "\(configuration.folds)")
    }
    self.dataset = dataset
    self.configuration = configuration
    evidence = OfflineEvidence(
      contexts: contexts, correctness: correctness, domains: dataset.pairs.map(\.domain),
      groups: groups.groupOfPair)
  }

  /// All policies that this project compares. The best single model comes first: differences are taken to it.
  public static func policies(seed: UInt64) -> [any OfflinePolicy] {
    [
      BestSinglePolicy(), NestedPolicy(seed: seed), BestOfDomainPolicy(), AdvantagePolicy(caution: 0),
      AdvantagePolicy(caution: 1), AdvantagePolicy(caution: 2), LogisticPolicy(), PublishedRecipePolicy(seed: seed),
      PublishedRecipePolicy(stopping: .evidence, seed: seed),
    ]
  }

  /// The outcomes of the policies, in their order, and then of what needs no fitting: each single model, a random one, majority vote and
  /// the oracle.
  ///
  /// - Parameter onFold: called after each policy's fold.
  /// - Throws: what a policy throws.
  public func run(_ policies: [any OfflinePolicy], onFold: () -> Void = {}) throws -> [Outcome] {
    let count = dataset.pairs.count
    var sums = [[Double]](repeating: [Double](repeating: 0, count: count), count: policies.count)
    var choices = [[Double]](repeating: [Double](repeating: 0, count: evidence.armCount), count: policies.count)
    var qualities = [JudgementQuality](repeating: JudgementQuality(), count: policies.count)
    for seed in configuration.firstSeed..<configuration.firstSeed + UInt64(configuration.seeds) {
      var generator = PhiloxGenerator(seed: seed, stream: "cross-validation")
      for split in try PairGroups(dataset.pairs).folds(configuration.folds, using: &generator) {
        let training = evidence.selecting(try part(of: split.training, using: &generator))
        let held = evidence.selecting(split.heldOut)
        for (index, policy) in policies.enumerated() {
          let fitted = try policy.fit(training)
          let arms = try fitted.arms(contexts: held.contexts, domains: held.domains)
          for (pair, arm) in zip(split.heldOut, arms) {
            sums[index][pair] += evidence.correctness.values[arm][pair]
            choices[index][arm] += 1
          }
          if let judgement = try fitted.judge(contexts: held.contexts, domains: held.domains) {
            for (row, pair) in split.heldOut.enumerated() {
              qualities[index].add(
                judgement, row: row, correctness: evidence.correctness.values.map { $0[pair] })
            }
          }
          onFold()
        }
      }
    }
    let seeds = Double(configuration.seeds)
    let fitted = policies.indices.map { index in
      Outcome(
        name: policies[index].name, correctness: sums[index].map { $0 / seeds },
        shares: choices[index].map { $0 / (seeds * Double(count)) }, callsPerPair: 1, isFitted: true,
        quality: qualities[index].count > 0 ? qualities[index] : nil)
    }
    return fitted + references
  }

  /// A part of the training pairs, by group.
  private func part(of training: [Int], using generator: inout PhiloxGenerator) throws -> [Int] {
    guard configuration.fraction < 1 else { return training }
    let split = try PairGroups(training.map { dataset.pairs[$0] }).split(
      heldOut: configuration.fraction, using: &generator)
    return split.heldOut.map { training[$0] }
  }

  private var references: [Outcome] {
    let table = evidence.correctness
    let singles = table.arms.map { arm in
      Outcome(
        name: dataset.rewardModels[arm].name, correctness: table.values[arm],
        shares: table.arms.map { $0 == arm ? 1 : 0 }, callsPerPair: 1)
    }
    return singles + [
      Outcome(
        name: "random", correctness: table.ofRandomArm, shares: table.arms.map { _ in 1 / Double(table.armCount) },
        callsPerPair: 1),
      Outcome(
        name: "majority", correctness: dataset.majorityCorrectness, shares: [], callsPerPair: Double(table.armCount)),
      Outcome(name: "oracle (hindsight)", correctness: table.ofOracle, shares: [], callsPerPair: 1),
    ]
  }
}
