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
