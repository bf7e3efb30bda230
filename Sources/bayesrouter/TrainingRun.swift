import Foundation
import RouterKit

/// The folder of a training run: made, or found again.
struct TrainingFolder {
  let url: URL
  let settings: [String: String]
  /// Where the run stopped; nil for one that has no epoch yet.
  let state: OfflineTrainingState?
  private let log: Journal

  /// - Throws: where the folder exists and is not to be resumed, or the other way round; where another process trains there;
  ///   `RoutingError.savedState` where the run had other settings.
  init(_ url: URL, settings: [String: String], resumes: Bool) throws {
    self.url = url
    self.settings = settings
    let files = FileManager.default
    let exists = files.fileExists(atPath: url.path)
    guard exists == resumes || (resumes && !exists) else { throw ReportingError.runFolderExists(path: url.path) }
    guard exists || !resumes else {
      throw RoutingError.savedState(path: url.path, problem: "there is no run to resume; leave --resume away")
    }
    let stateURL = url.appendingPathComponent("state")
    state =
      files.fileExists(atPath: stateURL.path) ? try OfflineTrainingState(folder: stateURL, settings: settings) : nil
    guard let log = try Journal.lock(url.appendingPathComponent("log.jsonl")) else {
      throw RoutingError.savedState(path: url.path, problem: "another process is training here")
    }
    self.log = log
    _ = try log.recover()
    if state == nil { try write(RunConfiguration(settings: settings), to: "config.json") }
  }

  private struct RunConfiguration: Encodable {
    let command = "bayesrouter train"
    let settings: [String: String]
    let machine = Machine.current
    let blas = BLASRuntime.current
  }

  func write(_ value: some Encodable, to name: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    try AtomicFile.write(encoder.encode(value) + Data("\n".utf8), to: url.appendingPathComponent(name))
  }

  /// Appends a line to `log.jsonl`. A run that was killed has the lines of an epoch that it went through again twice.
  func record(_ event: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    try log.append(Array(encoder.encode(event)) + Array("\n".utf8))
  }

  func router(_ name: String) -> URL { url.appendingPathComponent(name) }
}

/// Trains to the end, epoch by epoch, each of which is kept before the next begins.
struct TrainingRun {
  var trainer: OfflineTrainer
  let encoder: String
  let folder: TrainingFolder

  private struct EpochEvent: Encodable {
    let event = "epoch"
    let report: EpochReport
    let seconds: Double
  }

  struct Summary: Encodable {
    let epochs: Int
    let bestEpoch: Int
    let bestAccuracy: Double
    let steps: Int
    let lastLoss: RouterLoss?
    let plots: [String]
    let warnings: [String]

    var json: String {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      encoder.keyEncodingStrategy = .convertToSnakeCase
      return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    func text(folder: String) -> String {
      let loss = lastLoss.map { String(format: "; loss of the last %.4f", $0.total) } ?? ""
      return """
        trained \(epochs) epochs, \(steps) steps\(loss)
        best epoch \(bestEpoch): \(String(format: "%.2f", bestAccuracy * 100)) % router accuracy on the validation pairs
        wrote \(folder): best, last, state, log.jsonl; plots: \(plots.joined(separator: "; "))
        """
    }
  }

  consuming func finish() throws -> Summary {
    let left = (trainer.training.epochs - trainer.state.epoch) * trainer.stepsPerEpoch
    var bar = trainer.isFinished ? nil : ProgressBar("train", total: left, unit: "steps")
    let clock = ContinuousClock()
    while !trainer.isFinished {
      let time = try clock.measure {
        try trainer.runEpoch { loss in
          bar?.advance(
            note: String(format: "loss %.3f = bt %.3f + cls %.3f", loss.total, loss.comparison, loss.classification))
        }
      }
      if trainer.state.bestEpoch == trainer.state.epoch {
        try trainer.router(encoder: encoder).save(to: folder.router(OfflineRouter.bestName))
      }
      try trainer.router(best: false, encoder: encoder).save(to: folder.router("last"))
      // Last: a state never runs ahead of the routers beside it.
      try trainer.state.save(to: folder.router("state"), settings: folder.settings)
      if let report = trainer.state.history.last {
        try folder.record(EpochEvent(report: report, seconds: time / .seconds(1)))
      }
    }
    bar?.finish()
    let state = trainer.state
    let summary = Summary(
      epochs: state.epoch, bestEpoch: state.bestEpoch, bestAccuracy: state.bestAccuracy, steps: state.steps,
      lastLoss: state.history.last?.loss, plots: plots(), warnings: trainer.set.warnings)
    try folder.write(summary, to: "summary.json")
    return summary
  }

  /// Draws the curves: a run's router outlives a gnuplot that fails.
  private func plots() -> [String] {
    let history = trainer.state.history
    let x = history.map { Double($0.epoch) }
    func series(_ name: String, _ value: (EpochReport) -> Double) -> LinePlot.Series {
      LinePlot.Series(name: name, x: x, y: history.map(value), hasPoints: true)
    }
    let plots = [
      (
        "loss",
        LinePlot(
          title: "Training loss, mean over the batches of an epoch", xLabel: "epoch", yLabel: "loss (nats)",
          series: [
            series("total") { $0.loss.total }, series("Bradley-Terry") { $0.loss.comparison },
            series("classification") { $0.loss.classification },
          ])
      ),
      (
        "accuracy",
        LinePlot(
          title: "Router accuracy on the validation pairs", xLabel: "epoch", yLabel: "accuracy (%)",
          series: [series("router") { 100 * $0.accuracy }])
      ),
    ]
    return plots.map { name, plot in
      do {
        return try plot.render(to: folder.url, name: name).description
      } catch {
        return "warning: \(error)"
      }
    }
  }
}
