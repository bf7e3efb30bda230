import NeuralNetwork
import Transformers

/// What one epoch was like.
public struct EpochReport: Sendable, Equatable, Codable {
  /// The number of the epoch, from 1.
  public let epoch: Int
  /// Means over the batches, weighted by their samples, before each step.
  public let loss: RouterLoss
  /// The mean norm of the gradient before clipping.
  public let gradientNorm: Double
  /// The heads' rate in the last step.
  public let learningRate: Double
  /// Router accuracy on the validation pairs; on the training pairs where there are none.
  public let accuracy: Double
}

/// What one step was like.
public struct StepReport: Sendable, Equatable {
  /// The number of the step, from 1, over all epochs.
  public let step: Int
  /// The loss of the batch, before the step.
  public let loss: RouterLoss
  /// Before clipping, over heads and encoder.
  public let gradientNorm: Double
  /// The heads' rate.
  public let learningRate: Double
  /// Tokens of the batch's texts; 0 with a frozen encoder.
  public let tokens: Int
  /// Where the step was an epoch's last.
  public let epoch: EpochReport?
}

/// Where an epoch stands: sums over the batches that are done, each weighted by its share of the samples.
struct EpochProgress: Sendable, Equatable, Codable {
  var steps = 0
  var loss = RouterLoss()
  var gradientNorm = 0.0
  var learningRate = 0.0

  mutating func add(_ loss: RouterLoss, gradientNorm: Double, learningRate: Double, share: Double) {
    steps += 1
    self.loss.add(loss, share: share)
    self.gradientNorm += share * gradientNorm
    self.learningRate = learningRate
  }
}

/// How far a training run is, and the best weights so far. With the weights and moments that `OfflineTrainer` has beside
/// it, this decides how the run goes on.
///
/// The order of an epoch is drawn from (seed, epoch) alone, so that no generator's state is needed beside the position.
public struct OfflineTrainingState: Sendable, Equatable {
  /// The number of optimizer steps done.
  public internal(set) var steps = 0
  package internal(set) var best: RouterNetwork<Float>
  /// The epoch of `best`; 0 before the first.
  public internal(set) var bestEpoch = 0
  public internal(set) var bestAccuracy = 0.0
  /// One an epoch done.
  public internal(set) var history: [EpochReport] = []
  var progress = EpochProgress()

  public var epoch: Int { history.count }

  init(best: RouterNetwork<Float>) { self.best = best }
}

extension RouterNetwork: TrainableHeads where Scalar == Float {
  /// All tensors as the optimizer and files take them. Nothing is copied.
  package var arrays: [NeuralNetwork.Parameter] {
    parameters.map { .init(name: $0.name, shape: $0.shape, values: self[keyPath: $0.path]) }
  }

  /// Lets `body` change the tensors in place.
  package mutating func update(_ body: (inout [NeuralNetwork.Parameter]) -> Void) {
    let own = parameters
    var arrays = arrays
    // Held once, they are changed without a copy.
    for parameter in own { self[keyPath: parameter.path] = [] }
    body(&arrays)
    for (parameter, array) in zip(own, arrays) { self[keyPath: parameter.path] = array.values }
  }
}
