import Storage

/// What can go wrong with a pool file and with the folder that scores are collected in. Lines count from 1.
public enum PoolError: Error, Equatable, CustomStringConvertible {
  /// The file is no YAML, or YAML that no pool file may be.
  case invalidYAML(place: FilePlace, YAMLProblem)
  case notAMapping(place: FilePlace, found: String)
  case missingKey(place: FilePlace, key: String)
  case unknownKey(place: FilePlace, key: String, known: [String])
  /// A key that only entries of other kinds have.
  case foreignKey(place: FilePlace, key: String, kind: String, owners: [String], known: [String])
  case mistyped(place: FilePlace, key: String, expected: String, found: String)
  case duplicateName(place: FilePlace, name: String, firstLine: Int?)
  /// The folder that a key names is missing, or lacks what it is to hold.
  case unusableFolder(place: FilePlace, key: String, path: String, FolderProblem)
  /// The key 'url' holds a user or password, which no text shows.
  case credentialsInURL(place: FilePlace)
  case unsetVariable(place: FilePlace, variable: String)
  /// An entry that is well written, but of which no model can be made; `cause` is the text of the error that making it threw.
  case unusableModel(place: FilePlace, cause: String)

  /// The folder holds the unfinished scores of other models or pairs.
  case otherRun(folder: String, CollectionDifference)
  /// The folder holds a dataset already, not the one that was asked for.
  case otherDataset(folder: String, CollectionDifference)
  /// The folder holds a dataset already, which cannot be read; `cause` is the text of the error that reading it threw.
  case unreadableDataset(folder: String, cause: String)
  /// The folder holds scores, but nothing that says of what.
  case unexplainedScores(folder: String, journal: String, manifest: String)
  case foreignFile(folder: String, name: String)
  case busy(folder: String)

  public var description: String {
    switch self {
    case .invalidYAML(let place, let problem):
      "\(place): the file is not valid YAML: \(problem)"
    case .notAMapping(let place, let found):
      "\(place): expected a mapping (key: value), found \(found)"
    case .missingKey(let place, let key):
      "\(place): the key '\(key)' is missing; add it"
    case .unknownKey(let place, let key, let known):
      "\(place): the key '\(key)' is unknown; known are \(known.joined(separator: ", "))"
    case .foreignKey(let place, let key, let kind, let owners, let known):
      "\(place): the key '\(key)' belongs to the kind \(owners.joined(separator: ", ")), not to \(kind), which has "
        + "\(known.joined(separator: ", ")); remove it or change the kind"
    case .mistyped(let place, let key, let expected, let found):
      "\(place), key '\(key)': expected \(expected), found \(found)"
    case .duplicateName(let place, let name, let firstLine):
      "\(place): the name '\(name)' was given before\(firstLine.map { ", in line \($0)" } ?? ""); names must be unique"
    case .unusableFolder(let place, let key, let path, let problem):
      "\(place), key '\(key)': \(path) \(problem)"
    case .unsetVariable(let place, let variable):
      "\(place), key 'token_env': the environment variable \(variable) is not set; export it, or remove "
        + "the key where the server asks for no token"
    case .credentialsInURL(let place):
      "\(place): the key 'url' holds a user or password; give the address without user and password, and a token by "
        + "token_env"
    case .unusableModel(let place, let cause):
      "\(place): \(cause)"
    case .otherRun(let folder, let difference):
      "\(folder) holds the unfinished scores of another run: \(difference); repeat that run, choose another folder, or "
        + "remove this one to start over"
    case .otherDataset(let folder, let difference):
      "\(folder) is a dataset folder already: \(difference); choose another folder or remove this one"
    case .unreadableDataset(let folder, let cause):
      "\(folder) is a dataset folder already: \(cause); choose another folder or remove this one"
    case .unexplainedScores(let folder, let journal, let manifest):
      "\(folder) holds a \(journal) without the \(manifest) that says what it belongs to; restore that, or "
        + "remove the journal"
    case .foreignFile(let folder, let name):
      "\(folder) holds other files, '\(name)' among them; choose a new folder"
    case .busy(let folder):
      "another run is writing to \(folder); wait for its end, or choose another folder"
    }
  }
}
