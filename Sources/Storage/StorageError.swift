/// What can go wrong with files and their bytes. Lines, columns and items count from 1.
public enum StorageError: Error, Equatable, CustomStringConvertible {
  /// The operating system refused; `reason` is its own text.
  case system(action: String, path: String, reason: String)
  /// The target of a write exists and may not be replaced.
  case exists(path: String)
  /// The bytes are not JSON; `reason` is what the parser says of them.
  case invalidJSON(place: FilePlace, column: Int, field: String?, reason: String)
  case invalidUTF8(place: FilePlace)
  /// A blank line with more lines after it.
  case blankLine(place: FilePlace)
  case lineTooLong(place: FilePlace, limitBytes: Int)
  case missingField(place: FilePlace, field: String)
  case mistypedField(place: FilePlace, field: String, expected: String, found: String)
  /// A line or an item is not a JSON object.
  case notAnObject(place: FilePlace, found: String)
  /// The bytes are no gzip file, or cannot be unpacked; `reason` is what the reader, or zlib, says of them.
  case invalidGzip(file: String, reason: String)
  /// A file is there both plain and compressed.
  case ambiguousFile(path: String, other: String)
  /// The bytes are no safetensors file; `reason` is what the reader of its header says of them.
  case invalidSafetensors(name: String, reason: String)
  case missingTensor(name: String, tensor: String)
  case tensorType(expected: String, found: String)
  /// A tensor of a file that is there but cannot be read, or be written, as asked, for the `reason` that its reader or
  /// writer gives.
  case unusableTensor(file: String, tensor: String, reason: String)
  /// The files of a checkpoint are missing or contradict each other; `reason` says which.
  case invalidCheckpoint(path: String, reason: String)

  public var description: String {
    switch self {
    case .system(let action, let path, let reason):
      "cannot \(action) \(path): \(reason)"
    case .exists(let path):
      "\(path) exists already; choose another name, or replace it (on the command line: --replace)"
    case .invalidJSON(let place, let column, let field, let reason):
      "\(place), column \(column)\(field.map { ", field \"\($0)\"" } ?? ""): \(reason)"
    case .invalidUTF8(let place):
      "\(place): the bytes are not UTF-8; convert the file to UTF-8"
    case .blankLine(let place):
      "\(place): the line is blank but more lines follow; each line must hold one JSON object"
    case .lineTooLong(let place, let limitBytes):
      "\(place): the line is longer than \(limitBytes >> 20) MiB; shorten it or split the record"
    case .missingField(let place, let field):
      "\(place): field \"\(field)\" is missing; add it"
    case .mistypedField(let place, let field, let expected, let found):
      "\(place), field \"\(field)\": expected \(expected), found \(found)"
    case .notAnObject(let place, let found):
      "\(place): expected a JSON object {…}, found \(found)"
    case .invalidGzip(let file, let reason):
      "\(file) cannot be unpacked: \(reason)"
    case .ambiguousFile(let path, let other):
      "both \(path) and \(other) exist, and nothing says which is meant; remove one of them"
    case .invalidSafetensors(let name, let reason):
      "\(name) is not a valid safetensors file: \(reason)"
    case .missingTensor(let name, let tensor):
      "\(name) has no tensor \"\(tensor)\""
    case .tensorType(let expected, let found):
      "expected a tensor of \(expected), found one of \(found)"
    case .unusableTensor(let file, let tensor, let reason):
      "\(file), tensor \"\(tensor)\": \(reason)"
    case .invalidCheckpoint(let path, let reason):
      "\(path): \(reason)"
    }
  }
}

/// A place in a file for error texts: the file, then where it matters the line and the item of a list inside it.
public struct FilePlace: Hashable, Sendable, CustomStringConvertible {
  public let file: String
  public let line: Int?
  /// The path to an object inside a document, e.g. `reward_models[2]`, empty for the outermost.
  public let item: String

  public init(file: String, line: Int? = nil, item: String = "") {
    self.file = file
    self.line = line
    self.item = item
  }

  public var description: String {
    file + (line.map { " line \($0)" } ?? "") + (item.isEmpty ? "" : ", \(item)")
  }
}
