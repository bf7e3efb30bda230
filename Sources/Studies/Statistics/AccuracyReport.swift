import Foundation
import PreferenceData
import Randomness
import RewardModels

/// An accuracy or a difference of two, as a fraction, with its 95 % interval.
public struct Estimate: Sendable, Codable, Hashable {
  public let value: Double
  public let low: Double
  public let high: Double

  public init(value: Double, low: Double, high: Double) {
    self.value = value
    self.low = low
    self.high = high
  }

  init(_ value: Double, _ interval: Interval) {
    self.init(value: value, low: interval.low, high: interval.high)
  }

  public var interval: Interval { Interval(low: low, high: high) }
}

/// How right each of several methods is on the same pairs: accuracies, and differences to a reference, with paired bootstrap intervals over
/// prompts. Replay, evaluation and cross-validation all report through it.
public struct AccuracyReport: Sendable {
  /// A method with its expected correctness of each pair.
  public struct Method: Sendable {
    public let name: String
    public let correctness: [Double]

    public init(name: String, correctness: [Double]) {
      self.name = name
      self.correctness = correctness
    }
  }

  public struct Row: Sendable {
    public let method: String
    /// The accuracy over each subset, by `CorrectnessTable.Subset.rawValue`; nil where no pair counts.
    public let accuracies: [Estimate?]
    /// Differences over all pairs to the best single reward model and to majority vote; nil where there is none to compare with.
    public let toBestSingle: Estimate?
    public let toMajority: Estimate?
    /// Accuracy by domain, in the order of `domains`; nil where no pair of the domain counts.
    public let byDomain: [Double?]

    /// The same under another name.
    func renamed(_ name: String) -> Row {
      Row(
        method: name, accuracies: accuracies, toBestSingle: toBestSingle, toMajority: toMajority, byDomain: byDomain)
    }

    public subscript(subset: CorrectnessTable.Subset) -> Estimate? { accuracies[subset.rawValue] }
  }

  /// One a method, in their order.
  public let rows: [Row]
  /// The first method over the pairs that `restriction` kept; nil where there was none.
  public let restrictedRow: Row?
  /// Pairs by `CorrectnessTable.Subset.rawValue`.
  public let pairCounts: [Int]
  public let domains: [String]
  public let resamples: Int

  /// - Parameters:
  ///   - pairs: those that the methods are judged on. A pair may occur several times, once a pool.
  ///   - subsets: which pairs count, by `CorrectnessTable.Subset.rawValue`.
  ///   - bestSingle: correctness of what differences are taken to.
  ///   - majority: correctness of majority vote; nil leaves that difference out.
  ///   - restriction: pairs over which the first method is reported once more.
  ///   - generator: of the bootstrap, which draws whole prompts.
  public init(
    _ methods: [Method], pairs: [PreferencePair], subsets: [[Bool]], bestSingle: [Double], majority: [Double]? = nil,
    restriction: [Bool]? = nil, using generator: inout PhiloxGenerator
  ) {
    precondition(methods.allSatisfy { $0.correctness.count == pairs.count }, "a value a pair and method")
    let reference = methods.count
    let restricted = restriction.map { flags in subsets.map { zip($0, flags).map { $0 && $1 } } } ?? []
    let bootstrap = PairedBootstrap(
      values: methods.map(\.correctness) + [bestSingle] + (majority.map { [$0] } ?? []), subsets: subsets + restricted,
      groups: PromptGroups(pairs).groupOfPair, using: &generator)
    var seen: Set<String> = []
    let domainOfPair = pairs.map { $0.domain ?? PreferenceDataset.noDomain }
    let domains = domainOfPair.filter { seen.insert($0).inserted }
    let members = Dictionary(grouping: pairs.indices) { domainOfPair[$0] }

    func row(_ method: Int, firstSubset: Int, counting: (Int) -> Bool) -> Row {
      func difference(_ reference: Int) -> Estimate? {
        bootstrap.difference(method: method, minus: reference, subset: firstSubset).map {
          Estimate($0.mean, $0.interval)
        }
      }
      return Row(
        method: methods[method].name,
        accuracies: subsets.indices.map { subset in
          guard let mean = bootstrap.mean(method: method, subset: firstSubset + subset),
            let interval = bootstrap.interval(method: method, subset: firstSubset + subset)
          else { return nil }
          return Estimate(mean, interval)
        },
        toBestSingle: difference(reference), toMajority: majority == nil ? nil : difference(reference + 1),
        byDomain: domains.map { domain in
          let counted = (members[domain] ?? []).filter(counting)
          guard !counted.isEmpty else { return nil }
          return counted.reduce(0) { $0 + methods[method].correctness[$1] } / Double(counted.count)
        })
    }
    rows = methods.indices.map { row($0, firstSubset: 0) { _ in true } }
    restrictedRow = restriction.map { flags in row(0, firstSubset: subsets.count) { flags[$0] } }
    pairCounts = subsets.map { $0.count { $0 } }
    self.domains = domains
    resamples = bootstrap.resamples
  }
}

extension AccuracyReport.Row: Encodable {
  private enum CodingKeys: String, CodingKey {
    case method, all, anyCorrect, disagreement, toBestSingle, toMajority, byDomain
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(method, forKey: .method)
    try container.encodeIfPresent(self[.all], forKey: .all)
    try container.encodeIfPresent(self[.anyCorrect], forKey: .anyCorrect)
    try container.encodeIfPresent(self[.disagreement], forKey: .disagreement)
    try container.encodeIfPresent(toBestSingle, forKey: .toBestSingle)
    try container.encodeIfPresent(toMajority, forKey: .toMajority)
    try container.encode(byDomain, forKey: .byDomain)
  }
}

/// The keys of a row in the flat summaries of replay and cross-validation.
enum FlatAccuracyKeys: String, CodingKey {
  case method
  case accuracyAll = "accuracy_all"
  case accuracyAnyCorrect = "accuracy_any_correct"
  case accuracyDisagreement = "accuracy_disagreement"
  case intervalAll = "interval_all"
  case intervalAnyCorrect = "interval_any_correct"
  case intervalDisagreement = "interval_disagreement"
  case differenceToBestSingle = "difference_to_best_single"
  case intervalToBestSingle = "interval_to_best_single"
  case differenceToMajority = "difference_to_majority"
  case intervalToMajority = "interval_to_majority"
}

extension AccuracyReport.Row {
  /// Writes the row flat: a value and an interval by keys of their own.
  ///
  /// - Parameter interval: how an interval is written.
  func encodeFlat<Written: Encodable>(to encoder: any Encoder, interval: (Estimate) -> Written) throws {
    var container = encoder.container(keyedBy: FlatAccuracyKeys.self)
    try container.encode(method, forKey: .method)
    let estimates: [(Estimate?, FlatAccuracyKeys, FlatAccuracyKeys)] = [
      (self[.all], .accuracyAll, .intervalAll), (self[.anyCorrect], .accuracyAnyCorrect, .intervalAnyCorrect),
      (self[.disagreement], .accuracyDisagreement, .intervalDisagreement),
      (toBestSingle, .differenceToBestSingle, .intervalToBestSingle),
      (toMajority, .differenceToMajority, .intervalToMajority),
    ]
    for (estimate, value, bounds) in estimates {
      guard let estimate else { continue }
      try container.encode(estimate.value, forKey: value)
      try container.encode(interval(estimate), forKey: bounds)
    }
  }
}

extension PreferenceDataset {
  /// The chance that majority vote agrees with each pair's label, a tied vote being broken by a coin; 0 without label.
  public var majorityCorrectness: [Double] {
    let vote = MajorityVote()
    return pairs.indices.map { pair in
      pairs[pair].label.map { vote.verdict(scores: scores.map { $0[pair] }).correctness(label: $0) } ?? 0
    }
  }
}
