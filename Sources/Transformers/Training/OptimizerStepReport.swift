/// What one step of an optimizer was like.
public struct OptimizerStepReport: Sendable, Equatable {
  /// The number of the step, from 1.
  public let step: Int
  /// The norm of all gradients together, before clipping.
  public let gradientNorm: Double
  /// What the gradients were multiplied by; 1 where they were not clipped.
  public let clippingFactor: Double
  /// The transformer's learning rate in this step; the heads' where they alone are trained.
  public let learningRate: Double
  /// The heads' learning rate in this step.
  public let headLearningRate: Double
  /// The part of the step's time in which the model was packed anew of its parameters.
  public let packingSeconds: Double
}
