/// What can go wrong with a tokenizer's files and with what is asked of it. Errors of reading and of JSON itself are
/// `StorageError`.
public enum TokenizationError: Error, Equatable, CustomStringConvertible {
  /// A component, setting or value that is valid in the format and not built here; `supported` says what is.
  case unsupported(file: String, path: String, found: String, supported: String)
  /// A key that must be there is not.
  case missing(file: String, path: String)
  case mistyped(file: String, path: String, expected: String, found: String)
  /// A value that contradicts the format or another value.
  case invalid(file: String, path: String, problem: String)
  /// An id without a token.
  case unknownID(id: Int, vocabularySize: Int)

  public var description: String {
    switch self {
    case .unsupported(let file, let path, let found, let supported):
      "\(file): \(path) \(found) is not supported; supported are \(supported)"
    case .missing(let file, let path):
      "\(file): \(path) is missing; is this a tokenizer.json of the tokenizers package?"
    case .mistyped(let file, let path, let expected, let found):
      "\(file): \(path): expected \(expected), found \(found)"
    case .invalid(let file, let path, let problem):
      "\(file): \(path): \(problem)"
    case .unknownID(let id, let vocabularySize):
      "id \(id) has no token; the vocabulary has \(vocabularySize) tokens. Do model and tokenizer belong together?"
    }
  }
}
