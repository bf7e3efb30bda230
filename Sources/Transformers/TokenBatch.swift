/// Token sequences of any lengths side by side, without padding; a segment may continue another one, whose keys and
/// values it then shares.
public struct TokenBatch: Sendable, Equatable {
  public struct Segment: Sendable, Equatable {
    /// Its rows among the batch's tokens.
    public let rows: Range<Int>
    /// The segment that this one continues; a prefix continues none itself.
    public let prefix: Int?
    /// The position of its first token in the text: 0, or the prefix's length.
    public let firstPosition: Int

    /// Tokens of the text up to the segment's end.
    public var length: Int { firstPosition + rows.count }
  }

  public private(set) var tokens: [Int32] = []
  /// BERT's token types, one a token.
  public private(set) var typeIDs: [Int32] = []
  public private(set) var segments: [Segment] = []

  public init() {}

  /// Each sequence as a segment of its own.
  public init(_ sequences: [[Int32]]) {
    for sequence in sequences { append(sequence) }
  }

  /// Adds a segment and returns its index.
  ///
  /// - Precondition: it has at least one token, and `prefix` is a segment without a prefix.
  @discardableResult
  public mutating func append(_ tokens: [Int32], typeIDs: [Int32]? = nil, continuing prefix: Int? = nil) -> Int {
    precondition(!tokens.isEmpty, "a segment without tokens")
    precondition(prefix.map { segments[$0].prefix == nil } ?? true, "a prefix continues nothing itself")
    precondition(typeIDs == nil || typeIDs?.count == tokens.count, "one type a token")
    let start = self.tokens.count
    self.tokens += tokens
    self.typeIDs += typeIDs ?? [Int32](repeating: 0, count: tokens.count)
    segments.append(
      Segment(
        rows: start..<self.tokens.count, prefix: prefix, firstPosition: prefix.map { segments[$0].rows.count } ?? 0))
    return segments.count - 1
  }

  /// Adds texts that begin alike; what all of them share, up to but without the last token of the shortest, becomes
  /// their prefix.
  ///
  /// - Returns: the segment of each text's end.
  public mutating func append(sharingPrefixOf texts: [[Int32]]) -> [Int] {
    guard texts.count > 1, let first = texts.first else { return texts.map { append($0) } }
    var shared = texts.map(\.count).min().map { $0 - 1 } ?? 0
    for text in texts.dropFirst() {
      var common = 0
      while common < shared, text[common] == first[common] { common += 1 }
      shared = common
    }
    guard shared > 0 else { return texts.map { append($0) } }
    let prefix = append(Array(first[..<shared]))
    return texts.map { append(Array($0[shared...]), continuing: prefix) }
  }

  /// The batch's row of the last token of a segment.
  public func lastRow(of segment: Int) -> Int { segments[segment].rows.upperBound - 1 }

  /// The batch's row of a token of the text that a segment ends, which may lie in the prefix.
  public func row(of segment: Int, position: Int) -> Int {
    let own = segments[segment]
    precondition((0..<own.length).contains(position), "token \(position) of a text of \(own.length)")
    if let prefix = own.prefix, position < own.firstPosition { return segments[prefix].rows.lowerBound + position }
    return own.rows.lowerBound + position - own.firstPosition
  }

  /// The longest text, in tokens.
  public var longestLength: Int { segments.map(\.length).max() ?? 0 }
}
