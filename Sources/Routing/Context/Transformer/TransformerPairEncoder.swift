import Foundation
import LinearAlgebra
import PreferenceData
import Transformers

/// Contexts from a transformer: the pair feature of the paper, scaled to norm 1.
///
///     u = [(h_1 + h_2)/2 ; |h_1 - h_2|],  context = u / |u|
///
/// where h_i is the pooled state of (prompt, response i). It does not depend on the order of the responses, bit for
/// bit. The trained head that the paper puts on u is a router's business, not the encoder's.
public struct TransformerPairEncoder: PairEncoder {
  public let encoder: DialogueEncoder

  public init(_ encoder: DialogueEncoder) { self.encoder = encoder }

  public var dimension: Int { 2 * encoder.size }

  public func encode(_ pairs: [PreferencePair]) throws -> Matrix<Double> {
    var cache = StateCache(encoder: encoder.fingerprint, size: encoder.size)
    return Self.contexts(try encoder.encode(Self.dialogues(pairs), cache: &cache).states)
  }

  /// Contexts from the states of `dialogues`: one row for each two of them.
  public static func contexts(_ states: Matrix<Float>) -> Matrix<Double> {
    var contexts = Matrix<Double>(rows: states.rows / 2, columns: 2 * states.columns)
    for i in 0..<contexts.rows {
      let u = features(states.row(2 * i), states.row(2 * i + 1)).map(Double.init)
      let norm = u.reduce(0) { $0 + $1 * $1 }.squareRoot()
      // States that cancel to nothing get the first unit vector, as texts without features do.
      for (j, value) in u.enumerated() { contexts[i, j] = norm > 0 ? value / norm : (j == 0 ? 1 : 0) }
    }
    return contexts
  }

  /// The dialogues of the pairs: of each pair first A's, then B's.
  public static func dialogues(_ pairs: [PreferencePair]) -> [Dialogue] {
    pairs.flatMap { pair in
      [pair.responseA, pair.responseB].map { Dialogue(prompt: pair.prompt, response: $0) }
    }
  }

  /// u of two pooled states.
  public static func features(_ first: ArraySlice<Float>, _ second: ArraySlice<Float>) -> [Float] {
    zip(first, second).map { ($0 + $1) / 2 } + zip(first, second).map { ($0 - $1).magnitude }
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
