import Foundation
import Storage
import Yams

/// A YAML mapping together with its place in a file, so that each complaint about a key says where it stands.
struct YAMLRecord {
  private struct Member {
    let key: String
    let line: Int?
    let value: Node
  }

  let place: FilePlace
  private let members: [Member]

  /// The mapping that a whole file holds.
  init(contentsOf url: URL) throws {
    var bytes = try AtomicFile.read(url)[...]
    let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]
    if bytes.starts(with: byteOrderMark) { bytes = bytes.dropFirst(byteOrderMark.count) }
    let file = FilePlace(file: url.path)
    guard let text = String(bytes: bytes, encoding: .utf8) else {
      throw PoolError.invalidYAML(place: file, .notUTF8)
    }
    let node: Node?
    do {
      node = try Yams.compose(yaml: text)
    } catch let error as YamlError {
      throw PoolError(error, file: url.path)
    }
    guard let node else { throw PoolError.notAMapping(place: file, found: "nothing") }
    try self.init(node, at: file)
  }

  init(_ node: Node, at place: FilePlace) throws {
    guard case .mapping(let mapping) = node else {
      throw PoolError.notAMapping(place: place, found: node.summary)
    }
    self.place = place
    members = try mapping.map { key, value in
      guard let scalar = key.scalar else {
        throw PoolError.invalidYAML(place: place, .keyNotAWord(found: key.summary))
      }
      return Member(key: scalar.string, line: scalar.mark?.line, value: value)
    }
  }

  private init(_ members: [Member], at place: FilePlace) {
    self.members = members
    self.place = place
  }

  /// The same under another name in error texts.
  func renamed(_ item: String) -> YAMLRecord {
    YAMLRecord(members, at: FilePlace(file: place.file, line: place.line, item: item))
  }

  /// Where a key stands; nil if it is not there.
  func place(of key: String) -> FilePlace? {
    member(key).map { FilePlace(file: place.file, line: $0.line, item: place.item) }
  }

  func checkKeys(known: [String]) throws {
    for member in members where !known.contains(member.key) {
      throw PoolError.unknownKey(
        place: FilePlace(file: place.file, line: member.line, item: place.item), key: member.key, known: known)
    }
  }

  func text(_ key: String) throws -> String {
    guard case .scalar(let scalar) = try value(key), try value(key).tag == Tag(.str), !scalar.string.isEmpty else {
      throw mistyped(key, expected: "a text (quoted where YAML reads something else)")
    }
    return scalar.string
  }

  func optionalText(_ key: String) throws -> String? {
    try member(key).map { _ in try text(key) }
  }

  /// A text that is the raw value of a case.
  func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String) throws -> Choice {
    guard let choice = Choice(rawValue: try text(key)) else {
      throw mistyped(key, expected: "one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return choice
  }

  func optionalChoice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String) throws -> Choice? {
    try member(key).map { _ in try choice(key) }
  }

  /// A finite number that satisfies a condition, which `expected` puts into words.
  func optionalNumber(_ key: String, expected: String, where condition: (Double) -> Bool) throws -> Double? {
    try member(key).map { member in
      guard let text = member.value.plainText, let number = Double(text), number.isFinite, condition(number) else {
        throw mistyped(key, expected: expected)
      }
      return number
    }
  }

  /// A finite number above 0, if it is there.
  func positive(_ key: String) throws -> Double? {
    try optionalNumber(key, expected: "a finite number above 0") { $0 > 0 }
  }

  /// A whole number of at least `least`, if it is there.
  func count(_ key: String, atLeast least: Int = 1) throws -> Int? {
    try member(key).map { member in
      guard let number = member.value.plainText.flatMap({ Int($0) }), number >= least else {
        throw mistyped(key, expected: "a whole number of at least \(least)")
      }
      return number
    }
  }

  func list(_ key: String) throws -> [Node] {
    guard case .sequence(let sequence) = try value(key) else { throw mistyped(key, expected: "a list") }
    return Array(sequence)
  }

  func optionalRecord(_ key: String) throws -> YAMLRecord? {
    try member(key).map { member in
      try YAMLRecord(
        member.value, at: FilePlace(file: place.file, line: member.line, item: "\(place.item), \(key)"))
    }
  }

  /// The error that the key holds something else than expected.
  func mistyped(_ key: String, expected: String) -> PoolError {
    .mistyped(
      place: place(of: key) ?? place, key: key, expected: expected, found: member(key)?.value.summary ?? "nothing")
  }

  private func member(_ key: String) -> Member? { members.first { $0.key == key } }

  private func value(_ key: String) throws -> Node {
    guard let member = member(key) else { throw PoolError.missingKey(place: place, key: key) }
    return member.value
  }
}

extension Node {
  /// The text of a scalar without quotes, as numbers are written.
  fileprivate var plainText: String? {
    guard case .scalar(let scalar) = self, scalar.style == .plain else { return nil }
    return scalar.string
  }

  /// What an error text shows of a node.
  fileprivate var summary: String {
    switch self {
    case .mapping: "a mapping"
    case .sequence(let sequence): sequence.isEmpty ? "an empty list" : "a list of \(sequence.count)"
    case .alias: "an alias"
    case .scalar(let scalar):
      tag == Tag(.null)
        ? "nothing"
        : scalar.style == .plain && tag != Tag(.str)
          ? String(scalar.string.prefix(40)) : "the text \"\(scalar.string.prefix(40))\""
    }
  }
}

extension PoolError {
  /// What the YAML parser finds wrong, with its place.
  fileprivate init(_ error: YamlError, file: String) {
    let (line, problem): (Int?, YAMLProblem) =
      switch error {
      case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
        .composer(let context, let problem, let mark, _):
        (mark.line, .syntax(explanation: (context.map { $0.text + ": " } ?? "") + problem))
      case .duplicatedKeysInMapping(let duplicates, let context):
        (context.mark.line, .repeatedKeys(duplicates.sorted()))
      default: (nil, .syntax(explanation: error.description))
      }
    self = .invalidYAML(place: FilePlace(file: file, line: line), problem)
  }
}
