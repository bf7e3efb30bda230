/// A text and the pieces into which it has been split so far.
struct TextPieces {
  struct Piece {
    var start: Int
    var end: Int
    /// Whether the piece begins where the whole text began.
    var isAtStart: Bool
  }

  var bytes: [UInt8]
  var pieces: [Piece]

  init(_ bytes: [UInt8], isAtStart: Bool) {
    self.bytes = bytes
    pieces = bytes.isEmpty ? [] : [Piece(start: 0, end: bytes.count, isAtStart: isAtStart)]
  }
}

/// The `pre_tokenizer` of a `tokenizer.json` as a list of simple steps, each applied to all pieces that the last one left.
struct PreTokenizer: Sendable {
  enum Step: Sendable {
    case split(SplitPattern, SplitBehavior, inverted: Bool)
    /// A space in front of each piece that does not begin with one.
    case prefixSpace
    /// Each byte becomes the character that stands for it.
    case mapBytes
    case metaspace(Metaspace)
  }

  static let supported =
    "BertPreTokenizer, ByteLevel, Digits, Metaspace, Punctuation, Sequence, Split, Whitespace and WhitespaceSplit"

  private(set) var steps: [Step] = []
  /// Whether the model gets bytes and is to see each as the character that stands for it: the last step, left to the model.
  private(set) var leavesBytes = false
  /// One scanner that does the work of all steps, where there is one.
  private(set) var scanner: WordScanner?

  /// Whether the steps are those of BERT alone, which can be done in one.
  private(set) var isBERT = false

  /// Does nothing.
  init() {}

  init(_ reader: ComponentReader) throws(TokenizationError) {
    try append(reader)
    if case .mapBytes? = steps.last {
      steps.removeLast()
      leavesBytes = true
    }
    scanner = combinedScanner
    isBERT = steps.count == 2 && reader.object["type"] == .string("BertPreTokenizer")
  }

  /// Maps the bytes here after all, for a model that takes characters.
  mutating func mapBytes() {
    guard leavesBytes else { return }
    steps.append(.mapBytes)
    leavesBytes = false
    scanner = combinedScanner
  }

  private mutating func append(_ reader: ComponentReader) throws(TokenizationError) {
    switch try reader.string("type") {
    case "Sequence":
      for child in try reader.children("pretokenizers") { try append(child) }
    case "ByteLevel":
      if try reader.boolean("add_prefix_space") { steps.append(.prefixSpace) }
      if try reader.boolean("use_regex", default: true) {
        steps.append(.split(.scanner(.gpt2), .isolated, inverted: false))
      }
      steps.append(.mapBytes)
    case "Digits":
      let individually = try reader.boolean("individual_digits")
      steps.append(
        .split(.scalars(ScalarClasses.numeric, longest: 1), individually ? .isolated : .contiguous, inverted: false))
    case "Split":
      steps.append(
        .split(try SplitPattern(reader), try SplitBehavior(reader), inverted: try reader.boolean("invert")))
    case "Punctuation":
      let behavior = try SplitBehavior(reader, default: .isolated)
      steps.append(.split(.scalars(ScalarClasses.punctuation, longest: 1), behavior, inverted: false))
    case "Whitespace": steps.append(.split(.words, .removed, inverted: true))
    case "WhitespaceSplit": steps.append(.split(.scalars(ScalarClasses.space, longest: 1), .removed, inverted: false))
    case "BertPreTokenizer":
      steps.append(.split(.scalars(ScalarClasses.space, longest: 1), .removed, inverted: false))
      steps.append(.split(.scalars(ScalarClasses.punctuation, longest: 1), .isolated, inverted: false))
    case "Metaspace": steps.append(.metaspace(try Metaspace(reader)))
    default: throw reader.unsupported("type", Self.supported)
    }
  }

  private var combinedScanner: WordScanner? {
    if steps.count == 1, case .split(.scanner(let scanner), let behavior, let inverted) = steps[0] {
      // The matches leave no gap, so there is nothing but matches to keep.
      return behavior == .isolated || behavior == .removed && inverted ? scanner : nil
    }
    if steps.count == 2, case .split(.scalars(ScalarClasses.numeric, longest: 1), .isolated, false) = steps[0],
      case .split(.scanner(.gpt2), .isolated, false) = steps[1]
    {
      return .gpt2BetweenDigits
    }
    return nil
  }

  /// Splits a text by all steps.
  func apply(to text: inout TextPieces) {
    for step in steps {
      switch step {
      case .split(let pattern, let behavior, let inverted):
        Splitter.split(&text, at: pattern, behavior, inverted: inverted)
      case .prefixSpace:
        rewrite(&text) { bytes, piece, output in
          if bytes[piece.start] != 0x20 { output.append(0x20) }
          output += bytes[piece.start..<piece.end]
        }
      case .mapBytes:
        rewrite(&text) { bytes, piece, output in
          for byte in bytes[piece.start..<piece.end] { ByteAlphabet.append(byte, to: &output) }
        }
      case .metaspace(let metaspace):
        rewrite(&text, metaspace.write)
        if metaspace.splits {
          Splitter.split(&text, at: .literal(metaspace.replacement), .mergedWithNext, inverted: false)
        }
      }
    }
  }

  /// Writes each piece anew. No piece is empty, before or after.
  private func rewrite(
    _ text: inout TextPieces, _ write: (_ bytes: [UInt8], TextPieces.Piece, _ output: inout [UInt8]) -> Void
  ) {
    var output: [UInt8] = []
    output.reserveCapacity(text.bytes.count + text.bytes.count / 8 + 8)
    for index in text.pieces.indices {
      let start = output.count
      write(text.bytes, text.pieces[index], &output)
      text.pieces[index].start = start
      text.pieces[index].end = output.count
    }
    text.bytes = output
  }
}

/// BERT's way: words end at white space, which vanishes, and each punctuation character is a word.
enum BERTWords {
  /// Calls `body` with the start and the end of each word.
  @inline(__always)
  static func forEach(in text: [UInt8], _ range: Range<Int>, _ body: (Int, Int) -> Void) {
    let classes = ScalarClasses.shared
    let boundary = ScalarClasses.space | ScalarClasses.punctuation
    var start = range.lowerBound
    var index = start
    while index < range.upperBound {
      let byte = text[index]
      let mask: ScalarClasses.Mask
      var next = index &+ 1
      if byte < 0x80 {
        mask = classes.ascii[Int(byte)]
      } else {
        let (value, length) = UTF8Scalars.decode(text, index)
        mask = classes[value]
        next = index &+ length
      }
      if mask & boundary != 0 {
        if start < index { body(start, index) }
        if mask & ScalarClasses.space == 0 { body(index, next) }
        start = next
      }
      index = next
    }
    if start < index { body(start, index) }
  }
}

/// SentencePiece's way with spaces: a visible character stands for each, and begins a word.
struct Metaspace: Sendable {
  enum PrependScheme: String, Sendable {
    case always, first, never
  }

  let replacement: [UInt8]
  let scheme: PrependScheme
  let splits: Bool

  init(_ reader: ComponentReader) throws(TokenizationError) {
    replacement = Array(String(Character(try reader.scalar("replacement"))).utf8)
    splits = try reader.boolean("split", default: true)
    var scheme = PrependScheme.always
    if reader.optional("prepend_scheme") != nil {
      guard let named = PrependScheme(rawValue: try reader.string("prepend_scheme")) else {
        throw reader.unsupported("prepend_scheme", "always, first, never")
      }
      scheme = named
    }
    // The older form of the same setting.
    if try !reader.boolean("add_prefix_space", default: true) {
      guard scheme == .never || reader.optional("prepend_scheme") == nil else {
        throw reader.invalid("add_prefix_space", "it is false, but prepend_scheme is \"\(scheme.rawValue)\"")
      }
      scheme = .never
    }
    self.scheme = scheme
  }

  func write(_ bytes: [UInt8], _ piece: TextPieces.Piece, _ output: inout [UInt8]) {
    let begins = bytes[piece.start] == 0x20 || bytes[piece.start..<piece.end].starts(with: replacement)
    if !begins, scheme == .always || scheme == .first && piece.isAtStart { output += replacement }
    for byte in bytes[piece.start..<piece.end] {
      if byte == 0x20 { output += replacement } else { output.append(byte) }
    }
  }
}
