import LinearAlgebra
import NeuralNetwork
import Randomness

/// Trains an offline router's heads on pair features: of a frozen encoder, or of one that is trained along.
///
/// A step is a batch's loss, its gradients, clipping by their norm over all tensors, and AdamW. Equal seeds, data and threads give
/// equal bits, also where a run was saved and taken up again.
public struct OfflineTrainer: Sendable {
  public let training: OfflineTraining
  public let set: RouterTrainingSet
  /// Of the training pairs.
  public let behavior: RewardModelBehavior
  public let validation: RewardModelBehavior?
  public internal(set) var state: OfflineTrainingState
  /// The encoder that is trained along; nil for frozen features.
  public internal(set) var encoder: EncoderInTraining?
  /// One row a pair of the dataset; without rows where the encoder is trained.
  private let features: Matrix<Float>
  private let ids: [Int: String]
  private var gradient: RouterNetwork<Float>
  /// The samples of the epoch that runs, in its order.
  private var order: [Int]

  /// - Parameters:
  ///   - behavior: of the training pairs, from which `set` was made; names pairs in errors.
  ///   - features: one row a pair of the dataset.
  ///   - validation: pairs that decide which epoch is best, disjoint from the training pairs by prompt.
  /// - Throws: `RoutingError.training`, `RoutingError.notFinite`.
  public init(
    _ training: OfflineTraining, set: RouterTrainingSet, behavior: RewardModelBehavior, features: Matrix<Float>,
    validation: RewardModelBehavior? = nil
  ) throws(RoutingError) {
    if let bad = features.elements.firstIndex(where: { !$0.isFinite }) {
      throw .notFinite(what: "the feature vector of pair \(bad / features.columns)", index: bad % features.columns)
    }
    try self.init(
      training, set, behavior, features: features, encoder: nil, featureCount: features.columns, validation: validation)
  }

  /// - Parameter encoder: trained with the heads, over the tokens of all pairs of the dataset; otherwise as above.
  /// - Throws: `RoutingError.training`.
  public init(
    _ training: OfflineTraining, set: RouterTrainingSet, behavior: RewardModelBehavior, encoder: EncoderInTraining,
    validation: RewardModelBehavior? = nil
  ) throws(RoutingError) {
    try self.init(
      training, set, behavior, features: Matrix(rows: 0, columns: encoder.featureCount), encoder: encoder,
      featureCount: encoder.featureCount, validation: validation)
  }

  private init(
    _ training: OfflineTraining, _ set: RouterTrainingSet, _ behavior: RewardModelBehavior, features: Matrix<Float>,
    encoder: EncoderInTraining?, featureCount: Int, validation: RewardModelBehavior?
  ) throws(RoutingError) {
    try training.validate()
    self.training = training
    self.set = set
    self.behavior = behavior
    self.validation = validation
    self.features = features
    self.encoder = encoder
    ids = Dictionary(uniqueKeysWithValues: zip(behavior.pairs, behavior.ids))
    var generator = PhiloxGenerator(seed: training.seed, stream: "offline-router-weights")
    let network = RouterNetwork<Float>(
      features: featureCount, dimension: training.dimension ?? max(featureCount / 2, 1), arms: set.rewardModels.count,
      using: &generator)
    state = OfflineTrainingState(network: network, training)
    gradient = RouterNetwork(features: featureCount, dimension: network.dimension, arms: network.armCount)
    order = Self.order(epoch: 0, samples: set.targets.count, seed: training.seed)
  }

  public var stepsPerEpoch: Int { (set.targets.count + training.batchSize - 1) / training.batchSize }

  public var isFinished: Bool {
    state.epoch >= training.epochs
      || (training.patience > 0 && state.epoch - state.bestEpoch >= training.patience && state.epoch > 0)
  }

  /// The router of the best epoch so far, or of the last; of an encoder that is trained the last weights are those that go with it.
  public func router(best: Bool = true, encoder: String) -> OfflineRouter {
    OfflineRouter(
      network: best ? state.best : state.network, rewardModels: set.rewardModels, encoder: encoder,
      training: .init(
        training: training, set: set.configuration, epoch: best ? state.bestEpoch : state.epoch,
        pairs: RouterPairs(training: behavior, validation: validation)))
  }

  /// What is left of the epoch that runs: one pass over the training set.
  ///
  /// - Throws: as `step`.
  public mutating func runEpoch() throws {
    while try step().epoch == nil {}
  }

  /// One step; after an epoch's last the router is judged on the validation pairs.
  ///
  /// - Throws: `RoutingError.diverged` for a loss, gradient or weight that is no number any more: go on from the state that was
  ///   saved last. `TransformersError`.
  public mutating func step() throws -> StepReport {
    let begin = state.progress.steps * training.batchSize
    let batch = order[begin..<min(begin + training.batchSize, order.count)].map { set.targets[$0] }
    // Whatever ends the step, the next one begins with empty gradients.
    defer {
      gradient.clear()
      encoder?.clearGradients()
    }
    let (loss, tokens) = try addGradients(of: batch)
    let norm = try gradientNorm(of: batch)
    let total = training.epochs * stepsPerEpoch
    // The first step of a warm-up has rate 0: one step at least comes after it.
    let warmupSteps = min(Int((training.warmup * Double(total)).rounded()), total - 1)
    let schedule = LearningRateSchedule(training.schedule, warmupSteps: warmupSteps, totalSteps: total)
    let rateFactor = schedule.factor(state.steps)
    let factor = training.clipNorm > 0 ? clippingFactor(norm: norm, maximum: training.clipNorm) : 1
    Self.step(
      &state.optimizer, gradient.arrays.map(\.values), &state.network, rateFactor: rateFactor, gradientFactor: factor)
    encoder?.step(rateFactor: rateFactor, gradientFactor: factor)
    let weights = state.network.arrays + (encoder?.trainedParameters ?? [])
    if let bad = weights.first(where: { !squareSum($0.values, threads: BLASRuntime.usableThreads).isFinite }) {
      throw diverged("\(bad.name) after the step", batch)
    }
    let rate = training.learningRate * rateFactor
    state.progress.add(
      loss, gradientNorm: norm, learningRate: rate, share: Double(batch.count) / Double(order.count))
    let epoch = begin + batch.count == order.count ? try finishEpoch() : nil
    return StepReport(
      step: state.steps, loss: loss, gradientNorm: norm, learningRate: rate, tokens: tokens, epoch: epoch)
  }

  private static func step(
    _ optimizer: inout AdamW, _ gradients: [[Float]], _ network: inout RouterNetwork<Float>, rateFactor: Double,
    gradientFactor: Double
  ) {
    network.update {
      optimizer.step(&$0, gradients: gradients, rateFactor: rateFactor, gradientFactor: gradientFactor)
    }
  }

  /// The batch's loss; its gradients are in `gradient` and in the encoder's.
  private mutating func addGradients(of batch: [RouterTarget]) throws -> (loss: RouterLoss, tokens: Int) {
    guard let passes = encoder?.passes(over: batch.map(\.pair)) else {
      let features = features.selectingRows(batch.map(\.pair))
      let loss = state.network.loss(features: features, targets: batch, training.loss, addingTo: &gradient).loss
      guard loss.total.isFinite else { throw diverged("the loss", batch) }
      return (loss, 0)
    }
    let scale = RouterLossScale(batch, training.loss)
    var loss = RouterLoss()
    var tokens = 0
    for members in passes {
      let targets = members.map { batch[$0] }
      guard let pass = try encoder?.forward(targets.map(\.pair)) else { break }
      tokens += pass.tokens
      guard pass.features.elements.allSatisfy(\.isFinite) else { throw diverged("the encoder's output", targets) }
      let found = state.network.loss(
        features: pass.features, targets: targets, training.loss, scale: scale, addingTo: &gradient,
        featureGradient: true)
      guard found.loss.total.isFinite else { throw diverged("the loss", targets) }
      loss.add(found.loss)
      if let gradient = found.dFeatures { encoder?.backward(gradient, pass) }
    }
    return (loss, tokens)
  }

  private func gradientNorm(of batch: [RouterTarget]) throws -> Double {
    do throws(NeuralNetworkError) {
      let own = try NeuralNetwork.gradientNorm(
        gradient.arrays.map(\.values), of: state.network.arrays, step: state.steps + 1)
      let other = try encoder?.gradientNorm(step: state.steps + 1) ?? 0
      return (own * own + other * other).squareRoot()
    } catch {
      guard case .notFiniteGradient(let tensor, _, _, _, _) = error else { throw error }
      throw diverged("the gradient of \(tensor)", batch)
    }
  }

  private func diverged(_ tensor: String, _ batch: [RouterTarget]) -> RoutingError {
    .diverged(
      epoch: state.epoch + 1, step: state.progress.steps + state.epoch * stepsPerEpoch + 1, tensor: tensor,
      pairs: batch.map { ids[$0.pair] ?? "pair \($0.pair)" })
  }

  private mutating func finishEpoch() throws -> EpochReport {
    let accuracy = try validationAccuracy()
    let progress = state.progress
    let report = EpochReport(
      epoch: state.epoch + 1, loss: progress.loss, gradientNorm: progress.gradientNorm,
      learningRate: progress.learningRate, accuracy: accuracy)
    if state.bestEpoch == 0 || accuracy > state.bestAccuracy {
      (state.best, state.bestEpoch, state.bestAccuracy) = (state.network, report.epoch, accuracy)
    }
    state.history.append(report)
    state.progress = EpochProgress()
    takePosition()
    return report
  }

  /// Draws the order of the epoch that the state is in.
  mutating func takePosition() {
    order = Self.order(epoch: state.epoch, samples: set.targets.count, seed: training.seed)
  }

  private static func order(epoch: Int, samples: Int, seed: UInt64) -> [Int] {
    var generator = PhiloxGenerator(seed: seed, stream: "offline-router-order", index: UInt64(epoch))
    return generator.permutation(samples)
  }

  /// The share of validation pairs, else of training pairs, whose best-scored model is right.
  private mutating func validationAccuracy() throws -> Double {
    let judged = validation ?? behavior
    let inputs = try encoder?.features(of: judged.pairs) ?? features.selectingRows(judged.pairs)
    let scores = state.network.scores(contexts: state.network.encoder.forward(inputs).contexts).comparison
    let right = judged.pairs.indices.count { judged.correctness.isRight(arm: scores.row($0).firstHighest, pair: $0) }
    return Double(right) / Double(judged.pairs.count)
  }
}

extension ArraySlice where Element: Comparable {
  /// The offset of the highest element, of equals the first.
  var firstHighest: Int {
    var best = startIndex
    for index in indices where self[index] > self[best] { best = index }
    return best - startIndex
  }
}
