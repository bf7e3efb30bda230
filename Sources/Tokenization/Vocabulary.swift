import Storage

/// The tokens of a model as UTF-8 bytes, and their ids: both ways in O(length of the token).
///
/// Tokens are compared byte by byte. Swift's strings would take canonically equivalent tokens for the same.
struct Vocabulary: Sendable {
  private struct Token {
    var offset: Int32
    var count: Int32
    var id: Int32
  }

  private var bytes: [UInt8] = []
  /// The tokens, in the order of their ids.
  private var tokens: [Token] = []
  /// Positions in `tokens`, -1 where free; a power of two of them, at most half in use.
  private var slots: [Int32] = []
  /// Bytes of the longest token.
  private(set) var longest = 0

  var count: Int { tokens.count }

  /// An FNV-1a hash that takes one byte at a time, so that every prefix of a text is hashed on the way.
  struct Hash {
    private var state: UInt64 = 0xcbf2_9ce4_8422_2325

    @inline(__always)
    mutating func append(_ byte: UInt8) { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }

    @inline(__always)
    mutating func append(_ bytes: ArraySlice<UInt8>) { for byte in bytes { append(byte) } }

    @inline(__always)
    var value: Int { Int(truncatingIfNeeded: ((state ^ state >> 32) &* 0x9e37_79b9_7f4a_7c15) >> 20) }
  }

  init() {
    slots = [-1, -1]
  }

  /// - Throws: `TokenizationError` where an id is none, or given to two tokens.
  init(_ object: JSONObject, file: String, path: String) throws(TokenizationError) {
    tokens.reserveCapacity(object.members.count)
    for member in object.members {
      guard case .integer(let id) = member.value, 0...Int(Int32.max) ~= id else {
        throw .mistyped(
          file: file, path: "\(path)[\"\(member.key.prefix(60))\"]", expected: "an id from 0 to \(Int32.max)",
          found: member.value.summary)
      }
      append(member.key.utf8, id: Int32(id))
    }
    if zip(tokens, tokens.dropFirst()).contains(where: { $0.id >= $1.id }) { tokens.sort { $0.id < $1.id } }
    for (one, other) in zip(tokens, tokens.dropFirst()) where one.id == other.id {
      throw .invalid(
        file: file, path: path,
        reason: "the id \(one.id) is given to \"\(text(one))\" and to \"\(text(other))\"; each token needs its own")
    }
    index()
  }

  private mutating func append(_ token: some Collection<UInt8>, id: Int32) {
    let offset = bytes.count
    bytes.append(contentsOf: token)
    tokens.append(Token(offset: Int32(offset), count: Int32(bytes.count - offset), id: id))
    longest = max(longest, bytes.count - offset)
  }

  private mutating func index() {
    var size = 2
    while size < 2 * tokens.count + 2 { size *= 2 }
    slots = [Int32](repeating: -1, count: size)
    for (position, token) in tokens.enumerated() {
      var hash = Hash()
      hash.append(bytes[Int(token.offset)..<Int(token.offset + token.count)])
      var slot = hash.value & (size - 1)
      while slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
      slots[slot] = Int32(position)
    }
  }

  /// The tokens that stand for bytes by `ByteAlphabet`, written as these bytes.
  func asBytes() -> Vocabulary {
    var vocabulary = Vocabulary()
    var token: [UInt8] = []
    for entry in tokens {
      token.removeAll(keepingCapacity: true)
      if ByteAlphabet.appendBytes(of: self[entry], to: &token) { vocabulary.append(token, id: entry.id) }
    }
    vocabulary.index()
    return vocabulary
  }

  /// The id of a token; -1 where it is none.
  @inline(__always)
  func id(_ text: [UInt8], _ range: Range<Int>) -> Int32 {
    var hash = Hash()
    for index in range { hash.append(text[index]) }
    return id(hash: hash) { $0.count == range.count && $0.elementsEqual(text[range]) }
  }

  func id(_ token: [UInt8]) -> Int32 { id(token, 0..<token.count) }

  /// The id of the token with this hash that `matches`; -1 where there is none.
  @inline(__always)
  func id(hash: Hash, where matches: (ArraySlice<UInt8>) -> Bool) -> Int32 {
    let mask = slots.count - 1
    var slot = hash.value & mask
    while slots[slot] >= 0 {
      let token = tokens[Int(slots[slot])]
      if matches(self[token]) { return token.id }
      slot = (slot + 1) & mask
    }
    return -1
  }

  /// The bytes of an id's token. O(1) where the ids are 0 ..< count, else O(log count).
  func token(_ id: Int32) -> ArraySlice<UInt8>? {
    guard let last = tokens.last, 0...last.id ~= id else { return nil }
    if Int(last.id) == tokens.count - 1 { return self[tokens[Int(id)]] }
    var (low, high) = (0, tokens.count)
    while low < high {
      let middle = (low + high) / 2
      if tokens[middle].id < id { low = middle + 1 } else { high = middle }
    }
    return low < tokens.count && tokens[low].id == id ? self[tokens[low]] : nil
  }

  private subscript(token: Token) -> ArraySlice<UInt8> {
    bytes[Int(token.offset)..<Int(token.offset + token.count)]
  }

  private func text(_ token: Token) -> String { String(decoding: self[token], as: UTF8.self) }
}
