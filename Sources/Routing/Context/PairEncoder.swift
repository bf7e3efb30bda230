import Dialogues
import LinearAlgebra
import PreferenceData

/// Turns preference pairs into vectors, without knowing what is learnt on top of them.
///
/// A row does not depend on the order of the two responses, bit for bit: a router asks which model judges a pair well, not which
/// response is better.
public protocol PairEncoder: Sendable {
  /// Architecture, weights and settings in one word, as saved routers remember their encoder.
  var name: String { get }
  /// The length of a row.
  var dimension: Int { get }

  /// One row of Euclidean norm 1 for each pair, in their order: pairs.count x dimension.
  ///
  /// Asynchronous because models of one process take turns, and because an encoder may be a server.
  ///
  /// - Parameter onEvent: told how far long work is, and what it took.
  func encode(_ pairs: [PreferencePair], onEvent: (EncodingEvent) -> Void) async throws -> Matrix<Double>

  /// The rows on which a router's heads are trained, which need not have norm 1: pairs.count x dimension.
  func features(_ pairs: [PreferencePair], onEvent: (EncodingEvent) -> Void) async throws -> Matrix<Float>
}

extension PairEncoder {
  /// Gives the rows of `encode` in single precision.
  public func features(
    _ pairs: [PreferencePair], onEvent: (EncodingEvent) -> Void
  ) async throws -> Matrix<Float> {
    let rows = try await encode(pairs, onEvent: onEvent)
    return Matrix(rows: rows.rows, columns: rows.columns, elements: rows.elements.map { Float($0) })
  }
}

/// Knows nothing of a pair: rows of length 0, behind which a router has its intercept alone.
public struct EmptyPairEncoder: PairEncoder {
  public let name = "none"
  public let dimension = 0

  public init() {}

  public func encode(_ pairs: [PreferencePair], onEvent: (EncodingEvent) -> Void) -> Matrix<Double> {
    Matrix(rows: pairs.count, columns: 0)
  }
}
