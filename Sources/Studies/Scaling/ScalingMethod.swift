import Alignment
import PreferenceData
import RewardModels
import Routing

/// A way to label a pair whose cost the scaling study compares: a name, the stream of its draws, and how it is made.
public struct ScalingMethod: Sendable {
  /// The row's name in tables and files.
  public let name: String
  /// Names the draws. Fixed for all time, whatever the method is called, so that seeds keep their results.
  let stream: String
  /// Whether its router looks at contexts, and learns from what its choices earn.
  public let needsEncoder: Bool
  /// Whether one reward model is all that it needs in memory.
  public let asksAlwaysTheSame: Bool
  /// The method of a replay whose accuracy stands for its.
  public let replayed: ReplayMethod
  let labeling: @Sendable (_ pool: Pool) throws -> Labeling

  /// What a method is made for.
  struct Pool {
    let names: [String]
    /// d, the size of a context.
    let dimension: Int
    /// The scores by which ensembles bring models to one scale.
    let calibration: [[ScorePair]]
  }

  init(
    _ name: String, stream: String, needsEncoder: Bool = false, asksAlwaysTheSame: Bool = false, replayed: ReplayMethod,
    labeling: @escaping @Sendable (Pool) throws -> Labeling
  ) {
    self.name = name
    self.stream = stream
    self.needsEncoder = needsEncoder
    self.asksAlwaysTheSame = asksAlwaysTheSame
    self.replayed = replayed
    self.labeling = labeling
  }
}

extension ScalingMethod: CaseIterable {
  /// The paper's router: encoder, Thompson sampling, one reward model, posterior update.
  public static let bayesian = ScalingMethod(
    "bayesian-router", stream: "scaling-bayesian-router", needsEncoder: true, replayed: .thompson
  ) { pool in
    let prior = GaussianPrior(dimension: pool.dimension, variance: ScalingStudy.priorVariance)
    return .routed(
      ThompsonSamplingRouter(
        armNames: pool.names, priors: pool.names.map { _ in prior },
        configuration: .init(noiseVariance: ScalingStudy.noiseVariance)))
  }

  /// LinUCB as in LASER: encoder, upper confidence bounds, one reward model, update.
  public static let linUCB = ScalingMethod(
    "linucb", stream: "scaling-linucb", needsEncoder: true, replayed: .linUCB
  ) { pool in
    .routed(LinUCBRouter(armNames: pool.names, dimension: pool.dimension))
  }

  /// All reward models, one vote each.
  public static let majority = ScalingMethod("majority", stream: "scaling-majority", replayed: .majority) { _ in
    .ensemble(MajorityVote())
  }

  /// All reward models, mean minus variance of standardised scores.
  public static let uncertainty = ScalingMethod("uncertainty", stream: "scaling-uncertainty", replayed: .uncertainty) {
    pool in
    .ensemble(UncertaintyWeightedEnsemble(try ScoreStandardization(calibration: pool.calibration)))
  }

  /// A uniformly random reward model; no encoder.
  public static let random = ScalingMethod("random", stream: "scaling-random", replayed: .random) { pool in
    .routed(UniformRouter(armCount: pool.names.count))
  }

  /// Always the same reward model; no encoder. Its accuracy is that of the best one in hindsight, which nobody knows beforehand.
  public static let single = ScalingMethod(
    "single", stream: "scaling-single", asksAlwaysTheSame: true, replayed: .bestSingle
  ) { pool in
    .routed(FixedRouter(arm: 0, armCount: pool.names.count))
  }

  public static let allCases = [bayesian, linUCB, majority, uncertainty, random, single]
}

/// Methods are told apart, and written, by their names.
extension ScalingMethod: Hashable, Codable {
  public static func == (left: ScalingMethod, right: ScalingMethod) -> Bool { left.name == right.name }
  public func hash(into hasher: inout Hasher) { hasher.combine(name) }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let name = try container.decode(String.self)
    guard let method = Self.allCases.first(where: { $0.name == name }) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "there is no method '\(name)'")
    }
    self = method
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(name)
  }
}
