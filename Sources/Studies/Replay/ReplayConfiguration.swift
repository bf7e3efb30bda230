import Routing

/// What the chosen arm earns in a replay. Both are idealised: a training run sees a loss, not the truth.
public enum ReplayReward: Sendable, Equatable, Codable, CustomStringConvertible {
  /// 1 where the arm ranks the pair as the gold label does, else 0.
  case correctness
  /// The same, flipped with this probability; one flip a pair, arm and seed, the same for every method.
  case noisy(Double)

  public var flipProbability: Double {
    switch self {
    case .correctness: 0
    case .noisy(let probability): probability
    }
  }

  public var description: String {
    switch self {
    case .correctness: "correctness against the gold label (idealised)"
    case .noisy(let probability):
      "correctness against the gold label, flipped with probability \(probability) (idealised)"
    }
  }
}

/// How a replay streams its pairs and how its learning methods are set.
public struct ReplayConfiguration: Sendable, Equatable, Codable {
  /// Runs, each with its own order of pairs; seeds `firstSeed`, `firstSeed + 1`, ….
  public var seeds = 20
  public var firstSeed: UInt64 = 1
  public var reward: ReplayReward = .correctness
  public var normalizer: RewardNormalizer.Method = .none
  /// Pairs that are routed at once, before any of their rewards is known.
  public var batch = 1
  /// Pairs that pass between a decision and its reward.
  public var delay = 0
  public var router = ThompsonSamplingRouter.Configuration()
  /// sigma_w^2 of the coordinates of a context.
  public var priorVariance = 0.25
  /// The exploration rate of epsilon-greedy.
  public var epsilon = 0.1
  /// The width of LinUCB's bound in standard deviations.
  public var alpha = 1.0

  public init() {}

  /// - Throws: `StudyError.setting`, `StudyError.batchNormalizerOfOne`.
  public func validate() throws(StudyError) {
    func require(
      _ holds: Bool, _ name: String, _ expected: String, _ found: some CustomStringConvertible
    ) throws(StudyError) {
      if !holds { throw .setting(name: name, expected: expected, found: "\(found)") }
    }
    func isPositive(_ value: Double) -> Bool { value > 0 && value.isFinite }
    try require(seeds > 0, "seeds", "at least one run is needed", seeds)
    try require(batch > 0, "batch", "at least one pair a step", batch)
    try require(delay >= 0, "delay", "a reward comes 0 or more pairs after its decision", delay)
    let flips = reward.flipProbability
    try require((0...0.5).contains(flips), "reward", "a flip probability lies in 0 to 0.5", flips)
    try require(isPositive(priorVariance), "prior variance", "it is positive", priorVariance)
    try require(isPositive(router.noiseVariance), "noise variance", "it is positive", router.noiseVariance)
    try require((0...1).contains(epsilon), "epsilon", "a probability lies in 0 to 1", epsilon)
    try require(alpha >= 0 && alpha.isFinite, "alpha", "it is at least 0", alpha)
    try require(router.discount > 0 && router.discount <= 1, "discount", "it lies in (0, 1]", router.discount)
    guard normalizer != .batch || batch > 1 else { throw .batchNormalizerOfOne }
  }
}
