import LinearAlgebra
import PreferenceData
import Routing

/// The encoder in front of an offline router's heads, whose weights stay as they are: pair features are computed once.
public enum FrozenEncoder: Sendable {
  /// Hashed n-grams.
  case hashed(HashedPairEncoder)
  /// A checkpoint, whose features are u = [(h_1 + h_2)/2 ; |h_1 - h_2|] as they come, not scaled.
  case checkpoint(CachedEncoding)

  /// As saved routers remember it.
  public var name: String {
    switch self {
    case .hashed(let encoder): "hashed-\(encoder.dimension)"
    case .checkpoint(let encoding): encoding.encoder.name
    }
  }

  /// The hashed encoder of a name that `name` gave; nil for another one.
  public init?(hashedName name: String) {
    guard name.hasPrefix("hashed-"), let size = Int(name.dropFirst("hashed-".count)), size > 0 else { return nil }
    self = .hashed(HashedPairEncoder(dimension: size))
  }

  /// One row a pair, and what encoding took where a checkpoint encoded.
  ///
  /// - Throws: what the encoder and its cache throw.
  public func features(_ pairs: [PreferencePair]) throws -> (features: Matrix<Float>, report: EncodingReport?) {
    switch self {
    case .hashed(let encoder):
      let contexts = encoder.encode(pairs)
      return (
        Matrix(rows: contexts.rows, columns: contexts.columns, elements: contexts.elements.map { Float($0) }), nil
      )
    case .checkpoint(let encoding):
      let (states, report) = try encoding.encode(TransformerPairEncoder.dialogues(pairs))
      let features = pairs.indices.flatMap {
        TransformerPairEncoder.features(states.row(2 * $0), states.row(2 * $0 + 1))
      }
      return (Matrix(rows: pairs.count, columns: 2 * states.columns, elements: features), report)
    }
  }
}
