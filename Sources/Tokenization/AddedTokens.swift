import Storage

/// The `added_tokens` of a `tokenizer.json`: texts that are found in a text before anything else is done to it, or,
/// where they are `normalized`, after the normalizer.
struct AddedTokens: Sendable {
  struct Token: Sendable {
    let content: [UInt8]
    let id: Int32
    /// Matches only where no word character touches it.
    let isSingleWord: Bool
    /// Takes the white space on its left.
    let stripsLeft: Bool
    /// Takes the white space on its right.
    let stripsRight: Bool
    /// Matches in the normalized text, in its own normalized form.
    let isNormalized: Bool
    /// Left out of decoded text on request.
    let isSpecial: Bool
    /// What is searched for, and what decoding sees.
    fileprivate(set) var form: [UInt8]
  }

  /// The added tokens, in the order of their ids.
  private(set) var tokens: [Token] = []
  /// Finds the tokens that match in the text as it stands.
  private(set) var plain = TokenTrie()
  /// Finds the tokens that match in the normalized text.
  private(set) var normalized = TokenTrie()
  private var positions: [Int32: Int] = [:]
  private var ids: [[UInt8]: Int32] = [:]
  private var specialForms: Set<[UInt8]> = []

  init() {}

  /// - Throws: `TokenizationError` also where the ids of the file are not those that the package gives: a token of the
  ///   model
  ///   has the model's id, the others follow in their order.
  init(
    _ readers: [ComponentReader], vocabulary: Vocabulary, normalizer: Normalizer?
  ) throws(TokenizationError) {
    var next = Int32(clamping: vocabulary.count)
    var taken: [Int32: String] = [:]
    for reader in readers {
      let text = try reader.string("content")
      let content = Array(text.utf8)
      let stated = try reader.id("id")
      let isSpecial = try reader.boolean("special")
      if content.isEmpty { continue }
      var id = ids[content] ?? vocabulary.id(content)
      if id < 0 {
        id = next
        next &+= 1
      }
      guard id == stated else {
        let reason =
          vocabulary.id(content) >= 0 ? "model.vocab has it with the id \(id)" : "its turn would be the id \(id)"
        throw reader.invalid("id", "\"\(text)\" has the id \(stated), but \(reason)")
      }
      if let other = taken[id], Array(other.utf8) != content {
        throw reader.invalid("id", "the id \(id) is given to \"\(other)\" and to \"\(text)\"")
      }
      taken[id] = text
      ids[content] = id
      var token = Token(
        content: content, id: id, isSingleWord: try reader.boolean("single_word"),
        stripsLeft: try reader.boolean("lstrip"), stripsRight: try reader.boolean("rstrip"),
        isNormalized: try reader.boolean("normalized"), isSpecial: isSpecial, form: content)
      if token.isNormalized, let normalizer {
        var keepsStart = true
        token.form = normalizer.apply(content, keepsStart: &keepsStart)
      }
      if let position = positions[id] {
        tokens[position] = token
      } else {
        positions[id] = tokens.count
        tokens.append(token)
      }
      // As in the package, a content that was once special stays so.
      if isSpecial { specialForms.insert(content) }
    }
    for (position, token) in tokens.enumerated() {
      let isNew =
        token.isNormalized ? normalized.insert(token.form, position) : plain.insert(token.form, position)
      guard isNew else {
        throw .invalid(
          file: readers.first?.file ?? "", path: "added_tokens",
          reason:
            "\"\(String(decoding: token.content, as: UTF8.self))\" is empty, or another token's text, once it is "
            + "normalized")
      }
    }
  }

  func id(_ content: [UInt8]) -> Int32? { ids[content] }

  func token(_ id: Int32) -> Token? { positions[id].map { tokens[$0] } }

  /// Whether decoding leaves a token out when special tokens are skipped.
  func isSpecial(_ form: some Collection<UInt8>) -> Bool {
    !specialForms.isEmpty && specialForms.contains(Array(form))
  }

  /// A part of a text: an added token, or the text between them.
  struct Section {
    let start: Int
    let end: Int
    /// The token's id; -1 for text.
    let id: Int32
  }

  /// Parts a text at the tokens of a trie, leftmost first and the longest at each place.
  func sections(_ text: [UInt8], _ trie: TokenTrie) -> [Section] {
    if trie.isEmpty || text.isEmpty { return [Section(start: 0, end: text.count, id: -1)] }
    var sections: [Section] = []
    let classes = ScalarClasses.shared
    // Where the text between the tokens goes on, and where the search does: a token that takes white space moves only
    // the first.
    var (textStart, index) = (0, 0)
    while let match = trie.next(in: text, from: index) {
      var (start, end) = (match.start, match.end)
      index = end
      let token = tokens[match.position]
      if token.isSingleWord, touchesWord(text, start, end, classes) { continue }
      if token.stripsLeft {
        var edge = start
        while edge > 0 {
          let (value, length) = UTF8Scalars.decode(text, before: edge, from: 0)
          guard classes[value] & ScalarClasses.space != 0 else { break }
          edge -= length
        }
        start = max(edge, textStart)
      }
      if token.stripsRight {
        while end < text.count {
          let (value, length) = UTF8Scalars.decode(text, end)
          guard classes[value] & ScalarClasses.space != 0 else { break }
          end += length
        }
      }
      if textStart < start { sections.append(Section(start: textStart, end: start, id: -1)) }
      sections.append(Section(start: start, end: end, id: token.id))
      textStart = end
    }
    if textStart != text.count { sections.append(Section(start: textStart, end: text.count, id: -1)) }
    return sections
  }

  private func touchesWord(_ text: [UInt8], _ start: Int, _ end: Int, _ classes: ScalarClasses) -> Bool {
    if start > 0, classes[UTF8Scalars.decode(text, before: start, from: 0).value] & ScalarClasses.word != 0 {
      return true
    }
    return end < text.count && classes[UTF8Scalars.decode(text, end).value] & ScalarClasses.word != 0
  }
}
