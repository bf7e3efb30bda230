import Foundation
import PreferenceData
import Randomness
import Reporting

/// Whether more offline data closes the gap to the oracle: accuracies on the same held-out pairs of policies fitted on ever more of
/// the same training folds.
public struct LearningCurve: Sendable, Codable {
  public struct Row: Sendable, Codable {
    public let method: String
    /// Over all pairs, by fraction.
    public let accuracies: [Double]
    /// Accuracy of the largest fraction minus that of the smallest: the part of the gap that it closes.
    public let gain: Double
    public let gainInterval: Interval

    /// Whether the gain can be told from chance.
    public var isCertain: Bool { gainInterval.low > 0 || gainInterval.high < 0 }

    enum CodingKeys: String, CodingKey {
      case method, accuracies, gain
      case gainInterval = "gain_interval"
    }
  }

  /// Parts of the training prompts, ascending.
  public let fractions: [Double]
  public let rows: [Row]
  /// A model that is right wherever one is.
  public let oracle: Double

  /// - Parameters:
  ///   - parts: the outcomes of the same methods at two fractions or more, ascending, over the same folds.
  ///   - ties: the rule of the cross-validations that the outcomes are of.
  public init(
    _ parts: [(fraction: Double, outcomes: [CrossValidation.Outcome])], dataset: PreferenceDataset,
    ties: TieRule = .half, using generator: inout PhiloxGenerator
  ) {
    precondition(parts.count > 1, "a curve has two points or more")
    fractions = parts.map(\.fraction)
    precondition(fractions == fractions.sorted(), "fractions ascend")
    let methods = parts[0].outcomes.indices.filter { parts[0].outcomes[$0].isFitted }
    let ends = [parts[0], parts[parts.count - 1]]
    let values = methods.flatMap { method in ends.map { $0.outcomes[method].correctness } }
    let everyPair = [Bool](repeating: true, count: dataset.pairs.count)
    let bootstrap = PairedBootstrap(
      values: values, subsets: [everyPair], groups: PairGroups(dataset.pairs).groupOfPair, using: &generator)
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
    rows = methods.enumerated().compactMap { index, method in
      bootstrap.difference(method: 2 * index + 1, minus: 2 * index, subset: 0).map { gain in
        Row(
          method: parts[0].outcomes[method].name, accuracies: parts.map { mean($0.outcomes[method].correctness) },
          gain: gain.mean, gainInterval: gain.interval)
      }
    }
    oracle = mean(CorrectnessTable(dataset, ties: ties).ofOracle)
  }

  public var table: Table {
    func percent(_ value: Double) -> String { String(format: "%.2f", 100 * value) }
    var table = Table(
      [.init("method, %")] + fractions.map { .init("\($0)", .right) }
        + ["gap at first", "gap at last", "closed"].map { .init($0, .right) })
    for row in rows {
      table.append(
        [row.method] + row.accuracies.map(percent)
          + [row.accuracies.first, row.accuracies.last].map { $0.map { percent(oracle - $0) } ?? "-" } + [
            String(
              format: "%+.2f [%+.1f,%+.1f]", 100 * row.gain, 100 * row.gainInterval.low, 100 * row.gainInterval.high)
          ])
    }
    return table
  }

  /// What the curve says of the gap, in words.
  public var verdict: String {
    func sentence(_ rows: [Row], _ verb: String) -> String? {
      guard !rows.isEmpty else { return nil }
      let list = rows.map {
        "\($0.method) "
          + String(format: "by %.1f of %.1f points", 100 * abs($0.gain), 100 * (oracle - $0.accuracies[0]))
      }
      return "From \(fractions[0]) to \(fractions[fractions.count - 1]) of the training prompts the gap to the oracle "
        + "\(verb) for \(list.joined(separator: ", "))."
    }
    let certain = rows.filter(\.isCertain)
    let sentences = [
      sentence(certain.filter { $0.gain > 0 }, "closes"), sentence(certain.filter { $0.gain < 0 }, "widens"),
      certain.count == rows.count
        ? nil
        : "For \(certain.isEmpty ? "every method" : "the others") the interval of the change holds 0: more data closes no gap "
          + "that could be told from chance.",
    ]
    return sentences.compactMap(\.self).joined(separator: " ")
  }

  /// Accuracy against the share of the training data, a line a policy, below the oracle's.
  public var plot: LinePlot {
    LinePlot(
      title: "Accuracy on held-out pairs by the amount of training data", xLabel: "share of the training prompts",
      yLabel: "accuracy (%)",
      series: rows.map {
        LinePlot.Series(name: $0.method, x: fractions, y: $0.accuracies.map { 100 * $0 }, hasPoints: true)
      } + [LinePlot.Series(name: "oracle (hindsight)", x: fractions, y: fractions.map { _ in 100 * oracle })])
  }
}
