import LinearAlgebra

/// How an offline router is trained on frozen features.
public struct OfflineTraining: Sendable, Equatable, Codable {
  public var loss = RouterLossConfiguration()
  /// d, the size of a context; nil for half the features, as in the paper.
  public var dimension: Int?
  public var epochs = 20
  public var batchSize = 64
  public var learningRate = 1e-3
  public var weightDecay = 0.01
  public var schedule = RateSchedule.linear
  /// Share of the steps in which the rate rises.
  public var warmup = 0.1
  /// The gradient's largest norm over all tensors; 0 clips nothing.
  public var clipNorm = 1.0
  /// Epochs without a better validation accuracy after which training stops; 0 never stops it.
  public var patience = 5
  public var seed: UInt64 = 1

  public init() {}

  /// - Throws: `RoutingError.training`.
  public func validate() throws(RoutingError) {
    func require(_ holds: Bool, _ problem: String) throws(RoutingError) {
      if !holds { throw .training(problem: problem) }
    }
    func isPositive(_ value: Double) -> Bool { value > 0 && value.isFinite }
    func isWeight(_ value: Double) -> Bool { value >= 0 && value.isFinite }
    try require(epochs > 0 && batchSize > 0, "at least one epoch and one pair a batch are needed")
    try require(dimension.map { $0 > 0 } ?? true, "a context has at least one coordinate")
    try require(isPositive(learningRate), "the learning rate is \(learningRate); it is a positive number")
    try require(
      isWeight(weightDecay) && isWeight(clipNorm), "weight decay and clipping norm are finite numbers from 0 on")
    try require(
      isWeight(loss.classificationWeight) && isWeight(loss.differenceWeight),
      "the weights of the loss, lambda and mu, are finite numbers from 0 on")
    try require((0..<1).contains(warmup), "the warm-up is a share of the steps in [0, 1), not \(warmup)")
    try require(patience >= 0, "the patience is a number of epochs, 0 for no early stopping")
  }
}

/// What one epoch was like.
public struct EpochReport: Sendable, Equatable, Codable {
  /// From 1.
  public let epoch: Int
  /// Means over the batches, weighted by their samples, before each step.
  public let loss: RouterLoss
  /// The mean norm of the gradient before clipping.
  public let gradientNorm: Double
  /// The rate of the last step.
  public let learningRate: Double
  /// Router accuracy on the validation pairs; on the training pairs where there are none.
  public let accuracy: Double
}

/// Everything that decides how a training run goes on: weights, moments, position, best weights so far.
///
/// The order of an epoch is drawn from (seed, epoch) alone, so that no generator's state is needed beside the epoch.
public struct OfflineTrainingState: Sendable, Equatable {
  package internal(set) var network: RouterNetwork<Float>
  var firstMoment: RouterNetwork<Float>
  var secondMoment: RouterNetwork<Float>
  /// Optimiser steps done.
  public internal(set) var steps = 0
  package internal(set) var best: RouterNetwork<Float>
  /// The epoch of `best`; 0 before the first.
  public internal(set) var bestEpoch = 0
  public internal(set) var bestAccuracy = 0.0
  /// One an epoch done.
  public internal(set) var history: [EpochReport] = []

  public var epoch: Int { history.count }

  init(network: RouterNetwork<Float>) {
    self.network = network
    best = network
    firstMoment = RouterNetwork(
      features: network.featureCount, dimension: network.dimension, arms: network.armCount)
    secondMoment = firstMoment
  }
}

/// Trains an offline router's heads on frozen pair features.
public struct OfflineTrainer: Sendable {
  public let training: OfflineTraining
  public let set: RouterTrainingSet
  /// One row a pair of the dataset.
  public let features: Matrix<Float>
  /// Of the training pairs.
  public let behavior: RewardModelBehavior
  public let validation: RewardModelBehavior?
  public private(set) var state: OfflineTrainingState
  private let ids: [Int: String]

  /// - Parameters:
  ///   - behavior: of the training pairs, from which `set` was made; names pairs in errors.
  ///   - validation: pairs that decide which epoch is best, disjoint from the training pairs by prompt.
  ///   - state: of a run to be continued; nil starts one.
  /// - Throws: `RoutingError.training`, `RoutingError.notFinite`.
  public init(
    _ training: OfflineTraining, set: RouterTrainingSet, behavior: RewardModelBehavior, features: Matrix<Float>,
    validation: RewardModelBehavior? = nil, state: OfflineTrainingState? = nil
  ) throws(RoutingError) {
    try training.validate()
    if let bad = features.elements.firstIndex(where: { !$0.isFinite }) {
      throw .notFinite(what: "the feature vector of pair \(bad / features.columns)", index: bad % features.columns)
    }
    self.training = training
    self.set = set
    self.features = features
    self.behavior = behavior
    self.validation = validation
    ids = Dictionary(uniqueKeysWithValues: zip(behavior.pairs, behavior.ids))
    if let state {
      self.state = state
    } else {
      var generator = PhiloxGenerator(seed: training.seed, stream: "offline-router-weights")
      self.state = OfflineTrainingState(
        network: RouterNetwork(
          features: features.columns, dimension: training.dimension ?? max(features.columns / 2, 1),
          arms: set.rewardModels.count, using: &generator))
    }
  }

  public var stepsPerEpoch: Int { (set.targets.count + training.batchSize - 1) / training.batchSize }

  public var isFinished: Bool {
    state.epoch >= training.epochs
      || (training.patience > 0 && state.epoch - state.bestEpoch >= training.patience && state.epoch > 0)
  }

  /// The router of the best epoch so far, or of the last.
  public func router(best: Bool = true, encoder: String) -> OfflineRouter {
    OfflineRouter(
      network: best ? state.best : state.network, rewardModels: set.rewardModels, encoder: encoder,
      training: .init(
        training: training, set: set.configuration, epoch: best ? state.bestEpoch : state.epoch,
        pairs: RouterPairs(training: behavior, validation: validation)))
  }

  /// One pass over the training set.
  ///
  /// - Parameter onStep: called after each step with the loss of its batch.
  /// - Throws: `RoutingError.diverged`; the state is then that before the epoch.
  public mutating func runEpoch(onStep: (RouterLoss) -> Void = { _ in }) throws(RoutingError) {
    var next = state
    var generator = PhiloxGenerator(
      seed: training.seed, stream: "offline-router-order", index: UInt64(state.epoch))
    let order = generator.permutation(set.targets.count)
    var mean = RouterLoss()
    var gradientNorm = 0.0
    var rate = 0.0
    for begin in stride(from: 0, to: order.count, by: training.batchSize) {
      let batch = order[begin..<min(begin + training.batchSize, order.count)].map { set.targets[$0] }
      let step = try step(&next, batch)
      let share = Double(batch.count) / Double(order.count)
      mean.comparison += share * step.loss.comparison
      mean.classification += share * step.loss.classification
      mean.difference += share * step.loss.difference
      mean.total += share * step.loss.total
      gradientNorm += share * step.norm
      rate = step.rate
      onStep(step.loss)
    }
    let accuracy = accuracy(next.network)
    if next.bestEpoch == 0 || accuracy > next.bestAccuracy {
      (next.best, next.bestEpoch, next.bestAccuracy) = (next.network, state.epoch + 1, accuracy)
    }
    next.history.append(
      EpochReport(
        epoch: state.epoch + 1, loss: mean, gradientNorm: gradientNorm, learningRate: rate, accuracy: accuracy))
    state = next
  }

  private func step(
    _ next: inout OfflineTrainingState, _ batch: [RouterTarget]
  ) throws(RoutingError) -> (loss: RouterLoss, norm: Double, rate: Double) {
    var gradient = RouterNetwork<Float>(
      features: next.network.featureCount, dimension: next.network.dimension, arms: next.network.armCount)
    let (loss, _) = next.network.loss(
      features: features.selectingRows(batch.map(\.pair)), targets: batch, training.loss, addingTo: &gradient)
    func diverged(_ tensor: String) -> RoutingError {
      .diverged(
        epoch: next.history.count + 1, step: next.steps + 1, tensor: tensor,
        pairs: batch.map { ids[$0.pair] ?? "pair \($0.pair)" })
    }
    guard loss.total.isFinite else { throw diverged("the loss") }
    let parameters = next.network.parameters
    var square = 0.0
    for parameter in parameters {
      let values = gradient[keyPath: parameter.path]
      let own = Double(dot(values, values))
      guard own.isFinite else { throw diverged("the gradient of \(parameter.name)") }
      square += own
    }
    let norm = square.squareRoot()
    let scale = training.clipNorm > 0 && norm > training.clipNorm ? training.clipNorm / norm : 1
    let rate =
      training.learningRate
      * training.schedule.factor(
        step: next.steps, of: training.epochs * stepsPerEpoch, warmup: training.warmup)
    next.steps += 1
    for parameter in parameters {
      FlatAdamW.step(
        &next.network[keyPath: parameter.path], gradient: gradient[keyPath: parameter.path], scale: Float(scale),
        first: &next.firstMoment[keyPath: parameter.path], second: &next.secondMoment[keyPath: parameter.path],
        rate: Float(rate), decay: parameter.decays ? Float(training.weightDecay) : 0, step: next.steps)
    }
    return (loss, norm, rate)
  }

  /// The share of validation pairs, else of training pairs, whose best-scored model is right.
  private func accuracy(_ network: RouterNetwork<Float>) -> Double {
    let judged = validation ?? behavior
    let contexts = network.encoder.forward(features.selectingRows(judged.pairs)).contexts
    let scores = network.scores(contexts: contexts).comparison
    let right = judged.right.indices.count { judged.right[$0][scores.row($0).firstHighest] }
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
