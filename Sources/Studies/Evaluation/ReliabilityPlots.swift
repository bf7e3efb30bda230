import Reporting

/// Bins of several methods' probabilities, drawn.
struct ReliabilityPlots {
  /// The methods that are drawn: of those with the same bins, as one regression with more or less caution, the first.
  private let methods: [(name: String, bins: [JudgementQuality.Bin])]

  init(_ all: [(name: String, bins: [JudgementQuality.Bin])]) {
    methods = all.enumerated().filter { index, method in !all[..<index].contains { $0.bins == method.bins } }
      .map(\.element)
  }

  /// How often models were right against how probable it was said to be, a point a bin, beside the diagonal; nil without methods.
  var reliability: LinePlot? {
    guard !methods.isEmpty else { return nil }
    let diagonal = LinePlot.Series(name: "calibrated", x: [0, 1], y: [0, 1])
    return LinePlot(
      title: "Reliability: a point a tenth of the probabilities", xLabel: "mean probability of being right",
      yLabel: "share that was right",
      series: methods.map { method in
        LinePlot.Series(
          name: method.name, x: method.bins.compactMap(\.meanProbability), y: method.bins.compactMap(\.frequency),
          hasPoints: true)
      } + [diagonal])
  }

  /// How many of the forecasts fall into each bin; nil without methods.
  var forecasts: LinePlot? {
    guard !methods.isEmpty else { return nil }
    return LinePlot(
      title: "Probabilities given to models", xLabel: "probability of being right, middle of a tenth",
      yLabel: "forecasts, one a pair and model",
      series: methods.map { method in
        LinePlot.Series(
          name: method.name, x: method.bins.indices.map { (Double($0) + 0.5) / Double(method.bins.count) },
          y: method.bins.map { Double($0.count) }, hasPoints: true)
      })
  }
}

extension CrossValidationReport {
  private var plots: ReliabilityPlots {
    ReliabilityPlots(rows.compactMap { row in (row.quality?.reliability).map { (row.method, $0) } })
  }

  /// How often models were right on held-out pairs against how probable the policies said it was; nil where none says anything.
  public var reliabilityPlot: LinePlot? { plots.reliability }
  /// The counts of its bins, over all seeds.
  public var forecastPlot: LinePlot? { plots.forecasts }
}

extension RouterEvaluation {
  private var plots: ReliabilityPlots { ReliabilityPlots([("router", reliability)]) }

  /// How often models were right against how probable the router said it was.
  public var reliabilityPlot: LinePlot? { plots.reliability }
  /// The counts of its bins.
  public var forecastPlot: LinePlot? { plots.forecasts }
}
