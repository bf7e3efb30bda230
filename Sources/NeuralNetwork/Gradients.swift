import LinearAlgebra

/// The norm of all gradients together, sqrt(sum g^2), summed in Double; the same for any number of threads.
///
/// - Parameters:
///   - parameters: whose gradients these are, in their order; empty arrays, of what is not trained, add nothing.
///   - step: counted from 1; `batch`: ids of what the gradients were computed from. Both for the error's text.
/// - Throws: `NeuralNetworkError.notFiniteGradient` for the first element that is NaN or infinite.
/// - Complexity: one pass over memory.
public func gradientNorm(
  _ gradients: [[Float]], of parameters: [Parameter], step: Int, batch: [String] = [],
  threads: Int = BLASRuntime.usableThreads
) throws(NeuralNetworkError) -> Double {
  precondition(
    gradients.count == parameters.count, "\(gradients.count) gradients for \(parameters.count) parameters")
  var total = 0.0
  for (gradient, parameter) in zip(gradients, parameters) {
    let sum = squareSum(gradient, threads: threads)
    if !sum.isFinite, let index = gradient.firstIndex(where: { !$0.isFinite }) {
      throw .notFiniteGradient(
        parameter: parameter.name, index: index, value: "\(gradient[index])", step: step, batch: batch)
    }
    total += sum
  }
  return total.squareRoot()
}

/// Sets all gradients to 0 in the memory that they have.
public func clear(_ gradients: inout [[Float]], threads: Int = BLASRuntime.usableThreads) {
  for i in gradients.indices { LinearAlgebra.clear(&gradients[i], threads: threads) }
}

/// What gradients of this norm are multiplied by so that they have at most `maximum`:
/// min(1, maximum / (norm + 1e-6)), as `torch.nn.utils.clip_grad_norm_`.
public func clippingFactor(norm: Double, maximum: Double) -> Double {
  precondition(norm >= 0 && maximum > 0, "gradients of norm \(norm) cannot be cut to \(maximum)")
  return min(1, maximum / (norm + 1e-6))
}

/// The gradient of a batch that is computed in parts: the mean of the parts' gradients, weighted by what their losses are
/// means over.
///
/// A part's loss is a mean over its w_k pairs (or tokens), so the batch's is sum_k w_k loss_k / sum_k w_k, and its gradient
/// alike: parts of unequal size give what the whole batch would, up to rounding. A part of weight 0 has no say. The first
/// part is taken over without a copy.
public struct GradientAccumulator: Sendable {
  /// The weighted mean of what was added; empty before.
  public private(set) var mean: [[Float]] = []
  /// The sum of the weights.
  public private(set) var weight = 0.0

  public init() {}

  /// Adds a part's gradients, whose loss is a mean over `weight` pairs or tokens.
  public mutating func add(_ gradients: [[Float]], weight: Double, threads: Int = BLASRuntime.usableThreads) {
    precondition(weight >= 0, "a part cannot weigh \(weight)")
    precondition(mean.isEmpty || mean.count == gradients.count, "parts have gradients of the same parameters")
    self.weight += weight
    if mean.isEmpty || self.weight == weight {
      mean = gradients
    } else if weight > 0 {
      for i in mean.indices { blend(gradients[i], share: weight / self.weight, into: &mean[i], threads: threads) }
    }
  }
}
