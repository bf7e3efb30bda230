import Foundation
import Reporting
import Routing

/// Trains to the end; each epoch, and where asked for each few steps, is kept before the next begins.
public struct TrainingRun {
  var trainer: OfflineTrainer
  /// The name of a frozen encoder, or of that which training began with.
  let encoder: String
  /// The encoder that is trained along.
  let tuned: TunedEncoder?
  let folder: TrainingFolder
  /// Steps between two saves within an epoch, and between two lines of the log; 0 for none.
  let saveEvery: Int
  let logEvery: Int

  /// - Parameters:
  ///   - saveEvery: steps between two saves within an epoch; 0 for none.
  ///   - logEvery: steps between two lines of the log beside those of the epochs; 0 for none.
  public init(_ prepared: consuming PreparedTraining, folder: TrainingFolder, saveEvery: Int = 0, logEvery: Int = 0) {
    encoder = prepared.encoderName
    tuned = prepared.tuned
    trainer = prepared.trainer
    self.folder = folder
    self.saveEvery = saveEvery
    self.logEvery = logEvery
  }

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

  public struct Summary: Sendable, Encodable {
    public let epochs: Int
    public let bestEpoch: Int
    public let bestAccuracy: Double
    public let steps: Int
    public let lastLoss: RouterLoss?
    public let plots: [String]
    public let warnings: [String]
  }

  /// Trains until the settings say that it is enough.
  ///
  /// - Parameter onProgress: told after each step, in steps with a frozen encoder, else in tokens.
  /// - Throws: as `OfflineTrainer.step`; `StorageError`.
  public consuming func finish(onProgress: (WorkProgress) -> Void = { _ in }) throws -> Summary {
    let total = work
    var done = 0
    let clock = ContinuousClock()
    var epochSeconds = 0.0
    while !trainer.isFinished {
      let start = clock.now
      let report = try trainer.step()
      let seconds = (clock.now - start) / .seconds(1)
      epochSeconds += seconds
      let loss = report.loss
      done += tuned == nil ? 1 : report.tokens
      onProgress(
        WorkProgress(
          "train", done: done, of: total, unit: tuned == nil ? "steps" : "tokens",
          note: String(format: "loss %.3f = bt %.3f + cls %.3f", loss.total, loss.comparison, loss.classification)))
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
    let state = trainer.state
    let summary = Summary(
      epochs: state.epoch, bestEpoch: state.bestEpoch, bestAccuracy: state.bestAccuracy, steps: state.steps,
      lastLoss: state.history.last?.loss, plots: plots(), warnings: trainer.set.warnings)
    try folder.write(summary, to: "summary.json")
    return summary
  }

  /// What is left to do, in steps with a frozen encoder, else in tokens.
  private var work: Int {
    let epochs = trainer.training.epochs - trainer.state.epoch
    guard let encoder = trainer.encoder else {
      return epochs * trainer.stepsPerEpoch - trainer.state.steps % trainer.stepsPerEpoch
    }
    return epochs * encoder.tokenCount(of: trainer.set.targets.map(\.pair))
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
