import Foundation
import RouterKit

/// A batch that the encoder is timed with.
struct EncoderWork {
  let name: String
  let batch: TokenBatch
  /// The segments whose texts are pooled.
  let ends: [Int]

  /// Lengths of the ragged batch: 16 texts, 40 to 900 tokens, evenly spread and out of order.
  static let raggedLengths = (0..<16).map { 40 + 860 * (7 * $0 % 16) / 15 }

  static let allNames = ["1x256", "8x256", "8x1024", "ragged", "pairs"]

  /// - Parameter name: `BxL` (B texts of L tokens), `ragged`, or `pairs`: the responses of the published pipeline's
  ///   query, 6 of 256 tokens
  ///   to a prompt of 64, which all of its 15 pairs are made of.
  /// - Returns: nil for another name.
  init?(_ name: String, vocabulary: Int, sharesPrefix: Bool, seed: UInt64) {
    var generator = PhiloxGenerator(seed: seed, stream: "encoder-work")
    func text(_ length: Int) -> [Int32] { (0..<length).map { _ in Int32(generator.nextIndex(below: vocabulary)) } }
    self.name = name
    var batch = TokenBatch()
    switch name {
    case "ragged": ends = Self.raggedLengths.map { batch.append(text($0)) }
    case "pairs":
      let prompt = text(64)
      let responses = (0..<6).map { _ in prompt + text(256) }
      ends = sharesPrefix ? batch.append(sharingPrefixOf: responses) : responses.map { batch.append($0) }
    default:
      let sizes = name.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
      guard sizes.count == 2, sizes.allSatisfy({ $0 > 0 && $0 <= 1 << 20 }) else { return nil }
      ends = (0..<sizes[0]).map { _ in batch.append(text(sizes[1])) }
    }
    self.batch = batch
  }
}
