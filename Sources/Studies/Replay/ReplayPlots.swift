import Foundation
import LinearAlgebra
import PreferenceData
import Reporting

/// The figures of a replay over one pool: how regret grows, and which reward models are asked as time goes on.
public struct ReplayPlots {
  private let study: ReplayStudy
  private let outcomes: [ReplayOutcome]

  public init(_ study: ReplayStudy, _ outcomes: [ReplayOutcome]) {
    self.study = study
    self.outcomes = outcomes
  }

  private var pairCount: Int { study.dataset.pairs.count }

  /// Draws into the run folder.
  ///
  /// - Returns: what was drawn, or why it was not: a replay's numbers outlive a gnuplot that fails.
  public func render(to folder: URL) -> [String] {
    var plots: [(name: String, plot: any Plot)] = []
    if let regret { plots.append(("regret", regret)) }
    if let frontier { plots.append(("frontier", frontier)) }
    for outcome in outcomes where outcome.method.keepsRouter && outcome.title == outcome.method.name {
      plots.append(("arm-shares-\(outcome.title)", armShares(outcome)))
    }
    return plots.map { name, plot in plot.drawn(to: folder, name: name) }
  }

  /// Cumulative regret against the most that any model achieves on each pair: the mean over seeds with the band of 10
  /// to 90 %, and for methods that do not learn its expectation over orders, a straight line.
  private var regret: LinePlot? {
    let attainable = study.correctness.ofOracle
    let steps = (0...pairCount).map(Double.init)
    let best = study.correctness.bestArm
    let series = outcomes.compactMap { outcome -> LinePlot.Series? in
      if !outcome.traces.isEmpty {
        let curves = outcome.traces.map { trace in
          zip(trace.pairs, trace.correctness).reduce(into: [0.0]) { curve, step in
            curve.append(curve[curve.count - 1] + attainable[step.0] - step.1)
          }
        }
        let columns = steps.indices.map { step in curves.map { $0[step] }.sorted() }
        return LinePlot.Series(
          name: outcome.title, x: steps, y: columns.map { $0.reduce(0, +) / Double($0.count) },
          band: .init(
            low: columns.map { quantile(0.1, ofAscending: $0) }, high: columns.map { quantile(0.9, ofAscending: $0) }))
      }
      guard [.reference, .single(arm: best)].contains(outcome.method.role) else { return nil }
      let slope = zip(attainable, outcome.correctness).reduce(0) { $0 + $1.0 - $1.1 } / Double(pairCount)
      return LinePlot.Series(name: outcome.title, x: steps, y: steps.map { $0 * slope })
    }
    guard !series.isEmpty else { return nil }
    return LinePlot(
      title: "Regret against the oracle: mean over seeds, with 10 and 90 % quantiles", xLabel: "pairs routed",
      yLabel: "cumulative regret (pairs)",
      series: series)
  }

  /// What is bought at which price: the curve over kappa, the budgets, and the methods that know no price as points.
  private var frontier: LinePlot? {
    func series(_ name: String, _ outcomes: [ReplayOutcome]) -> LinePlot.Series? {
      let points = outcomes.compactMap { outcome in outcome.costPerPair.map { ($0, 100 * outcome.accuracy) } }
        .sorted { $0.0 < $1.0 }
      return points.isEmpty ? nil : LinePlot.Series(name: name, x: points.map(\.0), y: points.map(\.1))
    }
    let weighted = outcomes.filter { $0.method.role == .weightedCost }
    let budgets = outcomes.filter { $0.method.role == .budgetedCost }
    guard !weighted.isEmpty || !budgets.isEmpty else { return nil }
    let plain = [ReplayMethod.random, .majority, .thompson].map(\.name)
    let others = outcomes.filter { $0.method.isSingle || plain.contains($0.title) }
    let all = [series("thompson, kappa varied", weighted), series("thompson, budget varied", budgets)]
    return LinePlot(
      title: "Accuracy against cost", xLabel: "mean price of a pair's calls", yLabel: "accuracy (%)",
      series: all.compactMap(\.self) + others.compactMap { series($0.title, [$0]) })
  }

  /// The share of each model among the choices of all seeds, in a window that moves over the stream.
  private func armShares(_ outcome: ReplayOutcome) -> StackedAreaPlot {
    let models = study.dataset.rewardModels
    let window = min(pairCount, max(20, pairCount / 20))
    let ends = Array(window...pairCount)
    var counts = [[Double]](repeating: [Double](repeating: 0, count: models.count), count: pairCount)
    for trace in outcome.traces {
      for (step, arm) in trace.arms.enumerated() { counts[step][arm] += 1 }
    }
    let total = Double(window * outcome.traces.count)
    let areas = models.indices.map { arm in
      var sum = (0..<window).reduce(0) { $0 + counts[$1][arm] }
      var shares = [sum / total]
      for end in ends.dropFirst() {
        sum += counts[end - 1][arm] - counts[end - 1 - window][arm]
        shares.append(sum / total)
      }
      return StackedAreaPlot.Area(name: models[arm].name, shares: shares)
    }
    return StackedAreaPlot(
      title: "Reward models that \(outcome.title) asks", xLabel: "pairs routed",
      yLabel: "share of the last \(window) choices, all seeds", x: ends.map(Double.init), areas: areas)
  }
}
