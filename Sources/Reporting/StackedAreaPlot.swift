/// Shares of a whole over a common axis, stacked: how often each arm was chosen, over time.
///
/// The first area lies at the bottom, and the legend lists the areas as they are stacked. Of more than eight areas, the
/// seven with the largest mean shares are drawn, and the rest as one, in grey.
public struct StackedAreaPlot: Plot {
  public struct Area: Sendable, Equatable {
    public let name: String
    /// Fractions of 1, one a point of the axis.
    public let shares: [Double]

    public init(name: String, shares: [Double]) {
      self.name = name
      self.shares = shares
    }
  }

  /// How far the shares of a point may sum from 1.
  public static let tolerance = 1e-6

  public let title: String
  /// What the axis counts and, in brackets, its unit.
  public let xLabel: String
  public let yLabel: String
  /// The horizontal positions, in ascending order.
  public let x: [Double]
  public let areas: [Area]

  /// - Parameter areas: each with one share a value of `x`.
  public init(title: String, xLabel: String, yLabel: String, x: [Double], areas: [Area]) {
    for area in areas {
      precondition(
        area.shares.count == x.count, "area '\(area.name)' has \(area.shares.count) shares at \(x.count) x")
    }
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.x = x
    self.areas = areas
  }

  /// Of more than 400 points, 400 evenly spread ones are drawn, the first and the last among them.
  public func script(name: String) throws(ReportingError) -> String {
    try validate()
    let drawn = Self.merged(areas)
    let points = GnuplotScript.thinned(x.count)
    // Column k + 2 is the upper edge of area k, column 2 the axis.
    let rows = points.map { point in
      var edges = [0.0]
      for area in drawn { edges.append(edges[edges.count - 1] + area.shares[point]) }
      return [x[point]] + edges
    }
    let fills = drawn.indices.map { index in
      let isRest = drawn.count < areas.count && index == drawn.count - 1
      let color = isRest ? "#d4d4d4" : GnuplotScript.palette[index]
      return "$shares using 1:\(index + 2):\(index + 3) with filledcurves fillcolor rgb '\(color)' fillstyle "
        + "solid 0.8 noborder \(GnuplotScript.legendEntry(drawn[index].name))"
    }
    let edges = drawn.indices.dropLast().map {
      "$shares using 1:\($0 + 3) with lines linewidth 0.8 linecolor rgb 'white' notitle"
    }
    return GnuplotScript.assemble(
      name: name, title: title, xLabel: xLabel, yLabel: yLabel,
      style: [
        "set key invert",
        "set yrange [0:1]",
        "set ytics ('0 %%' 0, '25 %%' 0.25, '50 %%' 0.5, '75 %%' 0.75, '100 %%' 1)",
        "set grid ytics front linetype 1 linecolor rgb '#80ffffff' linewidth 0.7",
      ],
      data: GnuplotScript.block("$shares", rows: rows), curves: fills + edges)
  }

  private func validate() throws(ReportingError) {
    guard !areas.isEmpty, !x.isEmpty else { throw .nothingToDraw(plot: title) }
    try requireFinite(x, series: xLabel)
    for area in areas {
      try requireFinite(area.shares, series: area.name)
      if let index = area.shares.firstIndex(where: { $0 < 0 }) {
        throw .negativeShare(series: area.name, index: index, value: area.shares[index])
      }
    }
    for index in x.indices {
      let sum = areas.reduce(0) { $0 + $1.shares[index] }
      guard abs(sum - 1) <= Self.tolerance else { throw .sharesDoNotSumToOne(plot: title, index: index, sum: sum) }
    }
  }

  /// No more areas than there are colours to tell apart, in the order of `areas`; the rest last.
  private static func merged(_ areas: [Area]) -> [Area] {
    guard areas.count > GnuplotScript.palette.count else { return areas }
    let totals = areas.map { $0.shares.reduce(0, +) }
    let ranked = areas.indices.sorted { (totals[$1], $0) < (totals[$0], $1) }
    let kept = ranked.prefix(GnuplotScript.palette.count - 1).sorted()
    let rest = ranked.dropFirst(kept.count).sorted()
    let shares = areas[0].shares.indices.map { point in rest.reduce(0) { $0 + areas[$1].shares[point] } }
    return kept.map { areas[$0] } + [Area(name: "\(rest.count) others", shares: shares)]
  }
}
