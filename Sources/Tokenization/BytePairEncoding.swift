import Storage

/// Byte-pair encoding: a word's characters are merged pair by pair in the order of the merges' ranks.
///
/// A word is given as UTF-8, or, where the pre-tokenizer ends with ByteLevel, as the bytes themselves: then each byte is a
/// symbol, found by a table, and no byte is ever written as the character that stands for it.
///
/// A character that is no token becomes its bytes' tokens `<0x00>` ... `<0xFF>` (byte_fallback), or the unknown token,
/// or nothing.
///
/// Source: Sennrich, Haddow, Birch, "Neural Machine Translation of Rare Words with Subword Units", ACL 2016.
struct BytePairEncoding: Sendable {
  let vocabulary: Vocabulary
  private let merges: MergeTable
  private let unknown: Int32?
  private let fusesUnknown: Bool
  private let prefix: [UInt8]
  private let suffix: [UInt8]
  /// The ids of `<0x00>` ... `<0xFF>`, -1 where absent; empty without byte_fallback.
  private let fallback: [Int32]
  /// Whether a word that is a token stays whole, whatever the merges.
  private let ignoresMerges: Bool
  /// The symbol of each byte, -1 where it has none: inside a word, at its start (+256), at its end (+512), alone
  /// (+768). Nil where words come as characters.
  private let byteSymbols: [Int32]?
  /// The tokens written as bytes, for words that stay whole.
  private let wholeWords: Vocabulary

  /// - Parameter takesBytes: whether words come as bytes that `ByteAlphabet` has not mapped. Where bytes without a token
  ///   need the unknown token or byte_fallback it becomes false, and words must come mapped.
  init(_ reader: ComponentReader, takesBytes: inout Bool) throws(TokenizationError) {
    if let dropout = reader.optional("dropout"), dropout.double != 0 {
      throw reader.unsupported("dropout", "null and 0: dropout makes ids random, and is for training")
    }
    let vocabularyReader = try reader.child("vocab")
    let vocabulary = try Vocabulary(vocabularyReader.object, file: reader.file, path: vocabularyReader.path)
    prefix = Array((try reader.nonemptyString("continuing_subword_prefix") ?? "").utf8)
    suffix = Array((try reader.nonemptyString("end_of_word_suffix") ?? "").utf8)
    fusesUnknown = try reader.boolean("fuse_unk", default: false)
    ignoresMerges = try reader.boolean("ignore_merges", default: false)
    merges = try Self.merges(reader, vocabulary, prefixLength: prefix.count)

    var unknownToken: [UInt8]?
    if reader.optional("unk_token") != nil { unknownToken = Array(try reader.string("unk_token").utf8) }
    let found = unknownToken.map(vocabulary.id) ?? -1
    unknown = found >= 0 ? found : nil
    let digits = Array("0123456789ABCDEF".utf8)
    fallback =
      try reader.boolean("byte_fallback", default: false)
      ? (0..<256).map { vocabulary.id(Array("<0x".utf8) + [digits[$0 >> 4], digits[$0 & 15]] + Array(">".utf8)) } : []

    let symbols = Self.byteSymbols(vocabulary, prefix, suffix)
    let areAllKnown = symbols.allSatisfy { $0 >= 0 }
    takesBytes = takesBytes && (areAllKnown || unknownToken == nil && fallback.isEmpty)
    byteSymbols = takesBytes ? symbols : nil
    // The package finds out when it meets an unknown character.
    let isNeverUnknown = takesBytes && areAllKnown || !fallback.isEmpty && fallback.allSatisfy { $0 >= 0 }
    if let unknownToken, unknown == nil, !isNeverUnknown {
      throw reader.invalid("unk_token", "\"\(String(decoding: unknownToken, as: UTF8.self))\" is not in model.vocab")
    }
    wholeWords = ignoresMerges && takesBytes ? vocabulary.asBytes() : vocabulary
    self.vocabulary = vocabulary
  }

  private static func byteSymbols(_ vocabulary: Vocabulary, _ prefix: [UInt8], _ suffix: [UInt8]) -> [Int32] {
    var symbols: [Int32] = []
    for place in 0..<4 {
      for byte in UInt8.min...UInt8.max {
        var token = place & 1 == 0 ? prefix : []
        ByteAlphabet.append(byte, to: &token)
        if place & 2 != 0 { token += suffix }
        symbols.append(vocabulary.id(token))
      }
    }
    return symbols
  }

  /// Reads `merges`: texts "a b", or lists ["a", "b"], which may hold spaces.
  private static func merges(
    _ reader: ComponentReader, _ vocabulary: Vocabulary, prefixLength: Int
  ) throws(TokenizationError) -> MergeTable {
    let values = try reader.array("merges")
    var table = MergeTable(capacity: values.count)
    var rank: UInt32 = 0
    for (index, value) in values.enumerated() {
      let place = "\(reader.path(of: "merges"))[\(index)]"
      let left: [UInt8]
      let right: [UInt8]
      switch value {
      case .string(let text):
        if text.utf8.starts(with: "#version".utf8) { continue }
        let bytes = Array(text.utf8)
        guard let space = bytes.firstIndex(of: 0x20), !bytes[(space + 1)...].contains(0x20) else {
          throw .invalid(file: reader.file, path: place, reason: "a merge is two tokens with one space between them")
        }
        left = Array(bytes[..<space])
        right = Array(bytes[(space + 1)...])
      case .array(let pair):
        guard pair.count == 2, case .string(let first) = pair[0], case .string(let second) = pair[1] else {
          throw .invalid(file: reader.file, path: place, reason: "a merge is a list of two tokens")
        }
        left = Array(first.utf8)
        right = Array(second.utf8)
      default: throw .mistyped(file: reader.file, path: place, expected: "a merge", found: value.summary)
      }
      func id(_ token: [UInt8]) throws(TokenizationError) -> Int32 {
        let id = vocabulary.id(token)
        guard id < 0 else { return id }
        throw .invalid(
          file: reader.file, path: place,
          reason: "the token \"\(String(decoding: token, as: UTF8.self))\" is not in model.vocab")
      }
      let (leftID, rightID) = (try id(left), try id(right))
      guard right.count >= prefixLength else {
        throw .invalid(file: reader.file, path: place, reason: "the second token lacks continuing_subword_prefix")
      }
      table.set(leftID, rightID, rank: rank, id: try id(left + right[prefixLength...]))
      rank += 1
    }
    return table
  }

  /// Appends the ids of a word, which is not empty.
  @inline(__always)
  func encode(_ bytes: [UInt8], _ start: Int, _ end: Int, _ scratch: inout EncodingScratch, into ids: inout [Int32]) {
    guard end &- start <= WordCache.longestWord else {
      return encodeAnew(bytes, start, end, &scratch.merger, into: &ids)
    }
    let key = WordCache.Key(bytes, start, end)
    if scratch.cache.append(key, bytes, to: &ids) { return }
    let count = ids.count
    encodeAnew(bytes, start, end, &scratch.merger, into: &ids)
    scratch.cache.insert(key, bytes, ids[count...])
  }

  private func encodeAnew(
    _ bytes: [UInt8], _ start: Int, _ end: Int, _ merger: inout SymbolMerger, into ids: inout [Int32]
  ) {
    if ignoresMerges {
      let id = wholeWords.id(bytes, start..<end)
      if id >= 0 {
        ids.append(id)
        return
      }
    }
    merger.symbols.removeAll(keepingCapacity: true)
    if let byteSymbols {
      for index in start..<end {
        let place = (index == start ? 256 : 0) + (index == end - 1 ? 512 : 0)
        let symbol = byteSymbols[place + Int(bytes[index])]
        if symbol >= 0 { merger.symbols.append(symbol) }
      }
    } else {
      appendCharacters(bytes, start, end, to: &merger.symbols)
    }
    merger.merge(by: merges)
    ids += merger.symbols
  }

  private func appendCharacters(_ bytes: [UInt8], _ start: Int, _ end: Int, to symbols: inout [Int32]) {
    // The unknown token waits for the next known character, so that it can be fused; byte tokens overtake it.
    var isUnknownPending = false
    var index = start
    while index < end {
      let next = index + UTF8Scalars.length(bytes[index])
      defer { index = next }
      let id: Int32
      var affixed: [UInt8] = []
      if prefix.isEmpty && suffix.isEmpty {
        id = vocabulary.id(bytes, index..<next)
      } else {
        affixed = (index > start ? prefix : []) + bytes[index..<next] + (next == end ? suffix : [])
        id = vocabulary.id(affixed)
      }
      if id >= 0 {
        if isUnknownPending, let unknown { symbols.append(unknown) }
        isUnknownPending = false
        symbols.append(id)
        continue
      }
      if !fallback.isEmpty {
        let tokens = (affixed.isEmpty ? bytes[index..<next] : affixed[...]).map { fallback[Int($0)] }
        if tokens.allSatisfy({ $0 >= 0 }) {
          symbols += tokens
          continue
        }
      }
      if let unknown {
        if isUnknownPending, !fusesUnknown { symbols.append(unknown) }
        isUnknownPending = true
      }
    }
    if isUnknownPending, let unknown { symbols.append(unknown) }
  }
}
