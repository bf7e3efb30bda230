import LinearAlgebra
import NeuralNetwork

/// What one epoch was like.
public struct EpochReport: Sendable, Equatable, Codable {
  /// From 1.
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
  /// From 1, over all epochs.
  public let step: Int
  /// Of the batch, before the step.
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

/// Everything of the heads that decides how a training run goes on: weights, moments, position, best weights so far.
///
/// The order of an epoch is drawn from (seed, epoch) alone, so that no generator's state is needed beside the position.
public struct OfflineTrainingState: Sendable, Equatable {
  package internal(set) var network: RouterNetwork<Float>
  /// Its count of steps is that of the run.
  var optimizer: AdamW
  package internal(set) var best: RouterNetwork<Float>
  /// The epoch of `best`; 0 before the first.
  public internal(set) var bestEpoch = 0
  public internal(set) var bestAccuracy = 0.0
  /// One an epoch done.
  public internal(set) var history: [EpochReport] = []
  var progress = EpochProgress()

  public var epoch: Int { history.count }
  /// Optimiser steps done.
  public var steps: Int { optimizer.stepCount }

  init(network: RouterNetwork<Float>, _ training: OfflineTraining) {
    self.network = network
    best = network
    optimizer = AdamW(
      network.arrays,
      groups: [.init(name: "heads", learningRate: training.learningRate, weightDecay: training.weightDecay)])
  }
}

extension RouterNetwork<Float> {
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

  mutating func clear() {
    update { arrays in
      for i in arrays.indices { LinearAlgebra.clear(&arrays[i].values, threads: BLASRuntime.usableThreads) }
    }
  }
}
