import Foundation
import LinearAlgebra
import PreferenceData
import Randomness
import Routing

/// Reward models whose correctness depends on random features through hidden directions:
/// P(n is right on i) = 1 / (1 + exp(-bias_n - strength u_i . a_n)), u and a standard normal, |a| = 1.
struct PlantedWorld {
  let dataset: PreferenceDataset
  let features: Matrix<Float>
  /// The arm of highest probability, which no router can beat on average.
  let bestArms: [Int]

  /// - Parameter shuffled: gives each model's answers to other pairs, so that features say nothing.
  init(
    pairs: Int, arms: Int = 4, features count: Int = 16, strength: Double = 2, biases: [Double]? = nil,
    shuffled: Bool = false, seed: UInt64
  ) {
    var hidden = PhiloxGenerator(seed: 7, stream: "planted-directions")
    let directions = (0..<arms).map { _ in
      let values = hidden.normals(count)
      let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return values.map { $0 / norm }
    }
    let biases = biases ?? [Double](repeating: 0.3, count: arms)
    var generator = PhiloxGenerator(seed: seed, stream: "planted-pairs")
    var rows: [Float] = []
    var right = [[Bool]](repeating: [], count: arms)
    var bestArms: [Int] = []
    for _ in 0..<pairs {
      let u = generator.normals(count)
      rows += u.map(Float.init)
      let logits = directions.indices.map { biases[$0] + strength * dot(directions[$0], u) }
      for arm in 0..<arms { right[arm].append(generator.nextUniform() < 1 / (1 + exp(-logits[arm]))) }
      bestArms.append(logits.indices.max { logits[$0] < logits[$1] } ?? 0)
    }
    if shuffled {
      let order = generator.permutation(pairs)
      // One permutation for all models keeps how they go together.
      right = right.map { answers in order.map { answers[$0] } }
    }
    dataset = Self.dataset(right)
    features = Matrix(rows: pairs, columns: count, elements: rows)
    self.bestArms = bestArms
  }

  /// Pairs labelled A, on which model n scores 1 against 0 where `right[n][i]`, else 0 against 1.
  static func dataset(_ right: [[Bool]], label: ResponseSide? = .a) -> PreferenceDataset {
    PreferenceDataset(
      pairs: (0..<right[0].count).map {
        PreferencePair(
          id: "pair-\($0)", prompt: .text("prompt \($0)"), responseA: "a", responseB: "b", label: label)
      },
      rewardModels: right.indices.map { RewardModelDescription(name: "rm-\($0)") },
      scores: right.map { answers in answers.map { $0 ? ScorePair(a: 1, b: 0) : ScorePair(a: 0, b: 1) } })
  }

  func accuracy(_ arms: [Int], over pairs: Range<Int>? = nil) -> Double {
    let pairs = pairs ?? dataset.pairs.indices
    let correctness = dataset.correctness
    return Double(pairs.count { correctness.isRight(arm: arms[$0], pair: $0) }) / Double(pairs.count)
  }

  func accuracy(arm: Int, over pairs: Range<Int>? = nil) -> Double {
    accuracy([Int](repeating: arm, count: dataset.pairs.count), over: pairs)
  }
}
