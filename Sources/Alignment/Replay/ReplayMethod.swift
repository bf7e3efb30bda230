import PreferenceData
import Routing

/// A way to label pairs that a replay compares.
public enum ReplayMethod: Sendable, Hashable {
  /// One reward model for all pairs.
  case single(Int)
  /// A uniformly random reward model, in expectation.
  case random
  /// All reward models, one vote each.
  case majority
  /// All reward models, mean of standardised scores.
  case mean
  /// All reward models, mean minus variance of standardised scores.
  case uncertainty
  case linUCB
  case epsilonGreedy
  /// The paper's router with prior mean 0.
  case thompson
  /// The paper's router with prior means from offline data.
  case thompsonPrior
  /// The paper's router started from whole offline posteriors, mean and covariance, with evidence-maximised variances.
  case thompsonLaplace
  /// The offline prior alone: the arm of the highest prior mean, never updated.
  case offlineOnly
  /// The paper's router with prior mean 0, its choice weighed against the price of a call.
  case costAware(CostPolicy)
  /// The reward model that is best over all pairs, known in hindsight.
  case bestSingle
  /// The reward model that is best on each domain, known in hindsight.
  case domainBest
  /// A reward model that is right, where there is one.
  case oracle

  /// How the command line says it; `single` stands for every reward model of the pool. The cost-aware ones are made by their
  /// settings, and the best single model has its own row already.
  public static let names = [
    "single", "random", "majority", "mean", "uncertainty", "linucb", "epsilon-greedy", "thompson", "thompson-prior",
    "thompson-laplace", "offline-only", "domain-best", "oracle",
  ]

  /// The methods behind a command-line name; nil for an unknown one.
  public static func named(_ name: String, armCount: Int) -> [ReplayMethod]? {
    switch name {
    case "single": (0..<armCount).map { .single($0) }
    case "random": [.random]
    case "majority": [.majority]
    case "mean": [.mean]
    case "uncertainty": [.uncertainty]
    case "linucb": [.linUCB]
    case "epsilon-greedy": [.epsilonGreedy]
    case "thompson": [.thompson]
    case "thompson-prior": [.thompsonPrior]
    case "thompson-laplace": [.thompsonLaplace]
    case "offline-only": [.offlineOnly]
    case "domain-best": [.domainBest]
    case "oracle": [.oracle]
    default: nil
    }
  }

  /// The row's name in tables and files.
  public func title(rewardModels: [RewardModelDescription]) -> String {
    switch self {
    case .single(let arm): rewardModels[arm].name
    case .random: "random"
    case .majority: "majority"
    case .mean: "mean"
    case .uncertainty: "uncertainty"
    case .linUCB: "linucb"
    case .epsilonGreedy: "epsilon-greedy"
    case .thompson: "thompson"
    case .thompsonPrior: "thompson-prior"
    case .thompsonLaplace: "thompson-laplace"
    case .offlineOnly: "offline-only"
    case .costAware(.fixed(let kappa)): "thompson kappa \(kappa)"
    case .costAware(.budget(let price, _)): "thompson budget \(price)"
    case .bestSingle: "best single (hindsight)"
    case .domainBest: "domain-best (hindsight)"
    case .oracle: "oracle (hindsight)"
    }
  }

  /// Names the draws of a learning method. Cost-aware Thompson sampling takes those of the plain one, so that what differs is
  /// what cost changed.
  var stream: String {
    if case .costAware = self { return Self.thompson.stream }
    return title(rewardModels: [])
  }

  /// Whether it chooses arms one pair at a time and learns from what they earn.
  public var learns: Bool {
    switch self {
    case .linUCB, .epsilonGreedy, .thompson, .thompsonPrior, .thompsonLaplace, .costAware: true
    default: false
    }
  }

  /// Whether it takes prior means from offline data.
  public var needsPrior: Bool { self == .thompsonPrior || self == .offlineOnly || self == .thompsonLaplace }

  /// Whether it uses the gold labels of the very pairs that it is judged on.
  public var isHindsight: Bool {
    self == .bestSingle || self == .domainBest || self == .oracle
  }
}
