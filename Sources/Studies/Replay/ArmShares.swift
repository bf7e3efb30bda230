import Foundation
import PreferenceData
import Reporting

/// How often each learning method chose each reward model, by domain.
public struct ArmShares {
  private let dataset: PreferenceDataset
  private let methods: [(title: String, counts: [[Int]])]

  /// `counts[domain][arm]` over all seeds.
  public init(_ study: ReplayStudy, _ outcomes: [ReplayOutcome]) {
    let dataset = study.dataset
    let domains = dataset.domains
    let numbers = Dictionary(uniqueKeysWithValues: domains.enumerated().map { ($1, $0) })
    self.dataset = dataset
    methods = outcomes.filter(\.method.learns).map { outcome in
      var counts = [[Int]](repeating: [Int](repeating: 0, count: dataset.rewardModels.count), count: domains.count)
      for trace in outcome.traces {
        for (pair, arm) in zip(trace.pairs, trace.arms) {
          guard let domain = numbers[dataset.domain(pair: pair)] else { continue }
          counts[domain][arm] += 1
        }
      }
      return (outcome.title, counts)
    }
  }

  /// One line a method, domain and reward model.
  public var table: Table {
    var table = Table([.init("method"), .init("domain"), .init("reward_model"), .init("share", .right)])
    for (title, counts) in methods {
      for (domain, row) in zip(dataset.domains, counts) {
        let sum = max(row.reduce(0, +), 1)
        for (arm, count) in row.enumerated() {
          table.append([title, domain, dataset.rewardModels[arm].name, String(Double(count) / Double(sum))])
        }
      }
    }
    return table
  }

  /// The last learning method's shares, a row a reward model and a column a domain, the six largest domains.
  public var terminalTable: (method: String, table: Table)? {
    guard let (title, counts) = methods.last else { return nil }
    let sums = counts.map { max($0.reduce(0, +), 1) }
    let largest = sums.indices.sorted { (sums[$0], $1) > (sums[$1], $0) }.prefix(6).sorted()
    var table = Table([.init("reward model")] + largest.map { .init(dataset.domains[$0], .right) })
    for (arm, model) in dataset.rewardModels.enumerated() {
      table.append(
        [model.name]
          + largest.map { String(format: "%.1f", 100 * Double(counts[$0][arm]) / Double(sums[$0])) })
    }
    return (title, table)
  }
}
