import Alignment
import PreferenceData
import RewardModels
import Routing

/// A way to label pairs that a replay compares: a name, the stream of its draws, and how it is made.
public struct ReplayMethod: Sendable {
  /// What a method needs beside pairs and contexts.
  public struct Needs: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// Prior means from offline data, or a saved router.
    public static let priorMeans = Needs(rawValue: 1)
    /// Whole posteriors from offline data.
    public static let posteriors = Needs(rawValue: 2)
    /// The price of a call to each reward model.
    public static let prices = Needs(rawValue: 4)
  }

  /// How a method works.
  enum Work: Sendable {
    /// Labels each pair by what is known before the replay begins.
    case fixed(@Sendable (ReplayStudy) throws -> (Int) -> LabelSource)
    /// Takes a uniformly random arm for each pair; reported in expectation.
    case expectedRandom
    /// Chooses one pair at a time and learns from what its choices earn.
    case learning(@Sendable (ReplayStudy) throws -> any Router)
  }

  /// How a method is drawn beside others.
  enum Role: Sendable, Equatable {
    /// One reward model for all pairs.
    case single(arm: Int)
    /// A line to compare with in every plot.
    case reference
    /// A point of the frontier of accuracy and cost.
    case weightedCost, budgetedCost
    case plain
  }

  /// The row's name in tables and files.
  public let name: String
  /// Names the draws of a learning method; empty for one that draws nothing. Fixed for all time, whatever the method is called, so that
  /// seeds keep their results.
  public let stream: String
  public let needs: Needs
  /// Whether the router that it ends with is worth saving for a later replay's prior.
  public let keepsRouter: Bool
  let role: Role
  let work: Work

  init(
    _ name: String, stream: String = "", needs: Needs = [], keepsRouter: Bool = false, role: Role = .plain, work: Work
  ) {
    self.name = name
    self.stream = stream
    self.needs = needs
    self.keepsRouter = keepsRouter
    self.role = role
    self.work = work
  }

  /// Whether it asks one reward model for all pairs.
  var isSingle: Bool {
    if case .single = role { true } else { false }
  }

  /// Whether it chooses arms one pair at a time and learns from what they earn.
  public var learns: Bool {
    if case .learning = work { true } else { false }
  }
}

// MARK: The methods

extension ReplayMethod {
  /// One reward model for all pairs.
  public static func single(_ arm: Int, of models: [RewardModelDescription]) -> ReplayMethod {
    ReplayMethod(models[arm].name, role: .single(arm: arm), work: .fixed { _ in { _ in .arm(arm) } })
  }

  /// A uniformly random reward model, in expectation.
  public static let random = ReplayMethod("random", role: .reference, work: .expectedRandom)

  /// All reward models, one vote each.
  public static let majority = ReplayMethod(
    "majority", role: .reference, work: .fixed { _ in { _ in .ensemble(MajorityVote()) } })

  /// All reward models, the mean of standardised scores.
  public static let mean = ReplayMethod(
    "mean",
    work: .fixed { study in
      let mean = StandardizedMean(try ScoreStandardization(calibration: study.dataset.scores))
      return { _ in .ensemble(mean) }
    })

  /// All reward models, mean minus variance of standardised scores.
  public static let uncertainty = ReplayMethod(
    "uncertainty",
    work: .fixed { study in
      let ensemble = UncertaintyWeightedEnsemble(try ScoreStandardization(calibration: study.dataset.scores))
      return { _ in .ensemble(ensemble) }
    })

  public static let linUCB = ReplayMethod(
    "linucb", stream: "linucb",
    work: .learning { study in
      LinUCBRouter(
        armNames: study.armNames, dimension: study.priors[0].dimension, alpha: study.configuration.alpha)
    })

  public static let epsilonGreedy = ReplayMethod(
    "epsilon-greedy", stream: "epsilon-greedy",
    work: .learning { study in
      EpsilonGreedyRouter(
        armNames: study.armNames, priors: study.priors, noiseVariance: study.configuration.router.noiseVariance,
        epsilon: study.configuration.epsilon)
    })

  /// The paper's router with prior mean 0.
  public static let thompson = ReplayMethod(
    "thompson", stream: "thompson", keepsRouter: true, work: .learning { $0.thompson(from: $0.priors) })

  /// The paper's router with prior means from offline data.
  public static let thompsonPrior = ReplayMethod(
    "thompson-prior", stream: "thompson-prior", needs: .priorMeans, keepsRouter: true,
    work: .learning { $0.thompson(from: try $0.requiredOfflinePriors("thompson-prior")) })

  /// The paper's router started from whole offline posteriors, mean and covariance, with variances by the evidence.
  public static let thompsonEvidence = ReplayMethod(
    "thompson-evidence", stream: "thompson-laplace", needs: [.priorMeans, .posteriors], keepsRouter: true,
    work: .learning { study in
      guard let posteriors = study.offlinePosteriors else { throw StudyError.missingPrior(method: "thompson-evidence") }
      return ThompsonSamplingRouter(
        armNames: study.armNames, posteriors: posteriors, configuration: study.configuration.router)
    })

  /// The offline prior alone: the arm of the highest prior mean, never updated.
  public static let offlineOnly = ReplayMethod(
    "offline-only", needs: .priorMeans,
    work: .fixed { study in
      let choices = try study.offlineChoices()
      return { .arm(choices[$0]) }
    })

  /// The paper's router with prior mean 0, its choice weighed against the price of a call. It takes the draws of the plain one, so that
  /// what differs is what cost changed.
  public static func costAware(_ policy: CostPolicy) -> ReplayMethod {
    let (name, role): (String, Role) =
      switch policy {
      case .fixed(let kappa): ("thompson kappa \(kappa)", .weightedCost)
      case .budget(let price, _): ("thompson budget \(price)", .budgetedCost)
      }
    return ReplayMethod(
      name, stream: "thompson", needs: .prices, role: role,
      work: .learning { study in
        guard let prices = study.prices else { throw StudyError.missingPrices }
        return try CostAwareRouter(study.thompson(from: study.priors), prices: prices, policy: policy)
      })
  }

  /// The reward model that is best over all pairs, known in hindsight.
  public static let bestSingle = ReplayMethod(
    "best single (hindsight)",
    work: .fixed { study in
      let best = study.correctness.bestArm
      return { _ in .arm(best) }
    })

  /// The reward model that is best on each domain, known in hindsight.
  public static let domainBest = ReplayMethod(
    "domain-best (hindsight)", role: .reference,
    work: .fixed { study in
      let best = study.correctness.bestArms(byDomainOf: study.dataset)
      return { .arm(best[study.dataset.domain(pair: $0)] ?? 0) }
    })

  /// A reward model that is right, where there is one.
  public static let oracle = ReplayMethod(
    "oracle (hindsight)",
    work: .fixed { study in { .arm(study.correctness.oracleArm(pair: $0)) } })
}

// MARK: By name

extension ReplayMethod {
  /// The methods as settings name them, in the order of a table; `single` stands for every reward model of the pool. Cost-aware ones are
  /// made by their settings, and the best single model has its own row already.
  private static let named: [(name: String, methods: @Sendable ([RewardModelDescription]) -> [ReplayMethod])] = [
    ("single", { models in models.indices.map { .single($0, of: models) } }), ("random", { _ in [.random] }),
    ("majority", { _ in [.majority] }), ("mean", { _ in [.mean] }), ("uncertainty", { _ in [.uncertainty] }),
    ("linucb", { _ in [.linUCB] }), ("epsilon-greedy", { _ in [.epsilonGreedy] }), ("thompson", { _ in [.thompson] }),
    ("thompson-prior", { _ in [.thompsonPrior] }), ("thompson-evidence", { _ in [.thompsonEvidence] }),
    ("offline-only", { _ in [.offlineOnly] }), ("domain-best", { _ in [.domainBest] }), ("oracle", { _ in [.oracle] }),
  ]

  /// Older names that still work.
  private static let aliases = ["thompson-laplace": "thompson-evidence"]

  public static var names: [String] { named.map(\.name) }

  /// The methods behind a name for a pool of these reward models; nil for an unknown name.
  public static func named(_ name: String, rewardModels: [RewardModelDescription]) -> [ReplayMethod]? {
    named.first { $0.name == aliases[name] ?? name }?.methods(rewardModels)
  }

  /// What the methods behind a name need; nil for an unknown name.
  public static func needs(of name: String) -> Needs? {
    named(name, rewardModels: [RewardModelDescription(name: "any")])?.reduce(into: Needs()) { $0.formUnion($1.needs) }
  }

  /// All methods that can be made from what is at hand.
  public static func all(of models: [RewardModelDescription], having available: Needs = []) -> [ReplayMethod] {
    named.flatMap { $0.methods(models) }.filter { $0.needs.isSubset(of: available) }
  }
}
