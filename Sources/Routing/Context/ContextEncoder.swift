import Dialogues
import LinearAlgebra
import PreferenceData

/// Makes a router's contexts: an encoder of pairs with what was fitted or trained on top of it.
///
///     context = head(encoder(pair))
///
/// The encoder is a program or a checkpoint; the head is what belongs to one router, and is saved with it.
public struct ContextEncoder: Sendable {
  /// What stands between an encoder and a router.
  public enum Head: Sendable, Equatable {
    /// The encoder's rows as they are, of norm 1.
    case none
    /// A projection, and an intercept.
    case transform(FittedContextTransform)
    /// The trained half of an offline router: h = normalise(LayerNorm(ReLU(W u + b))).
    case trained(OfflineRouter)
    /// An intercept and the pair's domain, behind `EmptyPairEncoder`.
    case domains(DomainContexts)
  }

  public let encoder: any PairEncoder
  public let head: Head

  /// - Throws: `RoutingError.contextSize` for a head that takes rows of another length.
  public init(_ encoder: any PairEncoder, head: Head = .none) throws(RoutingError) {
    let expected: Int
    switch head {
    case .none: expected = encoder.dimension
    case .transform(let transform): expected = transform.inputDimension
    case .trained(let router): expected = router.featureCount
    case .domains: expected = 0
    }
    guard expected == encoder.dimension else { throw .contextSize(found: encoder.dimension, expected: expected) }
    self.encoder = encoder
    self.head = head
  }

  /// Contexts of an intercept and the pair's domain, for which no text is read.
  public init(_ domains: DomainContexts) {
    encoder = EmptyPairEncoder()
    head = .domains(domains)
  }

  /// An encoder with a transform fitted to the rows of these pairs, and their contexts.
  ///
  /// - Throws: what the encoder throws; as `ContextTransform.fit`.
  public static func fitting(
    _ transform: ContextTransform, to pairs: [PreferencePair], encoder: any PairEncoder,
    onEvent: (EncodingEvent) -> Void = { _ in }
  ) async throws -> (encoder: ContextEncoder, contexts: Matrix<Double>) {
    let rows = try await encoder.encode(pairs, onEvent: onEvent)
    let fitted = try transform.fit(rows)
    return (try ContextEncoder(encoder, head: .transform(fitted)), try fitted.apply(rows))
  }

  /// Names encoder and trained weights: a router is worth nothing behind another one.
  public var name: String { head.name(behind: encoder.name) }

  /// d, the length of a context.
  public var dimension: Int {
    switch head {
    case .none: encoder.dimension
    case .transform(let transform): transform.outputDimension
    case .trained(let router): router.dimension
    case .domains(let domains): domains.dimension
    }
  }

  /// The transform between encoder and router; nil for a head of another kind.
  public var transform: FittedContextTransform? {
    if case .transform(let transform) = head { transform } else { nil }
  }

  /// The prior N(0, variance) of the weights of one arm, the intercept's scaled as the transform says.
  public func prior(variance: Double) -> GaussianPrior {
    transform?.prior(variance: variance) ?? GaussianPrior(dimension: dimension, variance: variance)
  }

  /// One context for each pair, in their order: pairs.count x dimension.
  ///
  /// - Throws: what the encoder throws; `RoutingError.notFinite`.
  public func encode(
    _ pairs: [PreferencePair], onEvent: (EncodingEvent) -> Void = { _ in }
  ) async throws -> Matrix<Double> {
    switch head {
    case .none: try await encoder.encode(pairs, onEvent: onEvent)
    case .transform(let transform): try transform.apply(try await encoder.encode(pairs, onEvent: onEvent))
    case .trained(let router): try router.contexts(try await encoder.features(pairs, onEvent: onEvent))
    case .domains(let domains): domains.contexts(pairs.map(\.domain))
    }
  }
}

extension ContextEncoder.Head {
  /// The name of the contexts that the head makes behind an encoder. A transform or a list of domains has no say: what learns
  /// behind it is saved with it.
  func name(behind encoder: String) -> String { encoder + suffix }

  /// The encoder in a name that `name` made.
  func encoderName(in name: String) -> String {
    name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : name
  }

  private var suffix: String {
    if case .trained(let router) = self { " behind router \(router.fingerprint)" } else { "" }
  }

  /// The domains that contexts tell apart; nil for contexts of another kind.
  var domains: [String]? {
    if case .domains(let contexts) = self { contexts.domains } else { nil }
  }

  var isTransform: Bool {
    if case .transform = self { true } else { false }
  }

  /// The length of the contexts that it gives; nil where that is the encoder's own.
  var outputDimension: Int? {
    switch self {
    case .none: nil
    case .transform(let transform): transform.outputDimension
    case .trained(let router): router.dimension
    case .domains(let domains): domains.dimension
    }
  }
}
