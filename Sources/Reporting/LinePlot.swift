/// Lines over a common axis, each with a band around it where it has one: cumulative regret by method, with the 10 %
/// and 90 % quantiles over seeds.
///
/// The legend lists the series from the highest last value to the lowest, as the lines end, and of equals the first
/// first; a series keeps the colour of its place in `series`. After eight series the colours repeat, dashed, and after
/// sixteen, dotted.
public struct LinePlot: Plot {
  public struct Series: Sendable, Equatable {
    public let name: String
    public let x: [Double]
    public let y: [Double]
    public let band: Band?
    /// Whether each value is marked by a point: for few values that were measured one by one.
    public let hasPoints: Bool
    /// A fitted line beside the measured one, drawn thin and dashed and without an entry in the legend.
    public let fit: [Double]?

    /// - Parameters:
    ///   - x: in ascending order.
    ///   - y: one a value of `x`, as have the two sides of `band`, and `fit`.
    public init(
      name: String, x: [Double], y: [Double], band: Band? = nil, hasPoints: Bool = false, fit: [Double]? = nil
    ) {
      precondition(x.count == y.count, "series '\(name)' has \(x.count) x and \(y.count) y")
      precondition(
        band.map { $0.low.count == x.count && $0.high.count == x.count } ?? true,
        "series '\(name)' has \(x.count) x; its band needs as many low and high")
      self.name = name
      self.x = x
      self.y = y
      precondition(
        fit.map { $0.count == x.count } ?? true, "series '\(name)' has \(x.count) x; its fit needs as many values")
      self.band = band
      self.hasPoints = hasPoints
      self.fit = fit
    }
  }

  /// The region filled around a line, one low and one high side a point.
  public struct Band: Sendable, Equatable {
    public let low: [Double]
    public let high: [Double]

    public init(low: [Double], high: [Double]) {
      self.low = low
      self.high = high
    }
  }

  /// One line; it says what the bands are, too.
  public let title: String
  /// What the axis counts and, in brackets, its unit.
  public let xLabel: String
  public let yLabel: String
  public let series: [Series]

  public init(title: String, xLabel: String, yLabel: String, series: [Series]) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.series = series
  }

  /// Of a series of more than 400 points, 400 evenly spread ones are drawn, the first and the last among them: finer
  /// than the page's pixels for the smooth curves this is for, though a spike of one point may be lost.
  public func script(name: String) throws(ReportingError) -> String {
    guard !series.isEmpty else { throw .nothingToDraw(plot: title) }
    for each in series {
      guard !each.x.isEmpty else { throw .emptySeries(name: each.name) }
      for column in each.columns { try requireFinite(column, series: each.name) }
    }
    let lastValueFirst = series.indices.sorted {
      let (left, right) = (series[$0].y.last ?? 0, series[$1].y.last ?? 0)
      return (right, $0) < (left, $1)
    }
    // All bands lie under all lines, and many of them must let each other through.
    let banded = series.indices.filter { series[$0].band != nil && series[$0].x.count > 1 }
    let opacity = banded.count <= 3 ? 0.16 : 0.07
    let bands = banded.map {
      "$series\($0) using 1:3:4 with filledcurves fillcolor rgb '\(Self.color($0))' fillstyle "
        + "transparent solid \(opacity) noborder notitle"
    }
    let edges = banded.flatMap { index in
      [3, 4].map {
        "$series\(index) using 1:\($0) with lines linewidth 0.6 "
          + "linecolor rgb '#a0\(Self.color(index).dropFirst())' notitle"
      }
    }
    let lines = lastValueFirst.map { index in
      let color = Self.color(index)
      let style =
        series[index].x.count == 1
        ? "with points pointtype 7 pointsize 0.6 linecolor rgb '\(color)'"
        : "with \(series[index].hasPoints ? "linespoints pointtype 7 pointsize 0.6" : "lines") linewidth 2 "
          + "dashtype \(Self.dash(index)) linecolor rgb '\(color)'"
      return "$series\(index) using 1:2 \(style) \(GnuplotScript.legendEntry(series[index].name))"
    }
    let fits = series.indices.filter { series[$0].fit != nil && series[$0].x.count > 1 }.map { index in
      "$series\(index) using 1:\(series[index].columns.count) with lines linewidth 1 dashtype '-' "
        + "linecolor rgb '\(Self.color(index))' notitle"
    }
    return GnuplotScript.assemble(
      name: name, title: title, xLabel: xLabel, yLabel: yLabel,
      style: ["set grid back linetype 1 linecolor rgb '#e4e4e4' linewidth 0.7"],
      data: series.enumerated().flatMap { index, each in
        let columns = each.columns
        return GnuplotScript.block(
          "$series\(index)", rows: GnuplotScript.thinned(each.x.count).map { row in columns.map { $0[row] } })
      },
      curves: bands + edges + fits + lines)
  }

  private static func color(_ index: Int) -> String {
    GnuplotScript.palette[index % GnuplotScript.palette.count]
  }

  /// Solid, then dashed, then dotted: 24 lines that differ.
  private static func dash(_ index: Int) -> String {
    let patterns = ["solid", "'-'", "'.'"]
    return patterns[index / GnuplotScript.palette.count % patterns.count]
  }
}

extension LinePlot.Series {
  /// The fit, where there is one, comes last.
  fileprivate var columns: [[Double]] { [x, y] + (band.map { [$0.low, $0.high] } ?? []) + (fit.map { [$0] } ?? []) }
}

func requireFinite(_ values: [Double], series: String) throws(ReportingError) {
  if let index = values.firstIndex(where: { !$0.isFinite }) {
    throw .valueNotFinite(series: series, index: index, value: "\(values[index])")
  }
}
