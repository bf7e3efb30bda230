import Dialogues
import Foundation
import LinearAlgebra
import PreferenceData

/// Contexts without weights: hashed n-grams of the prompt and of both responses. The default, and the baseline that an encoder
/// with weights must beat: it knows topic, language, format and length of the texts by their surface, and no meaning.
///
/// Each text is a sparse vector over its n-grams (`NGrams`: token 1-2-grams, character 3-5-grams within tokens, lowercased),
///
///     f[g] = (1 + log count of g) / norm,   |f| = 1, or 0 for a text without visible characters
///
/// and a pair is u = [f_prompt ; (f_1 + f_2)/2 ; |f_1 - f_2|], taken for each n-gram, before hashing: differences of hashed sums would
/// mix n-grams that share a coordinate. Each element of u is added, with a sign, to one of `dimension` coordinates, both
/// given by the element's hash, and the sum is scaled to norm 1. Signs make inner products of contexts unbiased estimates of those of
/// the u's, with a standard deviation about 1/sqrt(dimension).
///
/// The context does not depend on the order of the responses, bit for bit, nor on what else is encoded with it. A pair
/// without any visible character (or whose features cancel, in a handful of coordinates) gets the first unit vector.
///
/// A pair costs O(bytes) time and about 50 bytes a distinct n-gram while it is encoded.
///
/// Source: Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009 (signed hashing).
public struct HashedPairEncoder: PairEncoder, Hashable, Codable {
  public let dimension: Int

  /// Feature blocks of u, which hash the same n-gram apart.
  private static let prompt: UInt64 = 0x70
  private static let mean: UInt64 = 0x6d
  private static let difference: UInt64 = 0x64

  public init(dimension: Int = 256) {
    precondition(dimension > 0, "a context of \(dimension) coordinates")
    self.dimension = dimension
  }

  private static let namePrefix = "hashed-"

  public var name: String { Self.namePrefix + "\(dimension)" }

  /// The encoder of a name that `name` gave; nil for another one.
  public init?(name: String) {
    guard name.hasPrefix(Self.namePrefix), let size = Int(name.dropFirst(Self.namePrefix.count)), size > 0 else {
      return nil
    }
    self.init(dimension: size)
  }

  public func encode(_ pairs: [PreferencePair], onEvent: (EncodingEvent) -> Void) -> Matrix<Double> { encode(pairs) }

  /// One row of norm 1 for each pair: pairs.count x dimension.
  public func encode(_ pairs: [PreferencePair]) -> Matrix<Double> {
    Matrix(rows: pairs.count, columns: dimension, elements: pairs.flatMap(encode))
  }

  /// The context of one pair.
  public func encode(_ pair: PreferencePair) -> [Double] {
    // A fixed order of the responses makes every sum below run in one order.
    let isOrdered = !pair.responseB.utf8.lexicographicallyPrecedes(pair.responseA.utf8)
    var counts = NGramCounts()
    counts.count(pair.prompt.text, text: 0)
    counts.count(isOrdered ? pair.responseA : pair.responseB, text: 1)
    counts.count(isOrdered ? pair.responseB : pair.responseA, text: 2)

    var norms = SIMD4<Double>.zero
    for entry in counts.entries {
      let weights = Self.weights(entry.counts)
      norms += weights * weights
    }
    // A text without n-grams has weight 0 everywhere; any scale leaves it there.
    let scale = SIMD4<Double>.one / norms.squareRoot().replacing(with: 1, where: norms .== 0)

    var context = [Double](repeating: 0, count: dimension)
    for entry in counts.entries {
      let f = Self.weights(entry.counts) * scale
      add(f[0], of: entry.hash, block: Self.prompt, to: &context)
      add((f[1] + f[2]) / 2, of: entry.hash, block: Self.mean, to: &context)
      add((f[1] - f[2]).magnitude, of: entry.hash, block: Self.difference, to: &context)
    }
    return Self.normalized(context)
  }

  private func add(_ value: Double, of hash: UInt64, block: UInt64, to context: inout [Double]) {
    guard value != 0 else { return }
    let mixed = FeatureHash.mix(hash ^ block)
    let coordinate = Int(mixed.multipliedFullWidth(by: UInt64(dimension)).high)
    context[coordinate] += mixed & 1 == 0 ? value : -value
  }

  /// 1 + log count of each text, 0 for no occurrence.
  private static func weights(_ counts: SIMD4<UInt32>) -> SIMD4<Double> {
    var weights = SIMD4<Double>(counts)
    for text in 0..<3 where counts[text] > 1 { weights[text] = 1 + log(weights[text]) }
    return weights
  }

  private static func normalized(_ vector: [Double]) -> [Double] {
    let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
    if norm > 0 { return vector.map { $0 / norm } }
    var unit = vector
    unit[0] = 1
    return unit
  }
}
