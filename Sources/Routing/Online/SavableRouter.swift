import Storage

/// One reward model and what a router knows of its weights.
public struct RouterArm: Sendable, Equatable {
  public let name: String
  public internal(set) var posterior: LinearGaussianPosterior

  public init(name: String, posterior: LinearGaussianPosterior) {
    self.name = name
    self.posterior = posterior
  }
}

/// A router whose state is one posterior a reward model, a few settings and what else it keeps in mind: `RouterState` saves it, and it goes
/// on bit for bit as if nothing had happened.
public protocol SavableRouter: Router {
  associatedtype Configuration: Codable, Equatable, Sendable

  /// Names the kind of router in manifests.
  static var kind: String { get }

  var configuration: Configuration { get }
  /// The arms, in the order of their indices.
  var arms: [RouterArm] { get }
  /// d, the size of a context.
  var dimension: Int { get }

  /// What the router knows beside posteriors and configuration: tensors by name, saved with those of the posteriors, whose names begin with
  /// `arm.`.
  var memory: [String: Safetensors.Tensor] { get }

  /// The router that a saved one was. Nil for a configuration or a memory that cannot be, e.g. of a damaged file.
  ///
  /// - Precondition: there is an arm, names are unique, and all posteriors have one dimension.
  /// - Throws: `RoutingError.savedState`, `StorageError` for a memory that is not complete.
  init?(arms: [RouterArm], configuration: Configuration, memory: SavedTensors) throws

  /// sigma^2, the noise variance of the posteriors behind this configuration and memory.
  static func noiseVariance(_ configuration: Configuration, memory: SavedTensors) throws -> Double
}

/// A router that knows nothing beside its posteriors and its configuration.
public protocol PosteriorRouter: SavableRouter {
  /// The router that a saved one was. Nil for a configuration that cannot be, e.g. of a damaged file.
  ///
  /// - Precondition: there is an arm, names are unique, and all posteriors have one dimension.
  init?(arms: [RouterArm], configuration: Configuration)

  /// sigma^2, the noise variance of the posteriors behind this configuration.
  static func noiseVariance(_ configuration: Configuration) -> Double
}

extension PosteriorRouter {
  public var memory: [String: Safetensors.Tensor] { [:] }

  public init?(arms: [RouterArm], configuration: Configuration, memory: SavedTensors) {
    self.init(arms: arms, configuration: configuration)
  }

  public static func noiseVariance(_ configuration: Configuration, memory: SavedTensors) -> Double {
    noiseVariance(configuration)
  }
}

/// The kinds of routers that can be read.
let savableRouters: [any SavableRouter.Type] = [
  ThompsonSamplingRouter.self, LinUCBRouter.self, EpsilonGreedyRouter.self, EvidenceRouter.self,
]

/// - Precondition: the arms can make a router.
func checkArms(_ arms: [RouterArm]) {
  precondition(!arms.isEmpty, "a router without arms cannot choose")
  precondition(Set(arms.map(\.name)).count == arms.count, "two arms share a name")
  precondition(Set(arms.map(\.posterior.dimension)).count == 1, "the posteriors differ in dimension")
}
