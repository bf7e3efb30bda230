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
    func require(_ holds: Bool, _ problem: TrainingProblem) throws(RoutingError) {
      if !holds { throw .training(problem) }
    }
    func isPositive(_ value: Double) -> Bool { value > 0 && value.isFinite }
    func isWeight(_ value: Double) -> Bool { value >= 0 && value.isFinite }
    try require(epochs > 0 && batchSize > 0, .tooFew(epochs: epochs, batchSize: batchSize))
    try require(
      epochs <= 1_000_000 && batchSize <= 1_000_000_000, .tooMany(epochs: epochs, batchSize: batchSize))
    if let dimension { try require(dimension > 0, .dimension(dimension)) }
    try require(isPositive(learningRate), .learningRate(learningRate))
    if let encoderLearningRate {
      try require(isPositive(encoderLearningRate), .encoderLearningRate(encoderLearningRate))
    }
    try require(
      isWeight(weightDecay) && isWeight(clipNorm), .decayOrClipping(weightDecay: weightDecay, clipNorm: clipNorm))
    try require(
      isWeight(loss.classificationWeight) && isWeight(loss.differenceWeight),
      .lossWeights(lambda: loss.classificationWeight, mu: loss.differenceWeight))
    try require((0..<1).contains(warmup), .warmup(warmup))
    try require(patience >= 0, .patience(patience))
  }
}
