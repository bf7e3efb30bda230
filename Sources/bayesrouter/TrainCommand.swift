import ArgumentParser
import CommandSupport
import Foundation
import RouterKit

/// `bayesrouter train`: an offline router from recorded judgements.
struct Train: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train an offline router on a dataset with all models' scores.",
    discussion: """
      Learns from which reward models are right where: L = L_bt + lambda L_cls + mu L_reg over pair features, which a frozen encoder gives \
      once; with --tune the encoder, or part of it, learns too. Part of the pairs, whole groups (or prompts) of them, decides \
      which epoch is best and when to stop.

      ROUTER receives best and last (routers, each with the encoder that was trained along), state (to resume from), log.jsonl, config.json, \
      summary.json and plots. A killed run goes on with --resume and ends as it would have without the kill, bit for bit; with other settings it \
      is refused.

      A reward model that ties on a pair neither wins nor loses there, and has no label; with --ties wrong it is wrong.

      EXAMPLES
        bayesrouter train --data judgebench --encoder hashed --out routers/hashed
        bayesrouter train --data judgebench --encoder all-MiniLM-L6-v2 --lambda 0.2 --out routers/minilm
        bayesrouter train --data judgebench --encoder hashed --out routers/hashed --resume
        bayesrouter train --data judgebench --encoder SmolLM2-135M --tune last:4 --out routers/last
        bayesrouter train --data judgebench --encoder SmolLM2-135M --tune lora:8 --save-every 10 --out routers/lora
      """)

  @Option(name: .long, help: "The dataset folder: pairs.jsonl, scores.jsonl, rms.json.")
  var data: String
  @Option(name: .long, help: "hashed, or a checkpoint's folder.")
  var encoder: String
  @Option(name: .long, help: "The folder of the training run; must not exist, unless resumed.")
  var out: String
  @Flag(name: .long, help: "Go on with the run in ROUTER.")
  var resume = false

  @Option(name: .long, help: "Weight of the classification loss.")
  var lambda = 0.5
  @Option(name: .long, help: "Weight of the score-difference loss.")
  var mu = 0.0
  @Option(name: .long, help: "Coordinates of a context; half the features by default.")
  var contextSize: Int?
  @Option(name: .long, help: "Passes over the training set; 20 by default, 3 where the encoder is trained.")
  var epochs: Int?
  @Option(name: .long, help: "Pairs a step; 64 by default, 16 where the encoder is trained.")
  var batch: Int?
  @Option(name: .long, help: "The heads' highest learning rate.")
  var learningRate = OfflineTraining().learningRate
  @Option(name: .long, help: "Decoupled weight decay, of weights but not of biases and norms.")
  var weightDecay = OfflineTraining().weightDecay
  @Option(name: .long, help: "constant, linear or cosine.")
  var schedule = OfflineTraining().schedule
  @Option(name: .long, help: "Share of the steps in which the rate rises.")
  var warmup = OfflineTraining().warmup
  @Option(name: .long, help: "Largest norm of the gradient; 0 clips nothing.")
  var clip = OfflineTraining().clipNorm
  @Option(name: .long, help: "Epochs without a better validation accuracy before training stops; 0 for never.")
  var patience = OfflineTraining().patience
  @Option(name: .long, help: "Share of the pairs that validate; 0 for none.")
  var validation = 0.2
  @OptionGroup var judging: TieOptions
  @Flag(name: .long, inversion: .prefixedNo, help: "Learn from the disagreement set alone.")
  var disagreementOnly = true
  @Flag(name: .long, inversion: .prefixedNo, help: "Thin comparisons until each model wins as often as it loses.")
  var thin = true
  @Flag(name: .long, inversion: .prefixedNo, help: "Mask labels until each model has as many right as wrong ones.")
  var balance = true
  @Flag(
    name: .long, inversion: .prefixedNo,
    help: "A pair without comparisons counts 0 in the batch mean, as in the published code; else it is left out.")
  var countEmpty = true
  @Option(name: .long, help: "Seed of weights, order, thinning, masking and split.")
  var seed: UInt64 = 1
  @Option(name: .long, help: "BLAS threads; equal seeds and threads give equal bits.")
  var threads = min(2, ProcessInfo.processInfo.activeProcessorCount)
  @OptionGroup(title: "Training the encoder") var tuning: EncoderTuningOptions
  @Option(
    name: .long,
    help:
      "Steps between two lines of log.jsonl beside those of the epochs; 0 for none. 10 where the encoder is trained.")
  var logEvery: Int?
  @OptionGroup(title: "The encoder") var encoding: EncoderOptions
  @Flag(name: .long, help: "Print the summary as one JSON object.")
  var json = false

  func validate() throws {
    guard validation >= 0, validation < 1, threads > 0, logEvery ?? 0 >= 0 else {
      throw ValidationError("--validation is a share in [0, 1), --threads at least 1, --log-every at least 0")
    }
    do { try training.validate() } catch { throw ValidationError("\(error)") }
  }

  var training: OfflineTraining {
    var training = OfflineTraining()
    training.loss.classificationWeight = lambda
    training.loss.differenceWeight = mu
    training.loss.countsEmptySamples = countEmpty
    training.dimension = contextSize
    let isTuned = tuning.tune != .frozen
    training.epochs = epochs ?? (isTuned ? 3 : training.epochs)
    training.batchSize = batch ?? (isTuned ? 16 : training.batchSize)
    training.learningRate = learningRate
    training.encoderLearningRate = tuning.learningRate
    training.weightDecay = weightDecay
    training.schedule = schedule
    training.warmup = warmup
    training.clipNorm = clip
    training.patience = patience
    training.seed = seed
    return training
  }

  var setConfiguration: RouterTrainingSet.Configuration {
    var configuration = RouterTrainingSet.Configuration()
    configuration.keepsDisagreementOnly = disagreementOnly
    configuration.thinsComparisons = thin
    configuration.balancesLabels = balance
    configuration.seed = seed
    return configuration
  }

  func run() async throws {
    BLASRuntime.setThreads(threads)
    let dataset = try PreferenceDataset(folder: URL(fileURLWithPath: data))
    var settings = RouterTraining()
    (settings.training, settings.set, settings.validation) = (training, setConfiguration, validation)
    settings.ties = judging.ties
    let tuned = try tuning.encoder(encoder, encoding.reading, seed: seed)
    var progress = ProgressDisplay()
    // All that can be wrong with the input is found before the folder exists.
    var prepared = try await settings.prepare(
      dataset, encoder: try tuned.map { .tuned($0) } ?? .frozen(encoding.encoder(encoder))
    ) { progress.show($0) }
    let folder = try TrainingFolder(
      URL(fileURLWithPath: out), settings: prepared.settings(threads: threads), resumes: resume)
    if let state = folder.state { try prepared.trainer.resume(from: state, settings: folder.settings) }
    try folder.begin()
    let set = prepared.trainer.set
    if !json { print(set.text(validationPairs: prepared.trainer.validation?.pairs.count ?? 0)) }
    set.warnings.forEach(warn)
    // Held once: the weights are changed in place.
    let summary = try TrainingRun(
      consume prepared, folder: folder, saveEvery: tuning.saveEvery, logEvery: logEvery ?? (tuned == nil ? 0 : 10)
    ).finish { progress.show($0) }
    progress.finish()
    if json { try printJSON(summary) } else { print(summary.text(folder: out)) }
  }
}

extension TrainingRun.Summary {
  /// What people read.
  fileprivate func text(folder: String) -> String {
    let loss = lastLoss.map { String(format: "; loss of the last %.4f", $0.total) } ?? ""
    return """
      trained \(epochs) epochs, \(steps) steps\(loss)
      best epoch \(bestEpoch): \(String(format: "%.2f", bestAccuracy * 100)) % router accuracy on the validation pairs
      wrote \(folder): best, last, state, log.jsonl; plots: \(plots.joined(separator: "; "))
      """
  }
}

extension RouterTrainingSet {
  /// What each step kept.
  fileprivate func text(validationPairs: Int) -> String {
    var table = Table(
      [.init("reward model")]
        + ["right", "wins", "losses", "wins kept", "losses kept", "right labels", "wrong labels"].map {
          .init($0, .right)
        })
    for arm in counts.arms {
      let numbers = [
        arm.right, arm.wins, arm.losses, arm.winsKept, arm.lossesKept, arm.rightLabels, arm.wrongLabels,
      ]
      table.append([arm.rewardModel] + numbers.map(String.init))
    }
    return """
      training    \(counts.labelledPairs) labelled pairs\(counts.unlabelledPairs > 0 ? ", \(counts.unlabelledPairs) without label left out" : "")\
      ; \(validationPairs) more validate
      samples     \(counts.samples), of \(counts.disagreementPairs) pairs on which models disagree; \(counts.samplesWithoutComparison) \
      without comparison
      comparisons \(counts.comparisonsKept) of \(counts.comparisons)

      \(table.terminal())

      """
  }
}
