import Reporting

extension CrossValidationReport {
  /// Policies with probabilities of their own: of those that expect the same, as one regression with more or less caution, the first.
  private var forecasters: [(method: String, bins: [JudgementQuality.Bin])] {
    var found: [(method: String, bins: [JudgementQuality.Bin])] = []
    for row in rows {
      guard let bins = row.reliability, !found.contains(where: { $0.bins == bins }) else { continue }
      found.append((row.method, bins))
    }
    return found
  }

  /// How often models were right against how probable the policies said it was, a point a bin, beside the diagonal; nil where no
  /// policy says anything.
  public var reliabilityPlot: LinePlot? {
    guard !forecasters.isEmpty else { return nil }
    let diagonal = LinePlot.Series(name: "calibrated", x: [0, 1], y: [0, 1])
    return LinePlot(
      title: "Reliability on held-out pairs: a point a tenth of the probabilities",
      xLabel: "mean probability of being right",
      yLabel: "share that was right",
      series: forecasters.map { forecaster in
        LinePlot.Series(
          name: forecaster.method, x: forecaster.bins.compactMap(\.meanProbability),
          y: forecaster.bins.compactMap(\.frequency), hasPoints: true)
      } + [diagonal])
  }

  /// How many of the forecasts fall into each bin, beside `reliabilityPlot`.
  public var forecastPlot: LinePlot? {
    guard !forecasters.isEmpty else { return nil }
    return LinePlot(
      title: "Probabilities given to models on held-out pairs", xLabel: "probability of being right, middle of a tenth",
      yLabel: "forecasts (pairs x models x seeds)",
      series: forecasters.map { forecaster in
        LinePlot.Series(
          name: forecaster.method,
          x: forecaster.bins.indices.map { (Double($0) + 0.5) / Double(forecaster.bins.count) },
          y: forecaster.bins.map { Double($0.count) }, hasPoints: true)
      })
  }
}
