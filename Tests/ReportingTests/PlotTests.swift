import Foundation
import Randomness
import Reporting
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

private let gnuplotIsInstalled: Bool = {
  let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
  let isInstalled = folders.contains { FileManager.default.isExecutableFile(atPath: "\($0)/gnuplot") }
  if !isInstalled { print("gnuplot is not installed: the tests that draw are skipped") }
  return isInstalled
}()

/// The contents of the `<text>` elements of an SVG.
private final class SVGTexts: NSObject, XMLParserDelegate {
  private(set) var texts: [String] = []
  private var isInText = false

  static func read(_ file: URL) throws -> [String] {
    let reader = SVGTexts()
    let parser = XMLParser(data: try Data(contentsOf: file))
    parser.delegate = reader
    try #require(parser.parse(), "\(file.lastPathComponent) is not well-formed XML, line \(parser.lineNumber)")
    return reader.texts
  }

  func parser(
    _ parser: XMLParser, didStartElement elementName: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String] = [:]
  ) {
    if elementName == "text" {
      isInText = true
      texts.append("")
    }
  }

  func parser(
    _ parser: XMLParser, didEndElement elementName: String, namespaceURI: String?, qualifiedName: String?
  ) {
    if elementName == "text" { isInText = false }
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    if isInText { texts[texts.count - 1] += string }
  }
}

private func withFolder(_ body: (URL) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("plot-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  try body(folder)
}

private func lines(of script: String) -> [String] {
  script.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
}

private func block(_ name: String, of script: String) -> [String] {
  Array(lines(of: script).drop { $0 != "\(name) << EOD" }.dropFirst().prefix { $0 != "EOD" })
}

private func titles(of script: String) -> [String] {
  lines(of: script).compactMap { line in
    line.range(of: " title \"").map { String(line[$0.upperBound...].prefix { $0 != "\"" }) }
  }
}

private func linePlot(_ series: [LinePlot.Series], title: String = "Regret") -> LinePlot {
  LinePlot(title: title, xLabel: "Routed pairs", yLabel: "Cumulative regret (wrong labels)", series: series)
}

private func areaPlot(_ areas: [StackedAreaPlot.Area], x: [Double]) -> StackedAreaPlot {
  StackedAreaPlot(title: "Arm shares", xLabel: "Routed pairs", yLabel: "Share of decisions", x: x, areas: areas)
}

private let banded = LinePlot.Series(
  name: "thompson", x: [1, 2, 3], y: [0.5, 1, 1.25], band: .init(low: [0, 1, 1], high: [1, 1e-7, 2]))

@Suite struct LinePlotTests {
  @Test func scriptHoldsTheDataAndDrawsBandsUnderLines() throws {
    let plain = LinePlot.Series(name: "random", x: [1, 3], y: [1, 3])
    let script = try linePlot([banded, plain]).script(name: "regret")
    #expect(block("$series0", of: script) == ["1.0 0.5 0.0 1.0", "2.0 1.0 1.0 1e-07", "3.0 1.25 1.0 2.0"])
    #expect(block("$series1", of: script) == ["1.0 1.0", "3.0 3.0"])
    let all = lines(of: script)
    let plot = try #require(all.firstIndex(of: "plot \\"))
    #expect(
      all[(plot + 1)...(plot + 5)] == [
        "  $series0 using 1:3:4 with filledcurves fillcolor rgb '#0072b2' fillstyle transparent solid 0.16 noborder "
          + "notitle, \\",
        "  $series0 using 1:3 with lines linewidth 0.6 linecolor rgb '#a00072b2' notitle, \\",
        "  $series0 using 1:4 with lines linewidth 0.6 linecolor rgb '#a00072b2' notitle, \\",
        "  $series1 using 1:2 with lines linewidth 2 dashtype solid linecolor rgb '#d55e00' title \"random\", \\",
        "  $series0 using 1:2 with lines linewidth 2 dashtype solid linecolor rgb '#0072b2' title \"thompson\"",
      ])
    #expect(all.contains(#"set output "regret.svg""#))
    #expect(all.contains(#"set output "regret.png""#))
    #expect(all.contains(#"set ylabel "Cumulative regret (wrong labels)" noenhanced"#))
  }

  @Test func legendFollowsTheLastValues() throws {
    let series = [("low", 1.0), ("high", 9), ("middle", 4), ("also middle", 4)].map {
      LinePlot.Series(name: $0.0, x: [0, 1], y: [5, $0.1])
    }
    #expect(try titles(of: linePlot(series).script(name: "p")) == ["high", "middle", "also middle", "low"])
  }

  @Test func twentyFourLinesLookDifferent() throws {
    let series = (0..<24).map { LinePlot.Series(name: "m\($0)", x: [0, 1], y: [0, Double($0)]) }
    let script = try linePlot(series).script(name: "p")
    let looks = lines(of: script).compactMap { line -> Substring? in
      guard let start = line.range(of: "dashtype"), let end = line.range(of: " title") else { return nil }
      return line[start.lowerBound..<end.lowerBound]
    }
    #expect(looks.count == 24)
    #expect(Set(looks).count == 24)
  }

  @Test func longSeriesAreThinned() throws {
    let count = 12_345
    let x = (0..<count).map(Double.init)
    let script = try linePlot([.init(name: "a", x: x, y: x.map { $0 / 2 })]).script(name: "p")
    let rows = block("$series0", of: script)
    #expect(rows.count == 400)
    #expect(rows.first == "0.0 0.0")
    #expect(rows.last == "12344.0 6172.0")
  }

  @Test func rejectsWhatCannotBeDrawn() {
    #expect(throws: ReportingError.nothingToDraw(plot: "Regret")) { try linePlot([]).script(name: "p") }
    #expect(throws: ReportingError.emptySeries(name: "a")) {
      try linePlot([.init(name: "a", x: [], y: [])]).script(name: "p")
    }
    #expect(throws: ReportingError.valueNotFinite(series: "a", index: 1, value: "nan")) {
      try linePlot([.init(name: "a", x: [1, 2], y: [1, .nan])]).script(name: "p")
    }
    #expect(throws: ReportingError.valueNotFinite(series: "a", index: 0, value: "-inf")) {
      try linePlot([.init(name: "a", x: [1], y: [1], band: .init(low: [-.infinity], high: [1]))]).script(name: "p")
    }
  }
}

@Suite struct StackedAreaPlotTests {
  @Test func scriptStacksTheShares() throws {
    let script = try areaPlot(
      [.init(name: "first", shares: [0.25, 0.5]), .init(name: "second", shares: [0.75, 0.5])], x: [1, 2]
    ).script(name: "shares")
    #expect(block("$shares", of: script) == ["1.0 0.0 0.25 1.0", "2.0 0.0 0.5 1.0"])
    let all = lines(of: script)
    let plot = try #require(all.firstIndex(of: "plot \\"))
    #expect(
      all[(plot + 1)...(plot + 3)] == [
        "  $shares using 1:2:3 with filledcurves fillcolor rgb '#0072b2' fillstyle solid 0.8 noborder title \"first\", \\",
        "  $shares using 1:3:4 with filledcurves fillcolor rgb '#d55e00' fillstyle solid 0.8 noborder title \"second\", \\",
        "  $shares using 1:3 with lines linewidth 0.8 linecolor rgb 'white' notitle",
      ])
    // The last area is at the top of the stack, and of the legend.
    #expect(all.contains("set key invert"))
  }

  @Test func smallestOfManyAreasAreDrawnAsOne() throws {
    // Shares 1, 2, ... 10 of 55: the seven largest are arms 3 to 9, the rest has 1 + 2 + 3.
    let areas = (0..<10).map { StackedAreaPlot.Area(name: "arm\($0)", shares: [Double($0 + 1) / 55]) }
    let script = try areaPlot(areas, x: [1]).script(name: "p")
    #expect(titles(of: script) == (3..<10).map { "arm\($0)" } + ["3 others"])
    let edges = try #require(block("$shares", of: script).first).split(separator: " ").compactMap { Double($0) }
    #expect(edges.count == 10)
    #expect(abs(edges[8] - 49.0 / 55) < 1e-12)
    #expect(abs(edges[9] - 1) < 1e-12)
  }

  @Test(arguments: [1, 8]) func fewAreasAreAllDrawn(count: Int) throws {
    let areas = (0..<count).map { StackedAreaPlot.Area(name: "arm\($0)", shares: [1 / Double(count)]) }
    #expect(try titles(of: areaPlot(areas, x: [1]).script(name: "p")) == areas.map(\.name))
  }

  @Test func rejectsWhatAreNoShares() {
    #expect(throws: ReportingError.nothingToDraw(plot: "Arm shares")) { try areaPlot([], x: [1]).script(name: "p") }
    #expect(throws: ReportingError.nothingToDraw(plot: "Arm shares")) {
      try areaPlot([.init(name: "a", shares: [])], x: []).script(name: "p")
    }
    #expect(throws: ReportingError.sharesDoNotSumToOne(plot: "Arm shares", index: 1, sum: 0.75)) {
      try areaPlot([.init(name: "a", shares: [1, 0.75])], x: [1, 2]).script(name: "p")
    }
    #expect(throws: ReportingError.negativeShare(series: "b", index: 0, value: -0.5)) {
      try areaPlot([.init(name: "a", shares: [1.5]), .init(name: "b", shares: [-0.5])], x: [1]).script(name: "p")
    }
    #expect(throws: ReportingError.valueNotFinite(series: "a", index: 0, value: "nan")) {
      try areaPlot([.init(name: "a", shares: [.nan])], x: [1]).script(name: "p")
    }
  }
}

@Suite struct GnuplotScriptTests {
  @Test(arguments: [
    ("Skywork-Reward_27B", #""Skywork-Reward_27B""#), ("'LASER''s", #""'LASER''s""#),
    (#"a\n"b`1"#, #""a\\n\"b\1401""#), ("two\nlines\r\u{0}", #""two lines  ""#), ("x ]]> y", #""x ]] > y""#),
    ("σ² é 漢", #""σ² é 漢""#), ("", #""""#),
  ])
  func quotesSpecialCharacters(text: String, literal: String) {
    #expect(GnuplotScript.quoted(text) == literal)
  }

  @Test(arguments: [1, 2, 399, 400, 401, 799, 100_000]) func thinningKeepsTheEnds(count: Int) {
    let kept = GnuplotScript.thinned(count)
    #expect(kept.count == min(count, 400))
    #expect(kept.first == 0)
    #expect(kept.last == count - 1)
    let gaps = zip(kept, kept.dropFirst()).map { $1 - $0 }
    #expect(gaps.allSatisfy { $0 >= 1 })
    #expect((gaps.max() ?? 0) - (gaps.min() ?? 0) <= 1)
  }

  @Test func longTextLosesItsMiddle() {
    #expect(GnuplotScript.shortened("abcdef", to: 6) == "abcdef")
    #expect(GnuplotScript.shortened("abcdefg", to: 6) == "abc…fg")
  }
}

@Suite struct PlotRenderingTests {
  @Test(.enabled(if: gnuplotIsInstalled)) func drawsLinesAsSVGAndPNG() throws {
    try withFolder { folder in
      let single = LinePlot.Series(name: "one_point", x: [2], y: [1], band: .init(low: [0], high: [2]))
      let files = try linePlot([banded, single]).render(to: folder, name: "regret.v1")
      try expectImages(files, named: "regret.v1", showing: ["Regret", "thompson", "one_point", "Routed pairs"])
      #expect(files.description == "regret.v1.svg, regret.v1.png")
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      #expect(names == ["regret.v1.gp", "regret.v1.png", "regret.v1.svg"])
    }
  }

  @Test(.enabled(if: gnuplotIsInstalled), arguments: [1, 350]) func drawsAreasAsSVGAndPNG(points: Int) throws {
    try withFolder { folder in
      let x = (0..<points).map(Double.init)
      let first = x.map { 0.5 + 0.4 * ($0 / 20).rounded(.down).truncatingRemainder(dividingBy: 2) }
      let files = try areaPlot(
        [.init(name: "a", shares: first), .init(name: "b", shares: first.map { 1 - $0 })], x: x
      ).render(to: folder, name: "shares")
      try expectImages(files, named: "shares", showing: ["Arm shares", "a", "b", "100 %"])
    }
  }

  @Test(.enabled(if: gnuplotIsInstalled), arguments: [UInt64(1), 2, 3]) func anyTextIsDrawnAsItIs(seed: UInt64) throws {
    var generator = PhiloxGenerator(seed: seed, stream: "test-plot-text")
    let alphabet = Array("ab'\"\\`$@#%&<>{}[]_^~!|;,. \n\t\r\u{1}\u{7f}\u{85}\u{2028}\u{fffe}éσ漢…")
    let fixed = [
      "x ]]> y", "ends in \\", "'", "''a'''b", "\\1\"2`3", "`date`", "{/Bold x}_1^2", "&amp;&#65;<b>", "100 %d %s",
    ]
    let random = (0..<14).map { index in
      "\(index)" + String((0..<20).map { _ in alphabet[Int.random(in: alphabet.indices, using: &generator)] })
    }
    let names = fixed + random
    let unprintable = "\n\t\r\u{1}\u{7f}\u{85}\u{2028}\u{fffe}".unicodeScalars
    let drawn = names.map { name in
      let scalars = name.unicodeScalars.map { unprintable.contains($0) ? " " : $0 }
      return String(String.UnicodeScalarView(scalars)).replacingOccurrences(of: "]]>", with: "]] >")
    }
    try withFolder { folder in
      let series = names.map { LinePlot.Series(name: $0, x: [0, 1], y: [0, 1]) }
      let files = try linePlot(series, title: names[0]).render(to: folder, name: "text")
      let texts = try SVGTexts.read(#require(files.svg))
      for text in drawn { #expect(texts.contains(text)) }
      #expect(texts.count { $0 == drawn[0] } == 2)
    }
  }

  @Test func withoutGnuplotTheScriptStays() throws {
    try withFolder { folder in
      let plot = linePlot([banded])
      let files = try plot.render(to: folder, name: "regret", gnuplot: folder.path + "/no-such-program")
      #expect(files.svg == nil)
      #expect(files.png == nil)
      #expect(files.description.contains("run 'gnuplot regret.gp'"))
      #expect(try String(contentsOf: files.script, encoding: .utf8) == plot.script(name: "regret"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["regret.gp"])
    }
  }

  @Test func failureCarriesStandardErrorAndLeavesNoImage() throws {
    try withFolder { folder in
      let svg = folder.appendingPathComponent("regret.svg")
      try Data("old".utf8).write(to: svg)
      // A program that knows no '--default-settings', and says so.
      let error = #expect(throws: ReportingError.self) {
        try linePlot([banded]).render(to: folder, name: "regret", gnuplot: "/bin/cat")
      }
      guard case .gnuplotFailed(let script, let status, let output) = error else {
        Issue.record("expected gnuplotFailed, found \(String(describing: error))")
        return
      }
      #expect(script.hasSuffix("regret.gp"))
      #expect(status == 1)
      #expect(output.contains("option"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["regret.gp"])
    }
  }

  @Test(.enabled(if: gnuplotIsInstalled)) func failureOfGnuplotItselfIsReported() throws {
    try withFolder { folder in
      let obstacle = folder.appendingPathComponent("regret.png")
      try FileManager.default.createDirectory(at: obstacle, withIntermediateDirectories: false)
      let error = #expect(throws: ReportingError.self) { try linePlot([banded]).render(to: folder, name: "regret") }
      #expect(error?.description.contains("regret.png") == true)
      // The folder in the way is not ours to remove; the finished SVG without its PNG is.
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      #expect(names == ["regret.gp", "regret.png"])
    }
  }

  /// A gnuplot that writes half an image and fails, and one that ends well without any.
  @Test(arguments: [
    ("echo half > regret.svg; echo no such terminal >&2; exit 3", "no such terminal"), ("exit 0", "has not drawn it"),
  ])
  func halfADrawingIsNoImage(commands: String, problem: String) throws {
    try withFolder { folder in
      let program = folder.appendingPathComponent("program")
      try Data("#!/bin/sh\n\(commands)\n".utf8).write(to: program)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
      let error = #expect(throws: ReportingError.self) {
        try linePlot([banded]).render(to: folder, name: "regret", gnuplot: program.path)
      }
      #expect(error?.description.contains(problem) == true)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["program", "regret.gp"])
    }
  }

  @Test func missingFolderIsAnError() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("plot-\(UUID().uuidString)")
    let error = #expect(throws: ReportingError.self) { try linePlot([banded]).render(to: folder, name: "regret") }
    guard case .plotNotWritten(let path, _) = error else {
      Issue.record("expected plotNotWritten, found \(String(describing: error))")
      return
    }
    #expect(path == folder.appendingPathComponent("regret.gp").path)
  }

  private func expectImages(_ files: PlotFiles, named name: String, showing texts: [String]) throws {
    let svg = try #require(files.svg)
    #expect(svg.lastPathComponent == "\(name).svg")
    let found = try SVGTexts.read(svg).map { $0.trimmingCharacters(in: .whitespaces) }
    for text in texts { #expect(found.contains(text)) }
    let png = try Data(contentsOf: try #require(files.png))
    // Signature, length and type of the first chunk, then width and height.
    let size: [UInt8] = [0, 0, 7, 8, 0, 0, 4, 96]
    #expect(Array(png.prefix(4)) == [0x89, 0x50, 0x4e, 0x47])
    #expect(Array(png.dropFirst(16).prefix(8)) == size)
  }
}
