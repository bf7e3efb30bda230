/// Why a server's answer holds no score for each text.
///
/// `found` shows what the server sent: no more than its beginning, on one line and without the token.
public enum ServerAnswerProblem: Hashable, Sendable, CustomStringConvertible {
  /// A part of the answer, as a dialect has it.
  public enum Part: Hashable, Sendable, CustomStringConvertible {
    /// A list of one class, which stands for one text.
    case oneClass
    /// The list that error texts call `name`.
    case list(name: String)
    /// An object with a key.
    case object(key: String)
    /// A finite number.
    case score

    public var description: String {
      switch self {
      case .oneClass: "one class for each text"
      case .list(let name): "\(name) to be a list"
      case .object(let key): "an object with \"\(key)\""
      case .score: "one finite score a text"
      }
    }
  }

  /// The answer is longer than what is read.
  case tooLarge(limitBytes: Int)
  /// The answer is not JSON; `explanation` is the JSON reader's own text.
  case notJSON(explanation: String)
  /// A part of the answer is something else than the dialect has there.
  case mistyped(expected: Part, found: String)
  /// The list that error texts call `list` has more or fewer items than there are texts.
  case scoreCount(list: String, found: Int, texts: Int)
  /// An index names no text of the call, or a text that has its score already.
  case index(found: String, texts: Int)

  /// The same with the texts that the server may have written changed by `quote`.
  func quoting(_ quote: (String) -> String) -> ServerAnswerProblem {
    switch self {
    case .tooLarge, .scoreCount: self
    case .notJSON(let explanation): .notJSON(explanation: quote(explanation))
    case .mistyped(let expected, let found): .mistyped(expected: expected, found: quote(found))
    case .index(let found, let texts): .index(found: quote(found), texts: texts)
    }
  }

  public var description: String {
    switch self {
    case .tooLarge(let limitBytes): "it is larger than \(limitBytes >> 20) MiB"
    case .notJSON(let explanation): explanation
    case .mistyped(let expected, let found): "expected \(expected), found \(found)"
    case .scoreCount(let list, let found, let texts): "\(list) holds \(found) scores for \(texts) texts"
    case .index(let found, let texts): "\"index\" must name each of \(texts) texts once, found \(found)"
    }
  }
}
