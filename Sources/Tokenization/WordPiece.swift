import Storage

/// WordPiece: the longest token that a word begins with, then the longest that the rest begins with, and so on. Where
/// nothing fits, or the word has too many characters, the whole word is the unknown token.
///
/// Source: Schuster, Nakajima, "Japanese and Korean Voice Search", ICASSP 2012, as BERT uses it.
struct WordPiece: Sendable {
  let vocabulary: Vocabulary
  private let unknown: Int32
  private let prefix: [UInt8]
  private let longestWord: Int

  init(_ reader: ComponentReader) throws(TokenizationError) {
    let vocabularyReader = try reader.child("vocab")
    vocabulary = try Vocabulary(vocabularyReader.object, file: reader.file, path: vocabularyReader.path)
    prefix = Array(try reader.string("continuing_subword_prefix").utf8)
    longestWord = try reader.count("max_input_chars_per_word")
    let token = try reader.string("unk_token")
    unknown = vocabulary.id(Array(token.utf8))
    guard unknown >= 0 else { throw reader.invalid("unk_token", "\"\(token)\" is not in model.vocab") }
  }

  /// Appends the ids of a word, which is not empty.
  @inline(__always)
  func encode(_ bytes: [UInt8], _ start: Int, _ end: Int, _ scratch: inout EncodingScratch, into ids: inout [Int32]) {
    guard end - start <= WordCache.longestWord else { return encodeAnew(bytes, start, end, into: &ids) }
    let key = WordCache.Key(bytes, start, end)
    if scratch.cache.append(key, bytes, to: &ids) { return }
    let count = ids.count
    encodeAnew(bytes, start, end, into: &ids)
    scratch.cache.insert(key, bytes, ids[count...])
  }

  private func encodeAnew(_ bytes: [UInt8], _ start: Int, _ end: Int, into ids: inout [Int32]) {
    let characters = bytes[start..<end].count { $0 & 0xc0 != 0x80 }
    let count = ids.count
    var position = start
    while position < end, characters <= longestWord {
      guard let (id, next) = longestToken(bytes, from: position, to: end, continues: position > start) else { break }
      ids.append(id)
      position = next
    }
    if position < end {
      ids.removeLast(ids.count - count)
      ids.append(unknown)
    }
  }

  /// The longest token at `start`. Hashes of all beginnings are made on the way to the longest token's length, then
  /// asked from the longest to the shortest.
  private func longestToken(_ bytes: [UInt8], from start: Int, to end: Int, continues: Bool) -> (id: Int32, end: Int)? {
    let head = continues ? prefix[...] : []
    var hash = Vocabulary.Hash()
    hash.append(head)
    var beginnings: [(hash: Vocabulary.Hash, end: Int)] = []
    var index = start
    while index < end, head.count + index - start < vocabulary.longest {
      let next = index + UTF8Scalars.length(bytes[index])
      hash.append(bytes[index..<next])
      beginnings.append((hash, next))
      index = next
    }
    for (hash, next) in beginnings.reversed() {
      let id = vocabulary.id(hash: hash) { token in
        token.count == head.count + next - start && token.starts(with: head)
          && token.dropFirst(head.count).elementsEqual(bytes[start..<next])
      }
      if id >= 0 { return (id, next) }
    }
    return nil
  }
}
