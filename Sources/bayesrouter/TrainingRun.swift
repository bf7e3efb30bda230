import Foundation
import RouterKit

/// The folder of a training run: made, or found again.
struct TrainingFolder {
  let url: URL
  let settings: [String: String]
  /// The folder with where the run stopped; nil for one that has saved nothing yet.
  let state: URL?
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
      throw RoutingError.savedState(path: url.path, .noTrainingRun)
    }
    let stateURL = url.appendingPathComponent(Self.stateName)
    state = files.fileExists(atPath: stateURL.path) ? stateURL : nil
    guard let log = try Journal.lock(url.appendingPathComponent("log.jsonl")) else {
      throw RoutingError.savedState(path: url.path, .trainedElsewhere)
    }
    self.log = log
    _ = try log.recover()
    // A run that was killed before it saved anything has its settings here alone.
    let configuration = url.appendingPathComponent(Self.configurationName)
    guard state == nil, files.fileExists(atPath: configuration.path) else { return }
    do {
      let saved = try JSONDecoder().decode(SavedConfiguration.self, from: Data(try AtomicFile.read(configuration)))
      try OfflineTrainer.requireSame(settings, as: saved.settings, in: configuration)
    } catch is DecodingError {
      throw RoutingError.savedState(path: configuration.path, .noTrainingSettings)
    }
  }

  private static let configurationName = "config.json"

  private struct SavedConfiguration: Decodable {
    let settings: [String: String]
  }

  private static let stateName = "state"
  /// Where the next state goes.
  var stateURL: URL { url.appendingPathComponent(Self.stateName) }

  /// Writes down what a new run begins with.
  func begin() throws {
    if state == nil { try write(RunConfiguration(settings: settings), to: Self.configurationName) }
  }

  private struct RunConfiguration: Encodable {
    let command = "bayesrouter train"
    let settings: [String: String]
    let machine = Machine.current
    let blas = BLASRuntime.current
  }

  func write(_ value: some Encodable, to name: String) throws {
    try AtomicFile.write(
      JSONText.document(value, keys: .snakeCase) + Data("\n".utf8), to: url.appendingPathComponent(name))
  }

  /// Appends a line to `log.jsonl`. A run that was killed has the lines of an epoch that it went through again twice.
  func record(_ event: some Encodable) throws {
    try log.append(Array(JSONText.line(event, keys: .snakeCase)) + Array("\n".utf8))
  }

  func router(_ name: String) -> URL { url.appendingPathComponent(name) }
}

/// Trains to the end; each epoch, and where asked for each few steps, is kept before the next begins.
struct TrainingRun {
  var trainer: OfflineTrainer
  /// The name of a frozen encoder, or of that which training began with.
  let encoder: String
  /// The encoder that is trained along.
  let tuned: TunedEncoder?
  let folder: TrainingFolder
  /// Steps between two saves within an epoch, and between two lines of the log; 0 for none.
  let saveEvery: Int
  let logEvery: Int

  private struct EpochEvent: Encodable {
    let event = "epoch"
    let report: EpochReport
    let seconds: Double
  }

  private struct StepEvent: Encodable {
    let event = "step"
    let step: Int
    let loss: RouterLoss
    let gradientNorm: Double
    let learningRate: Double
    let tokens: Int
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
    var bar = trainer.isFinished ? nil : makeBar()
    let clock = ContinuousClock()
    var epochSeconds = 0.0
    while !trainer.isFinished {
      let start = clock.now
      let report = try trainer.step()
      let seconds = (clock.now - start) / .seconds(1)
      epochSeconds += seconds
      let loss = report.loss
      bar?.advance(
        by: tuned == nil ? 1 : report.tokens,
        note: String(format: "loss %.3f = bt %.3f + cls %.3f", loss.total, loss.comparison, loss.classification))
      if logEvery > 0, report.step.isMultiple(of: logEvery) {
        try folder.record(
          StepEvent(
            step: report.step, loss: loss, gradientNorm: report.gradientNorm, learningRate: report.learningRate,
            tokens: report.tokens, seconds: seconds))
      }
      if let epoch = report.epoch {
        try keep(epoch, seconds: epochSeconds)
        epochSeconds = 0
      } else if saveEvery > 0, report.step.isMultiple(of: saveEvery) {
        try trainer.save(to: folder.stateURL, settings: folder.settings)
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

  /// In steps with a frozen encoder, else in tokens.
  private func makeBar() -> ProgressBar {
    let epochs = trainer.training.epochs - trainer.state.epoch
    guard let encoder = trainer.encoder else {
      return ProgressBar(
        "train", total: trainer.training.epochs * trainer.stepsPerEpoch - trainer.state.steps, unit: "steps")
    }
    return ProgressBar("train", total: epochs * encoder.tokenCount(of: trainer.set.targets.map(\.pair)), unit: "tokens")
  }

  /// Saves what an epoch has made.
  private func keep(_ epoch: EpochReport, seconds: Double) throws {
    // An epoch that is the best so far is also the last: its weights are those that the trainer has now.
    let router = trainer.router(best: false, encoder: encoder)
    for name in trainer.state.bestEpoch == epoch.epoch ? [OfflineRouter.bestName, "last"] : ["last"] {
      try router.save(to: folder.router(name), encoder: saveEncoder)
    }
    try folder.record(EpochEvent(report: epoch, seconds: seconds))
    // Last: a state never runs ahead of the routers and the log beside it.
    try trainer.save(to: folder.stateURL, settings: folder.settings)
  }

  /// Writes the encoder that was trained along into a router's folder.
  private var saveEncoder: ((URL) throws -> String)? {
    guard let tuned, let encoder = trainer.encoder else { return nil }
    return { try tuned.save(encoder, to: $0.appendingPathComponent(OfflineRouter.encoderName)) }
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
    return plots.map { name, plot in plot.drawn(to: folder.url, name: name) }
  }
}
