/// The `decoder` of a `tokenizer.json`: makes text of tokens. Each step takes the list of tokens that the last one left.
enum TokenDecoder: Sendable {
  case byteLevel
  case wordPiece(prefix: [UInt8], cleansUp: Bool)
  case metaspace(Metaspace)
  case replace(SplitPattern, with: [UInt8])
  case byteFallback
  case fuse
  case strip(UInt32, start: Int, stop: Int)
  indirect case sequence([TokenDecoder])

  static let supported = "ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip and WordPiece"

  init(_ reader: ComponentReader) throws(TokenizationError) {
    switch try reader.string("type") {
    case "ByteLevel": self = .byteLevel
    case "WordPiece":
      self = .wordPiece(prefix: Array(try reader.string("prefix").utf8), cleansUp: try reader.boolean("cleanup"))
    case "Metaspace": self = .metaspace(try Metaspace(reader))
    case "Replace":
      self = .replace(try SplitPattern(reader), with: Array(try reader.string("content").utf8))
    case "ByteFallback": self = .byteFallback
    case "Fuse": self = .fuse
    case "Strip":
      self = .strip(
        try reader.scalar("content").value, start: try reader.count("start"), stop: try reader.count("stop"))
    case "Sequence":
      var steps: [TokenDecoder] = []
      for child in try reader.children("decoders") { steps.append(try TokenDecoder(child)) }
      self = .sequence(steps)
    default: throw reader.unsupported("type", Self.supported)
    }
  }

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    switch self {
    case .byteLevel:
      var bytes: [UInt8] = []
      for token in tokens where !ByteAlphabet.appendBytes(of: token[...], to: &bytes) { bytes += token }
      return [UTF8Scalars.repaired(bytes)]
    case .wordPiece(let prefix, let cleansUp):
      return tokens.enumerated().map { position, token in
        var text = token
        if position > 0 {
          text = token.starts(with: prefix) ? Array(token.dropFirst(prefix.count)) : [0x20] + token
        }
        return cleansUp ? Self.cleanedUp(text) : text
      }
    case .metaspace(let metaspace):
      return tokens.enumerated().map { position, token in
        let space: [UInt8] = position == 0 && metaspace.scheme != .never ? [] : [0x20]
        return Self.replacing(.literal(metaspace.replacement), in: token, with: space)
      }
    case .replace(let pattern, let content): return tokens.map { Self.replacing(pattern, in: $0, with: content) }
    case .byteFallback: return Self.withBytes(tokens)
    case .fuse: return [Array(tokens.joined())]
    case .strip(let scalar, let start, let stop): return tokens.map { Self.stripped($0, of: scalar, start, stop) }
    case .sequence(let steps): return steps.reduce(tokens) { $1.decode($0) }
    }
  }

  private static func replacing(_ pattern: SplitPattern, in token: [UInt8], with content: [UInt8]) -> [UInt8] {
    var matches: [SplitPattern.Match] = []
    if !token.isEmpty { pattern.find(in: token, 0..<token.count, into: &matches) }
    var output: [UInt8] = []
    var end = 0
    for match in matches {
      output += token[end..<match.start]
      output += content
      end = match.end
    }
    return output + token[end...]
  }

  /// What BERT's decoder does to each token: takes spaces away before punctuation and English contractions.
  private static func cleanedUp(_ text: [UInt8]) -> [UInt8] {
    guard text.contains(0x20) else { return text }
    let replacements = [
      (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
      (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ]
    return replacements.reduce(text) { text, replacement in
      replacing(.literal(Array(replacement.0.utf8)), in: text, with: Array(replacement.1.utf8))
    }
  }

  /// Tokens `<0x00>` ... `<0xFF>` as the text of their bytes, or, where a run of them is no UTF-8, each as U+FFFD.
  private static func withBytes(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var output: [[UInt8]] = []
    var run: [UInt8] = []
    func endRun() {
      guard !run.isEmpty else { return }
      if Array(String(decoding: run, as: UTF8.self).utf8) == run {
        output.append(run)
      } else {
        output += repeatElement([0xef, 0xbf, 0xbd], count: run.count)
      }
      run.removeAll()
    }
    for token in tokens {
      if let byte = byte(token) {
        run.append(byte)
      } else {
        endRun()
        output.append(token)
      }
    }
    endRun()
    return output
  }

  private static func byte(_ token: [UInt8]) -> UInt8? {
    guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">") else { return nil }
    // As in the package, "+A" is a number too.
    return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
  }

  /// Takes up to `start` scalars from the front and `stop` from the back that equal `scalar`.
  private static func stripped(_ token: [UInt8], of scalar: UInt32, _ start: Int, _ stop: Int) -> [UInt8] {
    let scalars = UTF8Scalars.values(token)
    var first = 0
    while first < min(start, scalars.count), scalars[first] == scalar { first += 1 }
    var last = scalars.count
    while last > first, scalars.count - last < stop, scalars[last - 1] == scalar { last -= 1 }
    return utf8(Array(scalars[first..<last]))
  }
}
