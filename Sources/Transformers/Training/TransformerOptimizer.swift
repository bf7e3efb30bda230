import LinearAlgebra
import NeuralNetwork

/// A transformer in training together with the heads on top of it: parameters, gradients, AdamW and the passes' memory.
///
/// All fine-tuning takes its steps here. A batch goes through in one or more micro-batches, whose gradients add up: their
/// losses are scaled so that they add up to the batch's. With g all gradients of heads and transformer, a step is
///
///     norm = |g|,   factor = min(1, largestNorm / (norm + 1e-6)),   AdamW of factor g at rateFactor x its group's rate
///
/// and the gradients are 0 after it. In code:
///
///     let pass = try optimizer.forwardPooled(batch, segments: ends)
///     let dVectors = optimizer.accumulate { heads, gradient in heads.loss(pass.vectors, addingTo: &gradient) }
///     optimizer.backward(dVectors, pass)
///     let report = try optimizer.step(rateFactor: schedule.factor(optimizer.stepCount))
///
/// Equal starts, batches and threads give equal bits, also where a run was saved and taken up again.
public struct TransformerOptimizer<Heads: TrainableHeads>: Sendable {
  public private(set) var heads: Heads
  /// The gradients by the heads so far.
  public private(set) var headGradient: Heads
  /// The gradients by the transformer's parameters so far, in their order, empty where a parameter is not trained; none
  /// where the heads alone are.
  public private(set) var gradients: [[Float]]
  /// The largest norm of all gradients together; nil clips nothing.
  public let largestNorm: Double?
  /// The learning rate and weight decay of the transformer's trained parameters; the heads' where they alone are.
  public let group: ParameterGroup
  /// The learning rate and weight decay of the heads.
  public let headGroup: ParameterGroup
  /// The transformer; nil where the heads alone are trained.
  private var model: TrainableTransformer?
  private var moments: AdamW
  private var headMoments: AdamW
  private var scratch = TrainingScratch()

  /// Trains a transformer and the heads on top of it.
  ///
  /// Parameters are changed in place where nothing else holds the transformer and the heads, and copied once otherwise.
  ///
  /// - Parameters:
  ///   - group: the learning rate and weight decay of the transformer's trained parameters.
  ///   - headGroup: those of the heads.
  ///   - largestNorm: the largest norm of all gradients together; nil clips nothing.
  public init(
    _ transformer: TrainableTransformer, group: ParameterGroup, heads: Heads, headGroup: ParameterGroup,
    largestNorm: Double? = nil
  ) {
    self.init(model: transformer, group: group, heads: heads, headGroup: headGroup, largestNorm: largestNorm)
  }

  /// Trains the heads alone, on states that a frozen transformer gave.
  public init(heads: Heads, headGroup: ParameterGroup, largestNorm: Double? = nil) {
    self.init(model: nil, group: headGroup, heads: heads, headGroup: headGroup, largestNorm: largestNorm)
  }

  private init(
    model: TrainableTransformer?, group: ParameterGroup, heads: Heads, headGroup: ParameterGroup, largestNorm: Double?
  ) {
    precondition(largestNorm.map { $0 > 0 } ?? true, "gradients cannot be cut to norm \(largestNorm ?? 0)")
    self.model = model
    self.group = group
    self.heads = heads
    self.headGroup = headGroup
    self.largestNorm = largestNorm
    moments = AdamW(model?.parameters ?? [], groups: [group], isTrained: model?.isTrained)
    headMoments = AdamW(heads.arrays, groups: [headGroup])
    gradients = model?.zeroGradients ?? []
    headGradient = heads
    headGradient.clear(threads: BLASRuntime.usableThreads)
  }

  /// Whether the heads alone are trained.
  public var isFrozen: Bool { model == nil }

  /// The transformer as it is now.
  ///
  /// - Precondition: `isFrozen` is false.
  public var transformer: TrainableTransformer {
    guard let model else { preconditionFailure("the heads alone are trained here, without a transformer") }
    return model
  }

  /// Steps that were taken.
  public var stepCount: Int { headMoments.stepCount }

  /// Runs the transformer over a micro-batch, as `TrainableTransformer.forward` does. The pass is valid until the next.
  ///
  /// - Throws: `TransformersError`.
  public mutating func forward(
    _ batch: TokenBatch, rows: [Int]? = nil, isCheckpointing: Bool = false, workers: Int = BLASRuntime.usableThreads
  ) throws -> TrainingPass {
    try transformer.forward(
      batch, rows: rows, isCheckpointing: isCheckpointing, workers: workers, scratch: &scratch)
  }

  /// Gives one vector a text of a micro-batch, as `TrainableTransformer.forwardPooled` does; otherwise as `forward`.
  ///
  /// - Throws: `TransformersError`.
  public mutating func forwardPooled(
    _ batch: TokenBatch, segments: [Int], isCheckpointing: Bool = false, workers: Int = BLASRuntime.usableThreads
  ) throws -> PooledPass {
    try transformer.forwardPooled(
      batch, segments: segments, isCheckpointing: isCheckpointing, workers: workers, scratch: &scratch)
  }

  /// Lets `body` add a micro-batch's gradients by the heads.
  public mutating func accumulate<Result>(
    _ body: (_ heads: Heads, _ gradient: inout Heads) throws -> Result
  ) rethrows -> Result {
    try body(heads, &headGradient)
  }

  /// Adds a micro-batch's gradients by the transformer's parameters, from that by the pass's states.
  public mutating func backward(_ gradient: RowBlock, _ pass: TrainingPass) {
    transformer.backward(gradient, pass, into: &gradients)
  }

  /// Adds a micro-batch's gradients by the transformer's parameters, from that by the pass's vectors.
  public mutating func backward(_ gradient: Matrix<Float>, _ pass: PooledPass) {
    transformer.backward(gradient, pass, into: &gradients)
  }

  /// Gives up a batch whose step is not to be taken.
  public mutating func clearGradients(threads: Int = BLASRuntime.usableThreads) {
    headGradient.clear(threads: threads)
    clear(&gradients, threads: threads)
  }

  /// Takes a step against the gradients so far. Whatever ends it, the gradients are 0 after it.
  ///
  /// - Parameters:
  ///   - rateFactor: multiplies the learning rates of both groups; see `LearningRateSchedule`.
  ///   - batch: ids of what the gradients were computed from, for the errors' texts.
  /// - Throws: `NeuralNetworkError.notFiniteGradient`, before anything has changed; `.notFiniteParameter` for what the
  ///   step left: go on from the state that was saved last.
  @discardableResult
  public mutating func step(
    rateFactor: Double = 1, batch: [String] = [], threads: Int = BLASRuntime.usableThreads
  ) throws(NeuralNetworkError) -> OptimizerStepReport {
    defer { clearGradients(threads: threads) }
    let number = stepCount + 1
    let norm = try norm(step: number, batch: batch, threads: threads)
    let factor = largestNorm.map { clippingFactor(norm: norm, maximum: $0) } ?? 1
    Self.update(
      &heads, &headMoments, headGradient, rateFactor: rateFactor, gradientFactor: factor, threads: threads)
    let packing = Self.update(
      &model, &moments, gradients, rateFactor: rateFactor, gradientFactor: factor, threads: threads)
    try requireFinite(heads.arrays, step: number, batch: batch, threads: threads)
    try requireFinite(model?.trainedParameters ?? [], step: number, batch: batch, threads: threads)
    return OptimizerStepReport(
      step: number, gradientNorm: norm, clippingFactor: factor, learningRate: group.learningRate * rateFactor,
      headLearningRate: headGroup.learningRate * rateFactor, packingSeconds: packing / .seconds(1))
  }

  /// The norm of all gradients together.
  private func norm(step: Int, batch: [String], threads: Int) throws(NeuralNetworkError) -> Double {
    let own = try gradientNorm(
      headGradient.arrays.map(\.values), of: heads.arrays, step: step, batch: batch, threads: threads)
    let other = try gradientNorm(
      gradients, of: model?.parameters ?? [], step: step, batch: batch, threads: threads)
    return (own * own + other * other).squareRoot()
  }

  private static func update(
    _ heads: inout Heads, _ moments: inout AdamW, _ gradient: Heads, rateFactor: Double, gradientFactor: Double,
    threads: Int
  ) {
    heads.update {
      moments.step(
        &$0, gradients: gradient.arrays.map(\.values), rateFactor: rateFactor, gradientFactor: gradientFactor,
        threads: threads)
    }
  }

  /// Returns how long it took to pack the model anew.
  private static func update(
    _ model: inout TrainableTransformer?, _ moments: inout AdamW, _ gradients: [[Float]], rateFactor: Double,
    gradientFactor: Double, threads: Int
  ) -> Duration {
    guard model != nil else { return .zero }
    let clock = ContinuousClock()
    var start = clock.now
    model?.update {
      moments.step(
        &$0, gradients: gradients, rateFactor: rateFactor, gradientFactor: gradientFactor, threads: threads)
      start = clock.now
    }
    return clock.now - start
  }

  /// The heads and their moments, to be saved with `stepCount`.
  public var savedHeads: SavedParameters { SavedParameters(parameters: heads.arrays, moments: headMoments.state) }

  /// The transformer's trained parameters and their moments, to be saved with `stepCount`; nil where the heads alone
  /// are trained.
  public var savedTransformer: SavedParameters? {
    model.map { SavedParameters(parameters: $0.trainedParameters, moments: moments.state) }
  }

  /// Takes up what was saved: later steps equal those of the optimizer that was saved, to the bit.
  ///
  /// - Throws: `NeuralNetworkError.savedParameters` for parameters that are not the trained ones, `.optimizerState` for
  ///   moments that do not belong to them; all is then as it was.
  /// - Precondition: the transformer's part is given exactly where one is trained.
  public mutating func restore(
    heads saved: SavedParameters, transformer savedTransformer: SavedParameters? = nil, stepCount: Int
  ) throws(NeuralNetworkError) {
    precondition((savedTransformer != nil) == !isFrozen, "a transformer is saved exactly where one is trained")
    let values = try saved.values(of: heads.arrays)
    let modelValues = try savedTransformer?.values(of: model?.trainedParameters ?? []) ?? [:]
    var (headMoments, moments) = (headMoments, moments)
    try headMoments.restore(saved.moments, stepCount: stepCount)
    if let savedTransformer { try moments.restore(savedTransformer.moments, stepCount: stepCount) }
    (self.headMoments, self.moments) = (headMoments, moments)
    func take(_ values: [String: [Float]], into parameters: inout [Parameter]) {
      for i in parameters.indices {
        if let new = values[parameters[i].name] { parameters[i].values = new }
      }
    }
    heads.update { take(values, into: &$0) }
    model?.update { take(modelValues, into: &$0) }
    clearGradients()
  }
}

extension TransformerOptimizer where Heads == HeadArrays {
  /// Trains a transformer alone, whose loss needs no parameters but its own.
  public init(_ transformer: TrainableTransformer, group: ParameterGroup, largestNorm: Double? = nil) {
    self.init(transformer, group: group, heads: HeadArrays(), headGroup: group, largestNorm: largestNorm)
  }
}
