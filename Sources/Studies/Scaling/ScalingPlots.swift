import Foundation
import Reporting

/// The figures of a scaling study: wall time and calls against N, and what accuracy costs.
public struct ScalingPlots {
  private let results: ScalingResults

  public init(_ results: ScalingResults) {
    self.results = results
  }

  /// Draws into the run folder; what was drawn, or why it was not.
  public func render(to folder: URL) -> [String] {
    let plots: [(name: String, plot: LinePlot)] = [("wall-time", wallTime), ("calls", calls), ("pareto", pareto)]
    return plots.filter { !$0.plot.series.isEmpty }.map { name, plot in plot.drawn(to: folder, name: name) }
  }

  /// Measured means as points on their lines; the fits dashed.
  private var wallTime: LinePlot {
    let sizes = results.sizes.map(Double.init)
    let series = ScalingMethod.allCases.map { method in
      LinePlot.Series(
        name: method.name, x: sizes,
        y: rows(method).map { 1e3 * $0.perPair($0.wallSeconds) }, hasPoints: true,
        fit: results.main.fits.first { $0.method == method }.map { fit in sizes.map { 1e3 * fit.value(at: $0) } })
    }
    return LinePlot(
      title: "Wall time of labelling a pair: means, and the fitted lines dashed", xLabel: "reward models N",
      yLabel: "wall time a pair (ms)", series: series)
  }

  private var calls: LinePlot {
    LinePlot(
      title: "Reward-model calls a pair", xLabel: "reward models N", yLabel: "calls a pair",
      series: ScalingMethod.allCases.map { method in
        LinePlot.Series(
          name: method.name, x: results.sizes.map(Double.init), y: rows(method).map(\.rmCallsPerPair),
          hasPoints: true)
      })
  }

  /// One curve a method: its points are the sizes of the pool.
  private var pareto: LinePlot {
    let series = ScalingMethod.allCases.compactMap { method -> LinePlot.Series? in
      let points = rows(method).compactMap { row in
        results.accuracy[method, row.rms].map { (1e3 * row.perPair(row.wallSeconds), 100 * $0.value) }
      }.sorted { $0.0 < $1.0 }
      guard !points.isEmpty else { return nil }
      return LinePlot.Series(name: method.name, x: points.map(\.0), y: points.map(\.1), hasPoints: true)
    }
    let kind = results.inputs.configuration.isSynthetic ? "SYNTHETIC judgements" : "recorded judgements"
    return LinePlot(
      title:
        "Accuracy (\(kind), hashed contexts) against wall time, N = \(results.sizes.map(String.init).joined(separator: ", "))",
      xLabel: "wall time a pair (ms)", yLabel: "accuracy (%)", series: series)
  }

  private func rows(_ method: ScalingMethod) -> [ScalingRow] {
    results.sizes.compactMap { results.main.row(method, rms: $0) }
  }
}
