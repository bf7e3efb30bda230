import LinearAlgebra
import Storage

/// What is saved of an evidence router beside its posteriors: sufficient statistics, level, noise, scales and a warm start's priors. The
/// next evidence step follows from the number of observations, which is saved with the posteriors.
extension EvidenceRouter {
  public var memory: [String: Safetensors.Tensor] {
    let square = [dimension, dimension]
    var tensors: [String: Safetensors.Tensor] = [
      "intercept_variance": .init([scales.intercept]), "weight_variance": .init([scales.weights]),
      "noise_variance": .init([noiseVariance]), "reward_level": .init([rewardLevel]),
    ]
    for (arm, moments) in moments.enumerated() {
      tensors["moments.\(arm).gram"] = .init(moments.gram.elements, shape: square)
      tensors["moments.\(arm).reward_moment"] = .init(moments.rewardMoment)
      tensors["moments.\(arm).context_sum"] = .init(moments.contextSum)
      tensors["moments.\(arm).reward_sum"] = .init([moments.rewardSum])
      tensors["moments.\(arm).square_sum"] = .init([moments.squareSum])
    }
    for (arm, prior) in (warmPriors ?? []).enumerated() {
      tensors["warm.\(arm).mean"] = .init(prior.mean)
      tensors["warm.\(arm).precision"] = .init(prior.precision.elements, shape: square)
    }
    return tensors
  }

  public init?(arms: [RouterArm], configuration: Configuration, memory: SavedTensors) throws {
    let dimension = arms[0].posterior.dimension
    func square(_ name: String, of saved: SavedTensors) throws -> Matrix<Double> {
      Matrix(rows: dimension, columns: dimension, elements: try saved.values(name, [dimension, dimension]))
    }
    let scales = PriorScales(
      intercept: try memory.value("intercept_variance"), weights: try memory.value("weight_variance"))
    guard configuration.isValid(dimension: dimension), scales.isValid else { return nil }
    let moments = try arms.enumerated().map { index, arm in
      let saved = memory.under("moments.\(index).")
      return RewardMoments(
        count: arm.posterior.observationCount, gram: try square("gram", of: saved),
        rewardMoment: try saved.values("reward_moment", [dimension]),
        contextSum: try saved.values("context_sum", [dimension]), rewardSum: try saved.value("reward_sum"),
        squareSum: try saved.value("square_sum"))
    }
    let warmPriors: [CorrelatedGaussianPrior]? =
      try memory.contains("warm.0.mean")
      ? arms.indices.map { arm in
        let saved = memory.under("warm.\(arm).")
        return try CorrelatedGaussianPrior(
          mean: saved.values("mean", [dimension]), precision: square("precision", of: saved))
      } : nil
    self.init(
      arms: arms, configuration: configuration, scales: scales, rewardLevel: try memory.value("reward_level"),
      moments: moments, warmPriors: warmPriors)
  }

  public static func noiseVariance(_ configuration: Configuration, memory: SavedTensors) throws -> Double {
    try memory.value("noise_variance")
  }
}
