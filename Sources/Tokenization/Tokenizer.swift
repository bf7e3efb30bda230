import Foundation
import Storage

/// A tokenizer as the `tokenizers` package writes it into one `tokenizer.json`: gives the same ids as that package.
///
/// A text passes the stages that the file names: added tokens are found, a normalizer changes what is between them, a
/// pre-tokenizer splits it into words, a model makes ids of each word, and a post-processor adds special tokens.
///
/// Read are byte-pair encoding and WordPiece with the components that released models use; a component or setting that is
/// not built here is an error that names it. Of no effect are `padding` (what is encoded together is packed, not padded)
/// and all that concerns offsets. Encoding costs O(bytes log bytes) at worst; words that were met before are remembered.
/// The value may be used from many threads at once.
public struct Tokenizer: Sendable {
  /// What the file's `truncation` says.
  public let truncation: Truncation
  let addedTokens: AddedTokens
  private let normalizer: Normalizer?
  private let preTokenizer: PreTokenizer
  private let model: TokenModel
  private let postProcessor: PostProcessor
  private let decoder: TokenDecoder?
  private var scratches = ScratchPool()

  /// Reads a `tokenizer.json`.
  ///
  /// - Throws: `StorageError` where the file cannot be read or is no JSON; `TokenizationError`.
  public init(contentsOf url: URL) throws {
    try self.init(json: try AtomicFile.read(url), name: url.path)
  }

  /// The same for bytes that were read already; `name` is their name in error texts.
  public init(json: [UInt8], name: String) throws {
    try self.init(ComponentReader(try JSONDocument.read(json, file: name), file: name, path: ""))
  }

  init(_ reader: ComponentReader) throws(TokenizationError) {
    if reader.optional("version") != nil, try reader.string("version") != "1.0" {
      throw reader.unsupported("version", "\"1.0\"")
    }
    let normalizerReader = try reader.optionalChild("normalizer")
    normalizer = try normalizerReader.map(Normalizer.init)
    let preTokenizerReader = try reader.optionalChild("pre_tokenizer")
    var preTokenizer = try preTokenizerReader.map(PreTokenizer.init) ?? PreTokenizer()
    model = try TokenModel(try reader.child("model"), preTokenizer: &preTokenizer)
    self.preTokenizer = preTokenizer
    let postProcessorReader = try reader.optionalChild("post_processor")
    postProcessor = try postProcessorReader.map(PostProcessor.init) ?? PostProcessor()
    let decoderReader = try reader.optionalChild("decoder")
    decoder = try decoderReader.map(TokenDecoder.init)
    addedTokens =
      reader.optional("added_tokens") == nil
      ? AddedTokens()
      : try AddedTokens(try reader.children("added_tokens"), vocabulary: model.vocabulary, normalizer: normalizer)
    let truncationReader = try reader.optionalChild("truncation")
    truncation = try Truncation(truncationReader)
    let added = postProcessor.addedCount(isPair: false)
    if let truncationReader, let limit = truncation.limit, limit < added {
      throw truncationReader.invalid("max_length", "it is \(limit), but the post-processor alone adds \(added) tokens")
    }
  }

  /// The same tokenizer, without the words that it has met: for measuring.
  public func withoutRememberedWords() -> Tokenizer {
    var tokenizer = self
    tokenizer.scratches = ScratchPool()
    return tokenizer
  }

  /// The number of tokens, added tokens included. Ids are not always below it: a file may leave out some.
  public var vocabularySize: Int {
    model.vocabulary.count + addedTokens.tokens.count { model.vocabulary.id($0.content) < 0 }
  }

  /// The id of a token, spelled as the file spells it; nil where there is none.
  public func id(of token: String) -> Int? {
    let bytes = Array(token.utf8)
    if let id = addedTokens.id(bytes) { return Int(id) }
    let id = model.vocabulary.id(bytes)
    return id >= 0 ? Int(id) : nil
  }

  /// The token of an id, spelled as the file spells it; nil where there is none.
  public func token(of id: Int) -> String? {
    guard let id = Int32(exactly: id) else { return nil }
    if let token = addedTokens.token(id) { return String(decoding: token.content, as: UTF8.self) }
    return model.vocabulary.token(id).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Whether an id is that of an added token that the file marks as special.
  public func isSpecial(_ id: Int32) -> Bool { addedTokens.token(id)?.isSpecial ?? false }

  /// The number of special tokens that the post-processor puts before a text, and behind it.
  public var addedTokenCounts: (before: Int, behind: Int) { postProcessor.addedCounts }

  /// Encodes a text.
  ///
  /// - Parameter addSpecialTokens: whether the post-processor adds its special tokens. Special tokens that the text
  ///   itself holds are found in any case.
  /// - Precondition: a truncation leaves room for the special tokens.
  public func encode(
    _ text: String, addSpecialTokens: Bool = true, truncation: Truncation = .asInFile
  ) -> Encoding {
    encode(valid: Array(text.utf8), nil, addSpecialTokens, truncation)
  }

  /// Encodes a text given as UTF-8. Ill-formed sequences are read as U+FFFD.
  public func encode(
    utf8 text: [UInt8], addSpecialTokens: Bool = true, truncation: Truncation = .asInFile
  ) -> Encoding {
    encode(valid: UTF8Scalars.repaired(text), nil, addSpecialTokens, truncation)
  }

  /// Encodes two texts as one input, as BERT takes a question and its answer. Truncation shortens the longer one first.
  public func encode(
    _ text: String, pair: String, addSpecialTokens: Bool = true, truncation: Truncation = .asInFile
  ) -> Encoding {
    encode(valid: Array(text.utf8), Array(pair.utf8), addSpecialTokens, truncation)
  }

  private func encode(
    valid text: [UInt8], _ pair: [UInt8]?, _ addSpecialTokens: Bool, _ requested: Truncation
  ) -> Encoding {
    let truncation = requested == .asInFile ? truncation : requested
    var scratch = scratches.take()
    var first = TextIDs(ids: encode(text, &scratch))
    var second = pair.map { TextIDs(ids: encode($0, &scratch)) }
    scratches.give(scratch)
    if let limit = truncation.limit {
      let added = addSpecialTokens ? postProcessor.addedCount(isPair: pair != nil) : 0
      precondition(limit >= added, "\(limit) tokens leave no room for the \(added) special tokens")
      if var other = second {
        TextIDs.truncate(&first, &other, to: limit - added, keepingLast: truncation.keepsLast)
        second = other
      } else {
        first.truncate(to: limit - added, keepingLast: truncation.keepsLast)
      }
    }
    return postProcessor.apply(first, second, addSpecialTokens: addSpecialTokens)
  }

  /// The ids of one text without special tokens.
  private func encode(_ text: [UInt8], _ scratch: inout EncodingScratch) -> [Int32] {
    var ids: [Int32] = []
    ids.reserveCapacity(text.count / 3 + 8)
    if normalizer == nil, addedTokens.normalized.isEmpty, let scanner = preTokenizer.scanner {
      for section in addedTokens.sections(text, addedTokens.plain) {
        if section.id >= 0 {
          ids.append(section.id)
        } else {
          model.encode(text, section.start..<section.end, scanner, &scratch, into: &ids)
        }
      }
      return ids
    }
    for section in addedTokens.sections(text, addedTokens.plain) {
      if section.id >= 0 {
        ids.append(section.id)
        continue
      }
      var part = section.start == 0 && section.end == text.count ? text : Array(text[section.start..<section.end])
      var keepsStart = true
      if let normalizer { part = normalizer.apply(part, keepsStart: &keepsStart) }
      for inner in addedTokens.sections(part, addedTokens.normalized) {
        if inner.id >= 0 {
          ids.append(inner.id)
          continue
        }
        if preTokenizer.isBERT {
          model.encodeBERTWords(of: part, inner.start..<inner.end, &scratch, into: &ids)
          continue
        }
        let isAtStart = keepsStart && section.start == 0 && inner.start == 0
        let isWhole = inner.start == 0 && inner.end == part.count
        var pieces = TextPieces(isWhole ? part : Array(part[inner.start..<inner.end]), isAtStart: isAtStart)
        preTokenizer.apply(to: &pieces)
        model.encode(pieces, &scratch, into: &ids)
      }
    }
    return ids
  }

  /// The text of ids.
  ///
  /// - Parameter skipSpecialTokens: leaves out the tokens that the file marks as special.
  /// - Throws: `TokenizationError.unknownID`. The package passes over such ids in silence.
  public func decode(_ ids: [Int], skipSpecialTokens: Bool = true) throws -> String {
    var tokens: [[UInt8]] = []
    tokens.reserveCapacity(ids.count)
    for id in ids {
      guard let token = Int32(exactly: id).flatMap(form) else {
        throw TokenizationError.unknownID(id: id, vocabularySize: vocabularySize)
      }
      if !skipSpecialTokens || !addedTokens.isSpecial(token) { tokens.append(Array(token)) }
    }
    let parts = decoder?.decode(tokens) ?? [Array(tokens.joined(separator: [0x20]))]
    return String(decoding: parts.joined(), as: UTF8.self)
  }

  /// What the decoder sees of an id.
  private func form(_ id: Int32) -> ArraySlice<UInt8>? {
    addedTokens.token(id)?.form[...] ?? model.vocabulary.token(id)
  }
}
