/// A text as a model takes it.
public struct Encoding: Sendable, Hashable {
  /// The ids of the tokens, special tokens included.
  public var ids: [Int32]
  /// For each token, the text to which it belongs, as BERT wants it: 0 or 1.
  public var typeIDs: [Int32]
  /// Tokens of the text that truncation left out.
  public var truncatedCount: Int

  public init(ids: [Int32] = [], typeIDs: [Int32] = [], truncatedCount: Int = 0) {
    precondition(ids.count == typeIDs.count, "\(ids.count) ids and \(typeIDs.count) type ids")
    self.ids = ids
    self.typeIDs = typeIDs
    self.truncatedCount = truncatedCount
  }
}

/// How many tokens an encoding may have, special tokens included.
public enum Truncation: Sendable, Hashable {
  /// What the file's `truncation` says, which may be nothing.
  case asInFile
  case none
  /// At most so many tokens, the first ones of the text.
  case keepingFirst(Int)
  /// At most so many tokens, the last ones of the text.
  case keepingLast(Int)

  /// Reads the `truncation` of a file. Its `stride` is of no effect: what overflows is not kept.
  init(_ reader: ComponentReader?) throws(TokenizationError) {
    guard let reader else {
      self = .none
      return
    }
    let length = try reader.count("max_length")
    guard try reader.string("strategy") == "LongestFirst" else { throw reader.unsupported("strategy", "LongestFirst") }
    switch reader.optional("direction") {
    case nil, .string("Right"): self = .keepingFirst(length)
    case .string("Left"): self = .keepingLast(length)
    default: throw reader.unsupported("direction", "Left and Right")
    }
  }

  /// The number of tokens, nil without limit.
  var limit: Int? {
    switch self {
    case .asInFile, .none: nil
    case .keepingFirst(let count), .keepingLast(let count): count
    }
  }

  var keepsLast: Bool {
    if case .keepingLast = self { true } else { false }
  }
}

/// The ids of one text before special tokens are added.
struct TextIDs {
  /// The ids of one piece of the text: a word, or an added token.
  struct Piece {
    let count: Int
    let isAddedToken: Bool
  }

  var ids: [Int32] = []
  /// Kept where a pair of texts is to be truncated, else empty.
  var pieces: [Piece] = []
  var truncatedCount = 0

  /// Keeps `count` ids.
  mutating func truncate(to count: Int, keepingLast: Bool) {
    guard ids.count > count else { return }
    truncatedCount += ids.count - count
    if keepingLast { ids.removeFirst(ids.count - count) } else { ids.removeLast(ids.count - count) }
  }

  /// The number of ids that the package has when it begins to truncate: it stops encoding after the word that reaches the limit,
  /// but not after an added token.
  private func countAtStop(_ limit: Int, keepingLast: Bool) -> Int {
    var total = 0
    for piece in keepingLast ? pieces.reversed() : pieces {
      total += piece.count
      if !piece.isAddedToken, total >= limit { break }
    }
    return total
  }

  /// Truncates two texts to `limit` ids together, the longer one first. `fileLimit` is the limit before special tokens were taken
  /// off.
  static func truncate(_ first: inout TextIDs, _ second: inout TextIDs, to limit: Int, fileLimit: Int, keepingLast: Bool) {
    let counts = (
      first.countAtStop(fileLimit, keepingLast: keepingLast), second.countAtStop(fileLimit, keepingLast: keepingLast)
    )
    guard counts.0 + counts.1 > limit else { return }
    let isSwapped = counts.0 > counts.1
    var (shorter, longer) = isSwapped ? (counts.1, counts.0) : counts
    longer = shorter > limit ? shorter : max(shorter, limit - shorter)
    if shorter + longer > limit {
      shorter = limit / 2
      longer = shorter + limit % 2
    }
    first.truncate(to: isSwapped ? longer : shorter, keepingLast: keepingLast)
    second.truncate(to: isSwapped ? shorter : longer, keepingLast: keepingLast)
  }
}
