/// The `model` of a `tokenizer.json`.
enum TokenModel: Sendable {
  case bytePairs(BytePairEncoding)
  case wordPieces(WordPiece)

  init(_ reader: ComponentReader, preTokenizer: inout PreTokenizer) throws(TokenizationError) {
    // Files of early versions do not say the type.
    let type =
      reader.optional("type") != nil
      ? try reader.string("type") : reader.optional("merges") != nil ? "BPE" : "WordPiece"
    var takesBytes = false
    switch type {
    case "BPE":
      takesBytes = preTokenizer.leavesBytes
      self = .bytePairs(try BytePairEncoding(reader, takesBytes: &takesBytes))
    case "WordPiece": self = .wordPieces(try WordPiece(reader))
    default: throw reader.unsupported("type", "BPE and WordPiece")
    }
    if !takesBytes { preTokenizer.mapBytes() }
  }

  var vocabulary: Vocabulary {
    switch self {
    case .bytePairs(let model): model.vocabulary
    case .wordPieces(let model): model.vocabulary
    }
  }

  /// Encodes the words that a scanner finds in a part of a text.
  func encode(
    _ text: [UInt8], _ range: Range<Int>, _ scanner: WordScanner, _ scratch: inout EncodingScratch,
    into ids: inout [Int32]
  ) {
    let classes = ScalarClasses.shared
    switch self {
    case .bytePairs(let model):
      var start = range.lowerBound
      while start < range.upperBound {
        let end = scanner.next(text, start, range.upperBound, classes)
        model.encode(text, start, end, &scratch, into: &ids)
        start = end
      }
    case .wordPieces(let model):
      var start = range.lowerBound
      while start < range.upperBound {
        let end = scanner.next(text, start, range.upperBound, classes)
        model.encode(text, start, end, &scratch, into: &ids)
        start = end
      }
    }
  }

  /// Encodes the words that BERT sees in a part of a text.
  func encodeBERTWords(
    of text: [UInt8], _ range: Range<Int>, _ scratch: inout EncodingScratch, into ids: inout [Int32]
  ) {
    switch self {
    case .bytePairs(let model):
      BERTWords.forEach(in: text, range) { start, end in model.encode(text, start, end, &scratch, into: &ids) }
    case .wordPieces(let model):
      BERTWords.forEach(in: text, range) { start, end in model.encode(text, start, end, &scratch, into: &ids) }
    }
  }

  /// Encodes the words that the pre-tokenizer left.
  func encode(_ text: TextPieces, _ scratch: inout EncodingScratch, into ids: inout [Int32]) {
    switch self {
    case .bytePairs(let model):
      for piece in text.pieces { model.encode(text.bytes, piece.start, piece.end, &scratch, into: &ids) }
    case .wordPieces(let model):
      for piece in text.pieces { model.encode(text.bytes, piece.start, piece.end, &scratch, into: &ids) }
    }
  }
}
