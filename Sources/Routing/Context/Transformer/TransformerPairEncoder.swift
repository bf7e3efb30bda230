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
}
