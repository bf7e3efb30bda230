import NeuralNetwork

/// How an offline router is trained.
public struct OfflineTraining: Sendable, Equatable, Codable {
  public var loss = RouterLossConfiguration()
  /// d, the size of a context; nil for half the features, as in the paper.
  public var dimension: Int?
  public var epochs = 20
  public var batchSize = 64
  /// The highest, of the heads.
  public var learningRate = 1e-3
  /// The highest, of an encoder that is trained along; nil where it is frozen.
  public var encoderLearningRate: Double?
  public var weightDecay = 0.01
  public var schedule = LearningRateSchedule.Shape.linear
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
    try require(
      epochs <= 1_000_000 && batchSize <= 1_000_000_000, "at most a million epochs, and a billion pairs a batch")
    try require(dimension.map { $0 > 0 } ?? true, "a context has at least one coordinate")
    try require(isPositive(learningRate), "the learning rate is \(learningRate); it is a positive number")
    try require(
      encoderLearningRate.map(isPositive) ?? true,
      "the encoder's learning rate is \(encoderLearningRate ?? 0); it is a positive number, or train with a frozen encoder"
    )
    try require(
      isWeight(weightDecay) && isWeight(clipNorm), "weight decay and clipping norm are finite numbers from 0 on")
    try require(
      isWeight(loss.classificationWeight) && isWeight(loss.differenceWeight),
      "the weights of the loss, lambda and mu, are finite numbers from 0 on")
    try require((0..<1).contains(warmup), "the warm-up is a share of the steps in [0, 1), not \(warmup)")
    try require(patience >= 0, "the patience is a number of epochs, 0 for no early stopping")
  }
}
