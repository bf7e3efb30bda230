/// Why a file is no YAML, or YAML that no pool file may be.
public enum YAMLProblem: Sendable, Equatable, CustomStringConvertible {
  /// The bytes are not UTF-8.
  case notUTF8
  /// A key is a list or a mapping, as `found` says.
  case keyNotAWord(found: String)
  /// Keys that one mapping has more than once.
  case repeatedKeys([String])
  /// The YAML parser cannot read the text; `explanation` is the parser's own text.
  case syntax(explanation: String)

  public var description: String {
    switch self {
    case .notUTF8: "the bytes are not UTF-8; convert the file to UTF-8"
    case .keyNotAWord(let found): "a key is \(found); keys are words"
    case .repeatedKeys(let keys): "a key is given twice: \(keys.joined(separator: ", "))"
    case .syntax(let explanation): explanation
    }
  }
}

/// Why the folder that a key names cannot be used.
public enum FolderProblem: Sendable, Equatable, CustomStringConvertible {
  /// What a folder is to hold.
  public enum Content: Sendable, Equatable {
    case checkpoint
    case dataset
    case chatTemplate
  }

  /// There is no such folder.
  case missing
  /// The folder does not hold the content, since none of the files is there.
  case lacks(Content, anyOf: [String])

  /// What is wrong with the folder, to be read after its path.
  public var description: String {
    switch self {
    case .missing:
      "does not exist; relative paths start at the pool file's folder"
    case .lacks(let content, let files):
      "\(content.absence) \(files.joined(separator: " or ")); give the folder that has it"
    }
  }
}

extension FolderProblem.Content {
  fileprivate var absence: String {
    switch self {
    case .checkpoint: "is no checkpoint: it has no"
    case .dataset: "is no dataset folder: it has no"
    case .chatTemplate: "has no chat template:"
    }
  }
}
