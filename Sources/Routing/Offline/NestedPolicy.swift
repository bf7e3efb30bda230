import Randomness

/// The default: one of several policies, chosen by cross-validation within the evidence it is fitted on.
///
/// The first candidate stands unless another one is right more often by more than `margin` standard errors of the
/// paired difference over groups of pairs: a gain that the inner folds cannot tell from chance is none. By chance alone
/// one standard error would be passed once in six times by each rival; two, once in 44. O(folds x candidates) fits.
///
/// Source: after Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, section 7.10 (the one-standard-error rule).
public struct NestedPolicy: OfflinePolicy {
  public let name: String
  public let candidates: [any OfflinePolicy]
  public let folds: Int
  public let margin: Double
  public let seed: UInt64

  public init(
    name: String = "default (nested)",
    candidates: [any OfflinePolicy] = [BestSinglePolicy()] + [0.0, 1, 2].map { AdvantagePolicy(caution: $0) },
    folds: Int = 5, margin: Double = 2, seed: UInt64 = 1
  ) {
    precondition(!candidates.isEmpty && folds >= 2 && margin >= 0, "\(candidates.count) candidates, \(folds) folds")
    self.name = name
    self.candidates = candidates
    self.folds = folds
    self.margin = margin
    self.seed = seed
  }

  public func fit(_ evidence: OfflineEvidence) throws -> any FittedOfflinePolicy {
    try candidates[choice(evidence)].fit(evidence)
  }

  /// The index of the candidate that the inner folds speak for.
  func choice(_ evidence: OfflineEvidence) throws -> Int {
    let groups = Set(evidence.groups).sorted()
    guard groups.count >= folds else { return 0 }
    var generator = PhiloxGenerator(seed: seed, stream: "inner-folds")
    let order = generator.permutation(groups.count)
    let foldOfGroup = Dictionary(uniqueKeysWithValues: order.enumerated().map { (groups[$1], $0 % folds) })
    // right[candidate][pair], as 0 or 1, or what a tie counts.
    var right = [[Double]](
      repeating: [Double](repeating: 0, count: evidence.pairCount), count: candidates.count)
    for fold in 0..<folds {
      let held = (0..<evidence.pairCount).filter { foldOfGroup[evidence.groups[$0]] == fold }
      let training = evidence.selecting((0..<evidence.pairCount).filter { foldOfGroup[evidence.groups[$0]] != fold })
      let test = evidence.selecting(held)
      for (index, candidate) in candidates.enumerated() {
        let arms = try candidate.fit(training).arms(contexts: test.contexts, domains: test.domains)
        for (pair, arm) in zip(held, arms) { right[index][pair] = evidence.correctness.values[arm][pair] }
      }
    }
    let gains = right.map { gain(of: $0, over: right[0], evidence.groups) }
    let best = gains.indices.max { (gains[$0].mean, -$0) < (gains[$1].mean, -$1) } ?? 0
    return gains[best].mean > margin * gains[best].standardError ? best : 0
  }

  /// The sum of the gain over each group is one observation.
  private func gain(
    of values: [Double], over reference: [Double], _ groups: [Int]
  ) -> (mean: Double, standardError: Double) {
    var sumOfGroup: [Int: Double] = [:]
    for (pair, group) in groups.enumerated() { sumOfGroup[group, default: 0] += values[pair] - reference[pair] }
    let sums = sumOfGroup.sorted { $0.key < $1.key }.map(\.value)
    let count = Double(sums.count)
    let mean = sums.reduce(0, +) / count
    let variance = sums.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / max(count - 1, 1)
    return (mean, (variance / count).squareRoot())
  }
}
