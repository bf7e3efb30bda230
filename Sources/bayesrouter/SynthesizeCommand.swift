import ArgumentParser
import CommandSupport
import Foundation
import RouterKit

/// `bayesrouter synthesize`: a made-up dataset for demonstrations and tests.
struct Synthesize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a synthetic dataset: made-up reward models, each good at two of five domains.",
    discussion: """
      Prompts and responses are English sentences from a small grammar, and scores come from a documented formula (see \
      SyntheticWorld): use them to try things out, never as evidence about real reward models. Sources, ids and names of \
      reward models say "synthetic". The same options give the same dataset.

      EXAMPLES
        bayesrouter synthesize --out synthetic-data
        bayesrouter synthesize --out small-data --pairs 500 --rms 4 --seed 7
      """)

  @Option(name: .long, help: "The dataset folder to write.")
  var out: String

  @Option(name: .long, help: "How many preference pairs, 1 to 1000000.")
  var pairs = 2000

  @Option(name: .long, help: "How many reward models, 1 to 64.")
  var rms = 6

  @Option(name: .long, help: "Seed of the dataset.")
  var seed: UInt64 = 1

  @OptionGroup var judging: TieOptions

  @Flag(name: .long, help: "Replace the folder if it exists.")
  var replace = false

  func validate() throws {
    try check("--pairs", pairs, in: SyntheticWorld.Configuration.pairRange)
    try check("--rms", rms, in: SyntheticWorld.Configuration.rewardModelRange)
  }

  private func check(_ option: String, _ value: Int, in range: ClosedRange<Int>) throws {
    guard range.contains(value) else {
      throw ValidationError("\(option) \(value): give a number from \(range.lowerBound) to \(range.upperBound)")
    }
  }

  func run() throws {
    var generator = PhiloxGenerator(seed: seed, stream: SyntheticWorld.source)
    let world = SyntheticWorld(SyntheticWorld.Configuration(pairs: pairs, rewardModels: rms))
    let dataset = world.dataset(using: &generator)
    try dataset.write(to: URL(fileURLWithPath: out), replacing: replace)
    print("wrote \(out): \(pairs) synthetic pairs, \(rms) synthetic reward models, seed \(seed)\n")
    print(AccuracyTable(dataset, ties: judging.ties).text)
  }
}

/// How often each reward model and each way to combine them is right, by domain.
private struct AccuracyTable {
  let dataset: PreferenceDataset
  let ties: TieRule

  init(_ dataset: PreferenceDataset, ties: TieRule) {
    self.dataset = dataset
    self.ties = ties
  }

  /// A method's chance to be right on each pair.
  private typealias Correctness = [Double]

  private var rows: [(name: String, correctness: Correctness)] {
    let table = CorrectnessTable(dataset, ties: ties)
    let best = table.bestArms(byDomainOf: dataset)
    let domainBest = table.pairs.map { table.values[best[dataset.domain(pair: $0)] ?? 0][$0] }
    return zip(dataset.rewardModels.map(\.name), table.values).map { ($0, $1) } + [
      ("majority vote", dataset.majorityCorrectness), ("best of each domain", domainBest), ("oracle", table.ofOracle),
    ]
  }

  private var pairsByDomain: [(name: String, pairs: [Int])] {
    dataset.domains.map { name in (name, dataset.pairs.indices.filter { dataset.domain(pair: $0) == name }) }
  }

  private func mean(_ correctness: Correctness, over pairs: [Int]) -> Double {
    pairs.reduce(0) { $0 + correctness[$1] } / Double(pairs.count)
  }

  var text: String {
    let columns = pairsByDomain + [(name: "all", pairs: Array(dataset.pairs.indices))]
    var table = Table([.init("% right")] + columns.map { .init($0.name, .right) })
    for row in rows {
      table.append([row.name] + columns.map { String(format: "%.1f", 100 * mean(row.correctness, over: $0.pairs)) })
    }
    return table.terminal()
  }
}
