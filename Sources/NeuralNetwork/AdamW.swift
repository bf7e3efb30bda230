import LinearAlgebra

/// Parameters that share a learning rate and a weight decay: the heads, the backbone.
public struct ParameterGroup: Sendable, Equatable {
  public let name: String
  /// Before the schedule's factor.
  public let learningRate: Double
  /// The rate of decay of those parameters of the group that decay.
  public let weightDecay: Double

  public init(name: String, learningRate: Double, weightDecay: Double) {
    precondition(learningRate >= 0 && weightDecay >= 0, "group \(name): rates are not negative")
    self.name = name
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }
}

extension Parameter {
  /// Whether weight decay is meant for it: for matrices, not for vectors (norms and biases), nor for what is called `bias`.
  public var usuallyDecays: Bool { shape.count > 1 && name.split(separator: ".").last?.hasSuffix("bias") != true }
}

/// Adam with decoupled weight decay and bias correction, as `torch.optim.AdamW`. At step t, for a gradient g:
///
///     m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2
///     w = (1 - rate decay) w - rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)
///
/// The state is m and v, as long as the trained parameters, and t. Steps are the same to the bit for any number of threads
/// and on any CPU, and run at the speed of memory.
///
/// Source: Loshchilov & Hutter, "Decoupled Weight Decay Regularization" (arXiv 1711.05101), algorithm 2.
public struct AdamW: Sendable, Equatable {
  /// What is fixed for a parameter when the optimizer is made.
  private struct Slot: Sendable, Equatable {
    let name: String
    let shape: [Int]
    let isTrained: Bool
    let learningRate: Double
    let weightDecay: Double
  }

  public let beta1: Double
  public let beta2: Double
  public let epsilon: Double
  /// Steps that were taken.
  public private(set) var stepCount = 0
  private let slots: [Slot]
  /// The first moments of each parameter, empty for one that is not trained; `second` likewise.
  private var first: [[Float]]
  private var second: [[Float]]

  /// - Parameters:
  ///   - group: of each parameter, by its index in `groups`.
  ///   - isTrained: one for each parameter; nil where all are. The others have no state, and no step touches them.
  ///   - decays: whether the group's weight decay applies to a parameter.
  public init(
    _ parameters: [Parameter], groups: [ParameterGroup], isTrained: [Bool]? = nil, beta1: Double = 0.9,
    beta2: Double = 0.999, epsilon: Double = 1e-8, group: (Parameter) -> Int = { _ in 0 },
    decays: (Parameter) -> Bool = \.usuallyDecays
  ) {
    let isTrained = isTrained ?? [Bool](repeating: true, count: parameters.count)
    precondition(
      isTrained.count == parameters.count, "isTrained says \(isTrained.count) of \(parameters.count) parameters")
    precondition(0 <= beta1 && beta1 < 1 && 0 <= beta2 && beta2 < 1, "betas \(beta1) and \(beta2) are not in 0..<1")
    precondition(epsilon >= 0, "epsilon \(epsilon) is negative")
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    slots = zip(parameters, isTrained).map { parameter, isTrained in
      let group = groups[group(parameter)]
      return Slot(
        name: parameter.name, shape: parameter.shape, isTrained: isTrained, learningRate: group.learningRate,
        weightDecay: decays(parameter) ? group.weightDecay : 0)
    }
    first = zip(parameters, isTrained).map { [Float](repeating: 0, count: $1 ? $0.values.count : 0) }
    second = first
  }

  /// One step, in place.
  ///
  /// - Parameters:
  ///   - parameters: those that the optimizer was made for, in their order; `gradients` likewise, empty where a parameter is
  ///     not trained.
  ///   - rateFactor: multiplies each group's learning rate; see `LearningRateSchedule`.
  ///   - gradientFactor: multiplies each gradient; see `clippingFactor`.
  public mutating func step(
    _ parameters: inout [Parameter], gradients: [[Float]], rateFactor: Double = 1, gradientFactor: Double = 1,
    threads: Int = BLASRuntime.usableThreads
  ) {
    precondition(
      parameters.count == slots.count && gradients.count == slots.count,
      "AdamW for \(slots.count) parameters: given \(parameters.count), and \(gradients.count) gradients")
    stepCount += 1
    for (i, slot) in slots.enumerated() {
      precondition(parameters[i].name == slot.name, "parameter \(i) was \(slot.name), now it is \(parameters[i].name)")
      guard slot.isTrained else {
        precondition(gradients[i].isEmpty, "a gradient of \(slot.name), which is not trained")
        continue
      }
      AdamWStep(
        number: stepCount, learningRate: slot.learningRate * rateFactor, weightDecay: slot.weightDecay, beta1: beta1,
        beta2: beta2, epsilon: epsilon, gradientFactor: gradientFactor
      ).apply(
        gradients: gradients[i], to: &parameters[i].values, first: &first[i], second: &second[i], threads: threads)
    }
  }

  private static let firstPrefix = "exp_avg."
  private static let secondPrefix = "exp_avg_sq."

  /// m and v of the trained parameters as named arrays (`exp_avg.NAME`, `exp_avg_sq.NAME`, PyTorch's words), which with
  /// `stepCount` are all there is to save.
  public var state: [Parameter] {
    slots.indices.filter { slots[$0].isTrained }.flatMap { i in
      [
        Parameter(name: Self.firstPrefix + slots[i].name, shape: slots[i].shape, values: first[i]),
        Parameter(name: Self.secondPrefix + slots[i].name, shape: slots[i].shape, values: second[i]),
      ]
    }
  }

  /// Takes up a saved state, its arrays in any order: later steps equal those of the optimizer that was saved, to the bit.
  ///
  /// - Throws: `NeuralNetworkError.optimizerState` for an array that is missing, twice there, not asked for, or of another
  ///   shape; the optimizer is then as it was.
  public mutating func restore(_ state: [Parameter], stepCount: Int) throws(NeuralNetworkError) {
    precondition(stepCount >= 0, "\(stepCount) steps were not taken")
    var left: [String: Parameter] = [:]
    for tensor in state where left.updateValue(tensor, forKey: tensor.name) != nil {
      throw .optimizerState(tensor: tensor.name, .duplicate)
    }
    func take(_ name: String, _ shape: [Int]) throws(NeuralNetworkError) -> [Float] {
      guard let tensor = left.removeValue(forKey: name) else { throw .optimizerState(tensor: name, .missing) }
      guard tensor.shape == shape else {
        throw .optimizerState(tensor: name, .shape(found: tensor.shape, expected: shape))
      }
      return tensor.values
    }
    var moments: (first: [[Float]], second: [[Float]]) = ([], [])
    for slot in slots {
      moments.first.append(slot.isTrained ? try take(Self.firstPrefix + slot.name, slot.shape) : [])
      moments.second.append(slot.isTrained ? try take(Self.secondPrefix + slot.name, slot.shape) : [])
    }
    if let name = left.keys.min() { throw .optimizerState(tensor: name, .noParameter) }
    (first, second) = moments
    self.stepCount = stepCount
  }
}
