/// The texts of one forward pass, those that begin alike sharing their beginning.
public struct TextBatch: Sendable {
  public private(set) var tokens = TokenBatch()
  /// Which texts these are, and the segment that ends each.
  public private(set) var texts: [Int] = []
  public private(set) var ends: [Int] = []
  /// Tokens of the texts, shared beginnings counted for each.
  public private(set) var textTokens = 0

  /// Batches of whole groups, cut when they reach `limit` tokens; a larger group is cut, and each of its parts computes
  /// the shared beginning anew. A single text may be longer.
  ///
  /// - Parameters:
  ///   - groups: of texts that are likely to begin alike; in this order they are packed.
  ///   - texts: the tokens of each.
  public static func batches(
    of groups: [[Int]], texts: [[Int32]], model: TransformerModel, limit: Int
  ) -> [TextBatch] {
    var batches: [TextBatch] = []
    var batch = TextBatch()
    for part in groups.flatMap({ parts(of: $0, texts, limit: limit) }) {
      let size = part.reduce(0) { $0 + texts[$1].count }
      if !batch.texts.isEmpty, batch.tokens.tokens.count + size > limit {
        batches.append(batch)
        batch = TextBatch()
      }
      batch.append(part, part.map { texts[$0] }, size: size, model)
    }
    return batch.texts.isEmpty ? batches : batches + [batch]
  }

  private mutating func append(_ part: [Int], _ own: [[Int32]], size: Int, _ model: TransformerModel) {
    let longest = own.map(\.count).max() ?? 0
    ends += model.canSharePrefix(length: longest) ? tokens.append(sharingPrefixOf: own) : own.map { tokens.append($0) }
    texts += part
    textTokens += size
  }

  private static func parts(of group: [Int], _ texts: [[Int32]], limit: Int) -> [[Int]] {
    var parts: [[Int]] = []
    var size = 0
    for text in group {
      if parts.isEmpty || size + texts[text].count > limit {
        parts.append([])
        size = 0
      }
      parts[parts.count - 1].append(text)
      size += texts[text].count
    }
    return parts
  }
}
