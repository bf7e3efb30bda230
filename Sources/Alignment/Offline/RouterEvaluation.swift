import PreferenceData
import Randomness
import Reporting
import RewardModels
import Routing

/// How right an offline router's choices are on labelled pairs, beside what needs no router.
public struct RouterEvaluation: Sendable, Codable {
  /// An accuracy or a difference of two, as fractions, with its 95 % interval.
  public struct Estimate: Sendable, Codable, Equatable {
    public let value: Double
    public let low: Double
    public let high: Double
  }

  public struct Row: Sendable, Codable {
    public let method: String
    /// Over all pairs, those that some model gets right, and the disagreement set; nil where no pair counts.
    public let all: Estimate?
    public let anyCorrect: Estimate?
    public let disagreement: Estimate?
    /// Difference over all pairs to the best single model, which the very labels name.
    public let toBestSingle: Estimate?
    /// Accuracy by domain, in the order of `domains`; nil where no pair of the domain counts.
    public let byDomain: [Double?]
  }

  public let pairs: Int
  public let anyCorrectPairs: Int
  public let disagreementPairs: Int
  public let rewardModels: [String]
  public let domains: [String]
  public let pairsByDomain: [Int]
  public let bestSingle: String
  /// How many of the pairs the router had seen; nil where it does not say.
  public let overlap: RouterPairs.Overlap?
  /// Router, the router on pairs whose prompts it has not seen where it has seen others, single models, random, majority, oracle.
  public let rows: [Row]
  /// As `JudgementQuality` has them.
  public let comparisonAccuracy: Double?
  public let classificationAccuracy: Double
  public let expectedCalibrationError: Double
  public let reliability: [JudgementQuality.Bin]
  /// The router's choices by model, over all pairs and as `[domain][model]`.
  public let shares: [Double]
  public let sharesByDomain: [[Double]]
  public let bootstrapResamples: Int

  /// - Parameters:
  ///   - judgement: one row a pair of the dataset.
  ///   - known: the pairs that the router was trained on, where it says so.
  ///   - generator: of the bootstrap over prompts.
  /// - Throws: `RoutingError.training` where no pair is labelled.
  public init(
    _ judgement: OfflineRouter.Judgement, dataset whole: PreferenceDataset, known: RouterPairs? = nil,
    using generator: inout PhiloxGenerator
  ) throws(RoutingError) {
    precondition(judgement.scores.rows == whole.pairs.count, "one row of scores a pair")
    let behavior = try RewardModelBehavior(whole)
    let dataset = whole.selecting(pairs: behavior.pairs)
    let right = behavior.right
    let choices = judgement.arms
    let arms = behavior.pairs.map { choices[$0] }
    rewardModels = behavior.rewardModels
    let models = rewardModels.indices

    let singles = models.map { arm in right.map { $0[arm] ? 1.0 : 0 } }
    let majority = dataset.pairs.indices.map { pair in
      MajorityVote().verdict(scores: dataset.scores.map { $0[pair] }).correctness(
        label: dataset.pairs[pair].label ?? .a)
    }
    let methods: [(name: String, correctness: [Double])] =
      [("router", zip(right, arms).map { $0[$1] ? 1 : 0 })] + zip(rewardModels, singles).map { ($0, $1) } + [
        ("random", right.map { Double($0.count { $0 }) / Double($0.count) }), ("majority", majority),
        ("oracle (hindsight)", right.map { $0.contains(true) ? 1 : 0 }),
      ]
    let totals = singles.map { $0.reduce(0, +) }
    let best = models.max { (totals[$0], -$0) < (totals[$1], -$1) } ?? 0
    bestSingle = rewardModels[best]

    let subsets = [
      [Bool](repeating: true, count: right.count), right.map { $0.contains(true) },
      right.map { $0.contains(true) && $0.contains(false) },
    ]
    let isNew = dataset.pairs.map { pair in known.map { !$0.haveSeen(pair) } ?? true }
    let counts = subsets.map { $0.count { $0 } }
    overlap = known?.overlap(with: dataset.pairs)
    (pairs, anyCorrectPairs, disagreementPairs) = (counts[0], counts[1], counts[2])
    let bootstrap = PairedBootstrap(
      values: methods.map(\.correctness),
      subsets: subsets + subsets.map { subset in zip(subset, isNew).map { $0 && $1 } },
      groups: PromptGroups(dataset.pairs).groupOfPair, using: &generator)
    bootstrapResamples = bootstrap.resamples

    let domains = dataset.domains
    let membersOfDomain = domains.map { domain in right.indices.filter { dataset.domain(pair: $0) == domain } }
    self.domains = domains
    pairsByDomain = membersOfDomain.map(\.count)
    func row(_ index: Int, _ name: String, newOnly: Bool = false) -> Row {
      let first = newOnly ? subsets.count : 0
      func estimate(_ subset: Int) -> Estimate? {
        guard let mean = bootstrap.mean(method: index, subset: first + subset),
          let interval = bootstrap.interval(method: index, subset: first + subset)
        else { return nil }
        return Estimate(value: mean, low: interval.low, high: interval.high)
      }
      return Row(
        method: name, all: estimate(0), anyCorrect: estimate(1), disagreement: estimate(2),
        toBestSingle: bootstrap.difference(method: index, minus: best + 1, subset: first).map {
          Estimate(value: $0.mean, low: $0.interval.low, high: $0.interval.high)
        },
        byDomain: membersOfDomain.map { members in
          let members = members.filter { !newOnly || isNew[$0] }
          guard !members.isEmpty else { return nil }
          return members.reduce(0) { $0 + methods[index].correctness[$1] } / Double(members.count)
        })
    }
    let newPairs = isNew.count { $0 }
    let unseen =
      (1..<isNew.count).contains(newPairs)
      ? [row(0, "router, \(newPairs) pairs of unseen prompts", newOnly: true)] : []
    rows = [row(0, methods[0].name)] + unseen + methods.indices.dropFirst().map { row($0, methods[$0].name) }

    var quality = JudgementQuality()
    for (pair, right) in zip(behavior.pairs, right) {
      quality.add(judgement, row: pair, right: right)
    }
    comparisonAccuracy = quality.comparisonAccuracy
    classificationAccuracy = quality.classificationAccuracy
    expectedCalibrationError = quality.expectedCalibrationError
    reliability = quality.reliability

    func shares(_ members: [Int]) -> [Double] {
      models.map { arm in Double(members.count { arms[$0] == arm }) / Double(members.count) }
    }
    self.shares = shares(Array(arms.indices))
    sharesByDomain = membersOfDomain.map(shares)
  }
}
