import Foundation

/// How the learning rate goes over a run: up linearly for the warm-up's share of the steps, then as the case says.
public enum RateSchedule: String, Sendable, Codable, CaseIterable {
  case constant
  /// To 0 in a straight line.
  case linear
  /// To 0 by half a cosine.
  case cosine

  /// The rate of a step (from 0) as a share of the highest.
  func factor(step: Int, of total: Int, warmup: Double) -> Double {
    let warmupSteps = Int((warmup * Double(total)).rounded())
    if step < warmupSteps { return Double(step + 1) / Double(warmupSteps) }
    let progress = Double(step - warmupSteps) / Double(max(total - warmupSteps, 1))
    return switch self {
    case .constant: 1
    case .linear: 1 - progress
    case .cosine: (1 + cos(.pi * progress)) / 2
    }
  }
}
