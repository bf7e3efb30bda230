import Dialogues
import Foundation
import LinearAlgebra
import PreferenceData

/// Pair features of a transformer, as the paper has them:
///
///     u = [(h_1 + h_2)/2 ; |h_1 - h_2|]
///
/// where h_i is the pooled state of (prompt, response i). `features` gives u, `encode` gives u / |u|. The trained head that the paper
/// puts on u belongs to a router, not to the encoder: see `ContextEncoder`.
public struct TransformerPairEncoder: PairEncoder {
  public let dialogues: CachedEncoder

  public init(_ dialogues: CachedEncoder) { self.dialogues = dialogues }

  public init(_ encoder: DialogueEncoder) { self.init(CachedEncoder(encoder)) }

  public var name: String { dialogues.encoder.name }
  public var dimension: Int { 2 * dialogues.encoder.size }

  public func encode(
    _ pairs: [PreferencePair], onEvent: (EncodingEvent) -> Void
  ) async throws -> Matrix<Double> {
    var contexts = Matrix<Double>(rows: pairs.count, columns: dimension)
    let features = try await features(pairs, onEvent: onEvent)
    for i in 0..<contexts.rows {
      let u = features.row(i).map(Double.init)
      let norm = u.reduce(0) { $0 + $1 * $1 }.squareRoot()
      // States that cancel to nothing get the first unit vector, as texts without features do.
      for (j, value) in u.enumerated() { contexts[i, j] = norm > 0 ? value / norm : (j == 0 ? 1 : 0) }
    }
    return contexts
  }

  public func features(
    _ pairs: [PreferencePair], onEvent: (EncodingEvent) -> Void
  ) async throws -> Matrix<Float> {
    PairFeatures.rows(try await dialogues.states(of: Dialogue.both(of: pairs), onEvent: onEvent))
  }
}

/// u of two pooled states, and its gradient.
public enum PairFeatures {
  /// u = [(h_1 + h_2)/2 ; |h_1 - h_2|]; it does not depend on the order of the states, bit for bit.
  public static func u(_ first: ArraySlice<Float>, _ second: ArraySlice<Float>) -> [Float] {
    zip(first, second).map { ($0 + $1) / 2 } + zip(first, second).map { ($0 - $1).magnitude }
  }

  /// One row of features for each two rows of states.
  public static func rows(_ states: Matrix<Float>) -> Matrix<Float> {
    let pairs = states.rows / 2
    return Matrix(
      rows: pairs, columns: 2 * states.columns,
      elements: (0..<pairs).flatMap { u(states.row(2 * $0), states.row(2 * $0 + 1)) })
  }

  /// The gradients by the two states from that by u: dh_1 = du_mean/2 + sign(h_1 - h_2) du_distance, dh_2 the same with a minus.
  /// Where two coordinates are equal the distance has no slope.
  public static func stateGradients(
    _ first: ArraySlice<Float>, _ second: ArraySlice<Float>, _ gradient: ArraySlice<Float>
  ) -> (first: [Float], second: [Float]) {
    precondition(
      first.count == second.count && gradient.count == 2 * first.count,
      "a gradient of \(gradient.count) by the features of states of \(first.count) and \(second.count)")
    let means = gradient.prefix(first.count).map { $0 / 2 }
    let distances = zip(zip(first, second), gradient.suffix(first.count)).map { states, slope in
      states.0 > states.1 ? slope : states.0 < states.1 ? -slope : 0
    }
    return (zip(means, distances).map(+), zip(means, distances).map(-))
  }
}
