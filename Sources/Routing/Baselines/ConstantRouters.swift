import LinearAlgebra
import Randomness

/// Always the same arm: one reward model, as RLHF is usually run.
public struct FixedRouter: Router, Equatable {
  public let armCount: Int
  public let arm: Int

  public init(arm: Int, armCount: Int) {
    precondition(arm >= 0 && arm < armCount, "arm \(arm) of \(armCount)")
    self.arm = arm
    self.armCount = armCount
  }

  public func select(contexts: Matrix<Double>, using generator: inout PhiloxGenerator) -> [Decision] {
    let scores = (0..<armCount).map { $0 == arm ? 1.0 : 0 }
    return [Decision](repeating: Decision(arm: arm, scores: scores), count: contexts.rows)
  }

  public func observe(_ observations: [Observation]) {}

  public func propensities(contexts: Matrix<Double>) -> Matrix<Double>? {
    Matrix(
      rows: contexts.rows, columns: armCount,
      elements: (0..<contexts.rows * armCount).map { $0 % armCount == arm ? 1 : 0 })
  }
}

/// A uniformly random arm for each pair.
public struct UniformRouter: Router, Equatable {
  public let armCount: Int

  public init(armCount: Int) {
    precondition(armCount > 0, "a router without arms cannot choose")
    self.armCount = armCount
  }

  public func select(contexts: Matrix<Double>, using generator: inout PhiloxGenerator) -> [Decision] {
    (0..<contexts.rows).map { _ in
      let scores = (0..<armCount).map { _ in generator.nextUniform() }
      return Decision(arm: highestIndex(scores, using: &generator), scores: scores)
    }
  }

  public func observe(_ observations: [Observation]) {}

  public func propensities(contexts: Matrix<Double>) -> Matrix<Double>? {
    Matrix(rows: contexts.rows, columns: armCount, repeating: 1 / Double(armCount))
  }
}
