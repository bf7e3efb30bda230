import PreferenceData
import Randomness
import Reporting
import RewardModels
import Routing

/// How right an offline router's choices are on labelled pairs, beside what needs no router.
public struct RouterEvaluation: Sendable, Encodable {
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
  public let rows: [AccuracyReport.Row]
  /// How far the router's expectations can be trusted; see `JudgementQuality`.
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
    let table = behavior.correctness
    let choices = judgement.arms
    let arms = behavior.pairs.map { choices[$0] }
    rewardModels = behavior.rewardModels
    let best = table.bestArm
    bestSingle = rewardModels[best]
    let singles = zip(rewardModels, table.values).map { AccuracyReport.Method(name: $0, correctness: $1) }
    let methods: [AccuracyReport.Method] =
      [.init(name: "router", correctness: table.pairs.map { table.values[arms[$0]][$0] })] + singles + [
        .init(name: "random", correctness: table.ofRandomArm),
        .init(name: "majority", correctness: dataset.majorityCorrectness),
        .init(name: "oracle (hindsight)", correctness: table.ofOracle),
      ]
    let isNew = dataset.pairs.map { pair in known.map { !$0.haveSeen(pair) } ?? true }
    let newPairs = isNew.count { $0 }
    overlap = known?.overlap(with: dataset.pairs)
    let report = AccuracyReport(
      methods, pairs: dataset.pairs, subsets: table.subsetFlags, bestSingle: table.values[best],
      restriction: (1..<isNew.count).contains(newPairs) ? isNew : nil, using: &generator)
    (pairs, anyCorrectPairs, disagreementPairs) = (report.pairCounts[0], report.pairCounts[1], report.pairCounts[2])
    bootstrapResamples = report.resamples
    let unseen = report.restrictedRow.map { $0.renamed("router, \(newPairs) pairs of unseen prompts") }
    rows = [report.rows[0]] + (unseen.map { [$0] } ?? []) + report.rows.dropFirst()
    domains = report.domains
    let membersOfDomain = report.domains.map { domain in
      table.pairs.filter { dataset.domain(pair: $0) == domain }
    }
    pairsByDomain = membersOfDomain.map(\.count)

    var quality = JudgementQuality()
    for (row, pair) in behavior.pairs.enumerated() {
      quality.add(judgement, row: pair, right: table.right(pair: row))
    }
    comparisonAccuracy = quality.comparisonAccuracy
    classificationAccuracy = quality.classificationAccuracy
    expectedCalibrationError = quality.expectedCalibrationError
    reliability = quality.reliability

    func shares(_ members: [Int]) -> [Double] {
      table.arms.map { arm in Double(members.count { arms[$0] == arm }) / Double(members.count) }
    }
    self.shares = shares(Array(arms.indices))
    sharesByDomain = membersOfDomain.map(shares)
  }
}
