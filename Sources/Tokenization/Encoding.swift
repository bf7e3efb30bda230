/// A text as a model takes it.
public struct Encoding: Sendable, Hashable {
  /// The ids of the tokens, special tokens included.
  public var ids: [Int32]
  /// The text to which each token belongs, as BERT wants it: 0 or 1.
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
  /// Keeps at most so many tokens, the first ones of the text.
  case keepingFirst(Int)
  /// Keeps at most so many tokens, the last ones of the text.
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
  var ids: [Int32] = []
  var truncatedCount = 0

  /// Keeps `count` ids.
  mutating func truncate(to count: Int, keepingLast: Bool) {
    guard ids.count > count else { return }
    truncatedCount += ids.count - count
    if keepingLast { ids.removeFirst(ids.count - count) } else { ids.removeLast(ids.count - count) }
  }

  /// Truncates two texts to `limit` ids together: the longer one first, then both alike.
  static func truncate(_ first: inout TextIDs, _ second: inout TextIDs, to limit: Int, keepingLast: Bool) {
    guard first.ids.count + second.ids.count > limit else { return }
    let isSwapped = first.ids.count > second.ids.count
    var shorter = min(first.ids.count, second.ids.count)
    var longer = shorter > limit ? shorter : max(shorter, limit - shorter)
    if shorter + longer > limit {
      shorter = limit / 2
      longer = shorter + limit % 2
    }
    first.truncate(to: isSwapped ? longer : shorter, keepingLast: keepingLast)
    second.truncate(to: isSwapped ? shorter : longer, keepingLast: keepingLast)
  }
}
