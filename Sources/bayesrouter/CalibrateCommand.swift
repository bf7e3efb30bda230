import ArgumentParser
import CommandSupport
import Foundation
import RouterKit

/// `bayesrouter calibrate`: what the margin of a score says about being right.
struct Calibrate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Calibrate what each reward model's margin says about being right.",
    discussion: """
      A reward model that scores one response far above the other is right more often than one that hardly tells them apart. With the margin \
      m = score_a - score_b of the model that was asked, logit P(right | m) = a + b (ln(1 + |m|/s) - ln 2), where s is the geometric mean of \
      |m|; a and b >= 0 are fitted to the labelled pairs of each model on which it is not tied, with a Gaussian prior. A model with fewer than \
      30 such pairs keeps the prior.

      AUC is the area under the ROC curve of |m| for being right: 0.5 where margins tell nothing. ECE is the mean distance of probability and \
      frequency over ten bins, on pairs of groups that the fit has not seen. FILE receives the fit on all labelled pairs, as JSON.

      EXAMPLES
        bayesrouter calibrate --data judgebench --out calibration.json
        bayesrouter calibrate --data judgebench --out calibration.json --folds 10 --plot plots --json
      """)

  @Option(name: .long, help: "The dataset folder: pairs.jsonl, scores.jsonl, rms.json.")
  var data: String

  @Option(name: .long, help: "The JSON file to write; must not exist, unless --replace is given.")
  var out: String

  @Flag(name: .long, help: "Replace an existing file.")
  var replace = false

  @Option(name: .long, help: "Folds of the groups of pairs, for ECE and plots.")
  var folds = 5

  @Option(name: .long, help: "Seed of the folds.")
  var seed: UInt64 = 1

  @Option(name: .long, help: "A folder for plots of reliability and forecasts.")
  var plot: String?

  @Flag(name: .long, help: "Print one JSON object.")
  var json = false

  func run() throws {
    let file = URL(fileURLWithPath: out)
    guard replace || !FileManager.default.fileExists(atPath: file.path) else {
      throw StorageError.exists(path: file.path)
    }
    let dataset = try PreferenceDataset(folder: URL(fileURLWithPath: data))
    var generator = PhiloxGenerator(seed: seed, stream: "calibration-folds")
    let report = try CalibrationReport(calibrating: dataset, folds: folds, using: &generator)
    try report.calibration.write(to: file, replacing: replace)
    let plots = try drawn(report)
    if json {
      try printJSON(report)
    } else {
      print(
        "\(report.labelledPairs) labelled pairs, \(report.unlabelledPairs) without label; AUC on all, ECE over \(folds) folds of "
          + "whole groups, seed \(seed)\n\n\(report.table.terminal())\n")
      for row in report.rows { for note in row.notes { print("\(row.rewardModel): \(note)") } }
      print("wrote \(file.path)" + (plots.isEmpty ? "" : "; plots: \(plots.joined(separator: "; "))"))
    }
  }

  /// What was drawn, in words.
  private func drawn(_ report: CalibrationReport) throws -> [String] {
    guard let plot else { return [] }
    let folder = URL(fileURLWithPath: plot)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let drawn = [("reliability", report.reliabilityPlot), ("forecasts", report.forecastPlot)]
      .compactMap { name, plot in plot?.drawn(to: folder, name: name) }
    for text in drawn where json && text.hasPrefix("warning: ") { tell(text) }
    return drawn
  }
}
