import ArgumentParser
import Foundation
import RouterKit

/// `bayesrouter train`: an offline router from recorded judgements.
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train an offline router on a dataset with all models' scores.",
    discussion: """
      Learns from which reward models are right where: L = L_bt + lambda L_cls + mu L_reg over pair features that a frozen encoder gives once. \
      Part of the pairs, whole prompts, decides which epoch is best and when to stop.

      ROUTER receives best and last (routers), state (to resume from), log.jsonl, config.json, summary.json and plots. A killed run goes on with \
      --resume and ends as it would have without the kill, bit for bit; with other settings it is refused.

      EXAMPLES
        bayesrouter train --data judgebench --encoder hashed --out routers/hashed
        bayesrouter train --data judgebench --encoder all-MiniLM-L6-v2 --lambda 0.2 --out routers/minilm
        bayesrouter train --data judgebench --encoder hashed --out routers/hashed --resume
      """)

  enum Tuning: String, ExpressibleByArgument, CaseIterable {
    case frozen
  }

  @Option(name: .long, help: "The dataset folder: pairs.jsonl, scores.jsonl, rms.json.")
  var data: String
  @Option(name: .long, help: "hashed, or a checkpoint's folder.")
  var encoder: String
  @Option(name: .long, help: "The folder of the training run; must not exist, unless resumed.")
  var out: String
  @Option(name: .long, help: "What is trained beside the heads: frozen, nothing.")
  var tune = "frozen"
  @Flag(name: .long, help: "Go on with the run in ROUTER.")
  var resume = false

  @Option(name: .long, help: "Weight of the classification loss.")
  var lambda = 0.5
  @Option(name: .long, help: "Weight of the score-difference loss.")
  var mu = 0.0
  @Option(name: .long, help: "Coordinates of a context; half the features by default.")
  var contextSize: Int?
  @Option(name: .long, help: "Passes over the training set.")
  var epochs = OfflineTraining().epochs
  @Option(name: .long, help: "Pairs a step.")
  var batch = OfflineTraining().batchSize
  @Option(name: .long, help: "The highest learning rate.")
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
  @OptionGroup var encoding: PairEncoderOptions
  @Flag(name: .long, help: "Print the summary as one JSON object.")
  var json = false

  func validate() throws {
    guard Tuning(rawValue: tune) != nil else {
      let isPlanned = tune == "full" || tune.hasPrefix("last:") || tune.hasPrefix("lora:")
      throw ValidationError(
        isPlanned
          ? "--tune \(tune) comes with encoder fine-tuning; this version trains behind a frozen encoder: --tune frozen"
          : "--tune \(tune): choose frozen")
    }
    guard validation >= 0, validation < 1, threads > 0 else {
      throw ValidationError("--validation is a share in [0, 1), --threads at least 1")
    }
    do { try training.validate() } catch { throw ValidationError("\(error)") }
  }

  var training: OfflineTraining {
    var training = OfflineTraining()
    training.loss.classificationWeight = lambda
    training.loss.differenceWeight = mu
    training.loss.countsEmptySamples = countEmpty
    training.dimension = contextSize
    training.epochs = epochs
    training.batchSize = batch
    training.learningRate = learningRate
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

  func run() throws {
    BLASRuntime.setThreads(threads)
    let dataset = try PreferenceDataset(folder: URL(fileURLWithPath: data))
    let everyPair = Array(dataset.pairs.indices)
    var generator = PhiloxGenerator(seed: seed, stream: "offline-validation-split")
    let split = try validation > 0 ? PromptGroups(dataset.pairs).split(heldOut: validation, using: &generator) : nil
    let behavior = try RewardModelBehavior(dataset, pairs: split?.training ?? everyPair)
    let heldOut = try split.map { try RewardModelBehavior(dataset, pairs: $0.heldOut) }
    let set = try RouterTrainingSet(behavior, setConfiguration)
    // All that can be wrong with the input is found before the folder exists.
    let frozen = try encoding.encoder(encoder)
    let features = try frozen.features(dataset.pairs).features
    let settings = try settings(dataset, features: features, encoder: frozen.name)
    let fresh = try OfflineTrainer(
      training, set: set, behavior: behavior, features: features, validation: heldOut)
    let folder = try TrainingFolder(URL(fileURLWithPath: out), settings: settings, resumes: resume)
    let trainer = try OfflineTrainer(
      training, set: set, behavior: behavior, features: features, validation: heldOut,
      state: folder.state ?? fresh.state)
    if !json { print(set.text(validationPairs: heldOut?.pairs.count ?? 0)) }
    for warning in set.warnings { FileHandle.standardError.write(Data("warning: \(warning)\n".utf8)) }
    let summary = try TrainingRun(trainer: trainer, encoder: frozen.name, folder: folder).finish()
    print(json ? summary.json : summary.text(folder: out))
  }

  /// All that a run depends on, as texts: what must be equal for it to be resumed.
  private func settings(
    _ dataset: PreferenceDataset, features: Matrix<Float>, encoder: String
  ) throws -> [String: String] {
    var settings = try flattened(training)
    for (name, value) in try flattened(setConfiguration) { settings["training set " + name] = value }
    var judgements = Fingerprint([UInt8]())
    for (index, pair) in dataset.pairs.enumerated() {
      let scores = dataset.scores.map { "\($0[index].a) \($0[index].b)" }.joined(separator: " ")
      judgements = judgements.combined(
        with: Fingerprint(Array("\(pair.id) \(pair.label?.rawValue ?? "") \(scores)".utf8)))
    }
    settings["pairs and scores"] = judgements.description
    settings["reward models"] = dataset.rewardModels.map(\.name).joined(separator: ", ")
    settings["encoder"] = encoder
    settings["features"] = Fingerprint(Safetensors.Tensor(features.elements).bytes).description
    settings["tune"] = tune
    settings["validation"] = "\(validation)"
    settings["threads"] = "\(threads)"
    return settings
  }

  /// The leaves of a configuration by name.
  private func flattened(_ value: some Encodable) throws -> [String: String] {
    var leaves: [String: String] = [:]
    func visit(_ value: JSONValue, _ name: String) {
      guard case .object(let object) = value else {
        leaves[name] = value.text()
        return
      }
      for member in object.members { visit(member.value, name.isEmpty ? member.key : "\(name).\(member.key)") }
    }
    visit(try JSONDocument.read(Array(JSONEncoder().encode(value)), file: "settings"), "")
    return leaves
  }
}

extension RateSchedule: ExpressibleByArgument {}

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
