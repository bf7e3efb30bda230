import Foundation

/// The gnuplot program of this machine.
struct Gnuplot {
  private let program: URL

  /// - Parameter path: of the program; nil looks through `PATH`. The result is nil where nothing there can be run.
  init?(path: String?) {
    let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
    let candidates = path.map { [$0] } ?? folders.map { "\($0)/gnuplot" }
    guard let found = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else { return nil }
    program = URL(fileURLWithPath: found)
  }

  /// Runs a script, whose images go to `folder`, without the user's start-up files.
  func run(_ script: URL, in folder: URL) throws(ReportingError) {
    let process = Process()
    let errors = Pipe()
    process.executableURL = program
    process.arguments = ["--default-settings", script.standardizedFileURL.path]
    process.currentDirectoryURL = folder
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = errors
    do {
      try process.run()
    } catch {
      throw .gnuplotNotStarted(path: program.path, reason: error.localizedDescription)
    }
    // Read before waiting: a full pipe would hold gnuplot up for ever.
    let output = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationReason == .exit, process.terminationStatus == 0 else {
      throw .gnuplotFailed(
        script: script.path, status: Int(process.terminationStatus),
        output: String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
    }
  }
}

/// The parts of a gnuplot script that all plots share.
package enum GnuplotScript {
  /// Eight colours that all kinds of colour vision tell apart, each dark enough for a line on white: those of Okabe and
  /// Ito (<https://jfly.uni-koeln.de/color/>), with Tol's wine for their yellow.
  package static let palette = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#882255",
  ]

  /// A string literal of gnuplot that stands for `text` as it is, on one line.
  ///
  /// Between double quotes gnuplot gives a meaning to the backslash, the double quote and the backquote, which would run
  /// a command even after a backslash, so it is written by its octal code. (Between single quotes gnuplot 5.4 cannot
  /// read a text that starts with a quote or holds two in a row.) What an SVG cannot hold changes: line breaks, control
  /// characters and Unicode noncharacters become spaces, and `]]>` becomes `]] >`.
  package static func quoted(_ text: String) -> String {
    var literal = "\""
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator: literal += " "
      case .unassigned where scalar.value & 0xfffe == 0xfffe: literal += " "
      case _ where scalar == "\"": literal += "\\\""
      case _ where scalar == "\\": literal += "\\\\"
      case _ where scalar == "`": literal += "\\140"
      case _ where scalar == ">" && literal.hasSuffix("]]"): literal += " >"
      default: literal.unicodeScalars.append(scalar)
      }
    }
    return literal + "\""
  }

  /// At most `limit` of the indices `0..<count`, evenly spread, the first and the last among them.
  package static func thinned(_ count: Int, limit: Int = 400) -> [Int] {
    precondition(limit >= 2, "thinning keeps the first and the last of \(count) points, so \(limit) is too few")
    guard count > limit else { return Array(0..<count) }
    return (0..<limit).map { ($0 * (count - 1) + (limit - 1) / 2) / (limit - 1) }
  }

  /// `text` with its middle left out where it is longer than `limit` characters.
  package static func shortened(_ text: String, to limit: Int) -> String {
    guard text.count > limit else { return text }
    return "\(text.prefix(limit / 2))…\(text.suffix(limit - limit / 2 - 1))"
  }

  /// A named block of data, one row a line.
  static func block(_ name: String, rows: [[Double]]) -> [String] {
    ["\(name) << EOD"] + rows.map { row in row.map { "\($0)" }.joined(separator: " ") } + ["EOD"]
  }

  /// A curve's entry in the legend. Longer names, which would squeeze the plot beside it, lose their middle.
  static func legendEntry(_ name: String) -> String {
    "title \(quoted(shortened(name, to: 36)))"
  }

  /// The whole script.
  ///
  /// - Parameters:
  ///   - style: commands of this kind of plot.
  ///   - data: the lines of the data blocks.
  ///   - curves: the operands of `plot`.
  static func assemble(
    name: String, title: String, xLabel: String, yLabel: String, style: [String], data: [String], curves: [String]
  ) -> String {
    let lines =
      [
        "# Run 'gnuplot \(name).gp' in this folder to draw \(name).svg and \(name).png.",
        "reset",
        "set encoding utf8",
      ] + data + [
        // A label, because `set title` centres on the plot without the legend and would cut off a long one.
        "set label 1 \(quoted(shortened(title, to: 96))) at screen 0.015,0.96 left noenhanced font ',16'",
        "set tmargin 3.4",
        "set bmargin 3.8",
        "set xlabel \(quoted(shortened(xLabel, to: 64))) noenhanced",
        "set ylabel \(quoted(shortened(yLabel, to: 56))) noenhanced",
        "set key outside right top vertical Left reverse noenhanced samplen 2 spacing 1.3",
        "set border 3 linecolor rgb '#555555' linewidth 0.8",
        "set tics out nomirror scale 0.6 textcolor rgb '#222222'",
        "set autoscale xfix",
      ] + style + [
        "set terminal svg size 900,560 font 'sans-serif,13' background rgb 'white' noenhanced",
        "set output \(quoted("\(name).svg"))",
        "plot \\", curves.map { "  \($0)" }.joined(separator: ", \\\n"),
        // A point is a pixel in the SVG, and 4/3 of one, twice, in the PNG.
        "set label 1 font ',12'",
        "set terminal pngcairo size 1800,1120 font 'sans-serif,10' fontscale 2 linewidth 2 pointscale 2 "
          + "background rgb 'white' noenhanced",
        "set output \(quoted("\(name).png"))",
        "replot",
        "unset output",
      ]
    return lines.joined(separator: "\n") + "\n"
  }
}
