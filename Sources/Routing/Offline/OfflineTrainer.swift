import LinearAlgebra
import NeuralNetwork
import Randomness
import Transformers

/// Trains an offline router's heads on pair features: of a frozen encoder, or of one that is trained along.
///
/// A step is a batch's loss, its gradients, and what `TransformerOptimizer` makes of them. Equal seeds, data and threads
/// give equal bits, also where a run was saved and taken up again.
public struct OfflineTrainer: Sendable {
  public let training: OfflineTraining
  public let set: RouterTrainingSet
  /// What the reward models do on the training pairs.
  public let behavior: RewardModelBehavior
  public let validation: RewardModelBehavior?
  public internal(set) var state: OfflineTrainingState
  /// The heads, and the encoder where it is trained along.
  package internal(set) var optimizer: RouterOptimizer
  private let inputs: Inputs
  private let ids: [Int: String]
  /// The samples of the epoch that runs, in its order.
  private var order: [Int]

  /// What the heads learn from.
  private enum Inputs: Sendable {
    /// The features of a frozen encoder, one row a pair of the dataset.
    case features(Matrix<Float>)
    /// The texts of an encoder that is trained along.
    case texts(PairTexts)
  }

  /// - Parameters:
  ///   - behavior: of the training pairs, from which `set` was made; names pairs in errors.
  ///   - features: one row a pair of the dataset.
  ///   - validation: pairs that decide which epoch is best, disjoint from the training pairs by prompt and group.
  /// - Throws: `RoutingError.training`, `RoutingError.notFinite`.
  public init(
    _ training: OfflineTraining, set: RouterTrainingSet, behavior: RewardModelBehavior, features: Matrix<Float>,
    validation: RewardModelBehavior? = nil
  ) throws(RoutingError) {
    if let bad = features.elements.firstIndex(where: { !$0.isFinite }) {
      throw .notFinite(what: "the feature vector of pair \(bad / features.columns)", index: bad % features.columns)
    }
    try self.init(
      training, set, behavior, .features(features), featureCount: features.columns, validation: validation
    ) { heads, group, largestNorm in
      RouterOptimizer(heads: heads, headGroup: group, largestNorm: largestNorm)
    }
  }

  /// - Parameter encoder: trained with the heads, over the tokens of all pairs of the dataset; otherwise as above.
  /// - Throws: `RoutingError.training`.
  public init(
    _ training: OfflineTraining, set: RouterTrainingSet, behavior: RewardModelBehavior, encoder: EncoderInTraining,
    validation: RewardModelBehavior? = nil
  ) throws(RoutingError) {
    try self.init(
      training, set, behavior, .texts(encoder.texts), featureCount: encoder.featureCount, validation: validation
    ) { heads, group, largestNorm in
      RouterOptimizer(
        encoder.model, group: encoder.group, heads: heads, headGroup: group, largestNorm: largestNorm)
    }
  }

  private init(
    _ training: OfflineTraining, _ set: RouterTrainingSet, _ behavior: RewardModelBehavior, _ inputs: Inputs,
    featureCount: Int, validation: RewardModelBehavior?,
    optimizer: (_ heads: RouterNetwork<Float>, ParameterGroup, _ largestNorm: Double?) -> RouterOptimizer
  ) throws(RoutingError) {
    try training.validate()
    self.training = training
    self.set = set
    self.behavior = behavior
    self.validation = validation
    self.inputs = inputs
    ids = Dictionary(uniqueKeysWithValues: zip(behavior.pairs, behavior.ids))
    var generator = PhiloxGenerator(seed: training.seed, stream: "offline-router-weights")
    let network = RouterNetwork<Float>(
      features: featureCount, dimension: training.dimension ?? max(featureCount / 2, 1), arms: set.rewardModels.count,
      using: &generator)
    state = OfflineTrainingState(best: network)
    self.optimizer = optimizer(
      network,
      ParameterGroup(name: "heads", learningRate: training.learningRate, weightDecay: training.weightDecay),
      training.clipNorm > 0 ? training.clipNorm : nil)
    order = Self.order(epoch: 0, samples: set.targets.count, seed: training.seed)
  }

  /// The encoder that is trained along, as it is now; nil for frozen features.
  public var encoder: EncoderInTraining? {
    guard case .texts(let texts) = inputs else { return nil }
    return EncoderInTraining(optimizer.transformer, group: optimizer.group, texts: texts)
  }

  /// The heads as they are now.
  package var network: RouterNetwork<Float> { optimizer.heads }

  public var stepsPerEpoch: Int { (set.targets.count + training.batchSize - 1) / training.batchSize }

  public var isFinished: Bool {
    state.epoch >= training.epochs
      || (training.patience > 0 && state.epoch - state.bestEpoch >= training.patience && state.epoch > 0)
  }

  /// The router of the best epoch so far, or of the last; of an encoder that is trained the last weights are those that go with it.
  public func router(best: Bool = true, encoder: String) -> OfflineRouter {
    OfflineRouter(
      network: best ? state.best : network, rewardModels: set.rewardModels, encoder: encoder,
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
    let (loss, tokens) = try addGradients(of: batch)
    let total = training.epochs * stepsPerEpoch
    // The first step of a warm-up has rate 0: one step at least comes after it.
    let warmupSteps = min(Int((training.warmup * Double(total)).rounded()), total - 1)
    let schedule = LearningRateSchedule(training.schedule, warmupSteps: warmupSteps, totalSteps: total)
    let step = try takeStep(rateFactor: schedule.factor(state.steps), batch)
    state.steps = step.step
    state.progress.add(
      loss, gradientNorm: step.gradientNorm, learningRate: step.headLearningRate,
      share: Double(batch.count) / Double(order.count))
    let epoch = begin + batch.count == order.count ? try finishEpoch() : nil
    return StepReport(
      step: step.step, loss: loss, gradientNorm: step.gradientNorm, learningRate: step.headLearningRate,
      tokens: tokens, epoch: epoch)
  }

  /// Returns the batch's loss. The optimizer has its gradients then, and none where this throws.
  private mutating func addGradients(of batch: [RouterTarget]) throws -> (loss: RouterLoss, tokens: Int) {
    do {
      switch inputs {
      case .features(let features):
        return (try addGradients(of: batch, features.selectingRows(batch.map(\.pair))), 0)
      case .texts(let texts):
        return try addGradients(of: batch, texts)
      }
    } catch {
      optimizer.clearGradients()
      throw error
    }
  }

  private mutating func addGradients(
    of batch: [RouterTarget], _ features: Matrix<Float>
  ) throws(RoutingError) -> RouterLoss {
    let loss = optimizer.accumulate { network, gradient in
      network.loss(features: features, targets: batch, training.loss, addingTo: &gradient).loss
    }
    guard loss.total.isFinite else { throw diverged("the loss", batch) }
    return loss
  }

  private mutating func addGradients(
    of batch: [RouterTarget], _ texts: PairTexts
  ) throws -> (loss: RouterLoss, tokens: Int) {
    let scale = RouterLossScale(batch, training.loss)
    var loss = RouterLoss()
    var tokens = 0
    for members in texts.passes(over: batch.map(\.pair)) {
      let targets = members.map { batch[$0] }
      let pass = try texts.forward(targets.map(\.pair), &optimizer)
      tokens += pass.tokens
      guard pass.features.elements.allSatisfy(\.isFinite) else { throw diverged("the encoder's output", targets) }
      let found = optimizer.accumulate { network, gradient in
        network.loss(
          features: pass.features, targets: targets, training.loss, scale: scale, addingTo: &gradient,
          featureGradient: true)
      }
      guard found.loss.total.isFinite else { throw diverged("the loss", targets) }
      loss.add(found.loss)
      if let gradient = found.dFeatures { texts.backward(gradient, pass, &optimizer) }
    }
    return (loss, tokens)
  }

  private mutating func takeStep(rateFactor: Double, _ batch: [RouterTarget]) throws -> OptimizerStepReport {
    do throws(NeuralNetworkError) {
      return try optimizer.step(rateFactor: rateFactor)
    } catch {
      switch error {
      case .notFiniteGradient(let tensor, _, _, _, _): throw diverged("the gradient of \(tensor)", batch)
      case .notFiniteParameter(let tensor, _, _, _, _): throw diverged("\(tensor) after the step", batch)
      case .optimizerState, .savedParameters: throw error
      }
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
      (state.best, state.bestEpoch, state.bestAccuracy) = (network, report.epoch, accuracy)
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

  /// The share of validation pairs, else of training pairs, whose best-scored model is right; a tie counts what its
  /// rule says.
  private func validationAccuracy() throws -> Double {
    let judged = validation ?? behavior
    let features =
      switch inputs {
      case .features(let features): features.selectingRows(judged.pairs)
      case .texts(let texts): try texts.features(of: judged.pairs, optimizer.transformer.model)
      }
    let scores = network.scores(contexts: network.encoder.forward(features).contexts).comparison
    let right = judged.pairs.indices.reduce(0) { $0 + judged.correctness.values[scores.row($1).firstHighest][$1] }
    return right / Double(judged.pairs.count)
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
