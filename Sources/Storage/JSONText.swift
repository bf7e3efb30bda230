import Foundation

/// Values as JSON: the one way in which manifests, summaries and events are written. Keys are sorted, so that equal values give
/// equal bytes, and slashes are not escaped.
public enum JSONText {
  /// How the names of properties become keys.
  public enum Keys: Sendable {
    case asDeclared
    /// `pairsReplayed` becomes `pairs_replayed`.
    case snakeCase
  }

  /// Indented, for files and terminals; without a line feed at the end.
  ///
  /// - Throws: `EncodingError`, e.g. for a number that is not finite.
  public static func document(_ value: some Encodable, keys: Keys = .asDeclared) throws -> Data {
    try encoder(keys, indented: true).encode(value)
  }

  /// The text on one line, for events; without a line feed at the end.
  ///
  /// - Throws: `EncodingError`, e.g. for a number that is not finite.
  public static func line(_ value: some Encodable, keys: Keys = .asDeclared) throws -> Data {
    try encoder(keys, indented: false).encode(value)
  }

  private static func encoder(_ keys: Keys, indented: Bool) -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if indented { encoder.outputFormatting.insert(.prettyPrinted) }
    if keys == .snakeCase { encoder.keyEncodingStrategy = .convertToSnakeCase }
    return encoder
  }
}
