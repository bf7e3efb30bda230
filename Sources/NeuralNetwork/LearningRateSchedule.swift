import Foundation

/// What the learning rate is multiplied by at each step: a warm-up from 0 to 1, then one of three shapes.
///
/// The values of Transformers' `get_constant_schedule_with_warmup`, `get_linear_…` and `get_cosine_…`.
public struct LearningRateSchedule: Sendable, Equatable {
  public enum Shape: String, Sendable, Codable, CaseIterable {
    /// 1 after the warm-up.
    case constant
    /// The factor falls from 1 to 0 at the last step.
    case linear
    /// (1 + cos(pi progress)) / 2.
    case cosine
  }

  public let shape: Shape
  public let warmupSteps: Int
  /// Steps of the whole training, warm-up included. A constant rate does not depend on them.
  public let totalSteps: Int

  public init(_ shape: Shape, warmupSteps: Int, totalSteps: Int) {
    precondition(warmupSteps >= 0 && totalSteps >= 0, "\(warmupSteps) of \(totalSteps) steps do not exist")
    self.shape = shape
    self.warmupSteps = warmupSteps
    self.totalSteps = totalSteps
  }

  /// The factor for step `step`, counted from 0: with a warm-up the first step has rate 0.
  public func factor(_ step: Int) -> Double {
    if step < warmupSteps { return Double(step) / Double(warmupSteps) }
    let decline = Double(max(1, totalSteps - warmupSteps))
    switch shape {
    case .constant: return 1
    case .linear: return max(0, Double(totalSteps - step) / decline)
    case .cosine: return max(0, 0.5 * (1 + cos(Double.pi * Double(step - warmupSteps) / decline)))
    }
  }
}
