/// The ids of words that were met before, by their bytes. Results do not depend on what it holds.
///
/// Open addressing. Words of up to 15 bytes are their own keys; longer ones, up to 64 bytes, are found by a hash and
/// compared. When it is full it starts anew, so its memory is bounded (about 10 MB).
struct WordCache {
  private struct Entry {
    /// The first 8 bytes, or a hash.
    var low: UInt64
    /// The other bytes below the length in the top byte, or length and place in `words`; 0 where free.
    var high: UInt64
    /// The id of a word that is one token, else where its ids begin.
    var first: Int32
    var count: Int32
  }

  static let longestWord = 64
  private static let longestExact = 15
  private static let largest = 1 << 17

  private var entries: [Entry]
  private var used = 0
  private var ids: [Int32] = []
  private var words: [UInt8] = []

  init() {
    entries = [Entry](repeating: Entry(low: 0, high: 0, first: 0, count: 0), count: 1 << 11)
  }

  /// What identifies a word.
  struct Key {
    fileprivate var low: UInt64 = 0
    fileprivate var high: UInt64 = 0
    fileprivate let start: Int
    fileprivate let end: Int

    @inline(__always)
    init(_ bytes: [UInt8], _ start: Int, _ end: Int) {
      self.start = start
      self.end = end
      let count = end &- start
      if count <= longestExact {
        var index = start
        let middle = min(end, start &+ 8)
        while index < middle {
          low = low << 8 | UInt64(bytes[index])
          index &+= 1
        }
        while index < end {
          high = high << 8 | UInt64(bytes[index])
          index &+= 1
        }
        high |= UInt64(truncatingIfNeeded: count) << 56
      } else {
        var state: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in start..<end { state = (state ^ UInt64(bytes[index])) &* 0x0000_0100_0000_01b3 }
        low = state
        high = UInt64(truncatingIfNeeded: 0x80 | count) << 56
      }
    }

    @inline(__always)
    fileprivate var hash: Int {
      let mixed = (low ^ (high &* 0xd6e8_feb8_6659_fd93)) &* 0x9e37_79b9_7f4a_7c15
      return Int(truncatingIfNeeded: mixed >> 32)
    }

    @inline(__always)
    fileprivate var isExact: Bool { high >> 63 == 0 }
  }

  /// Appends the ids of a word that is known here, and says whether it is.
  @inline(__always)
  func append(_ key: Key, _ bytes: [UInt8], to output: inout [Int32]) -> Bool {
    let mask = entries.count &- 1
    var slot = key.hash & mask
    while true {
      let entry = entries[slot]
      if entry.high == 0 { return false }
      if entry.low == key.low, key.isExact ? entry.high == key.high : isSame(entry, key, bytes) {
        if entry.count == 1 {
          output.append(entry.first)
        } else {
          output += ids[Int(entry.first)..<Int(entry.first &+ entry.count)]
        }
        return true
      }
      slot = (slot &+ 1) & mask
    }
  }

  private func isSame(_ entry: Entry, _ key: Key, _ bytes: [UInt8]) -> Bool {
    guard entry.high >> 56 == key.high >> 56 else { return false }
    let offset = Int(entry.high & 0xffff_ffff)
    return words[offset..<offset + key.end - key.start].elementsEqual(bytes[key.start..<key.end])
  }

  /// Keeps the ids of a word that is not here.
  mutating func insert(_ key: Key, _ bytes: [UInt8], _ wordIDs: ArraySlice<Int32>) {
    if 2 * used >= entries.count { grow() }
    var entry = Entry(low: key.low, high: key.high, first: 0, count: Int32(wordIDs.count))
    if wordIDs.count == 1, let id = wordIDs.first {
      entry.first = id
    } else {
      entry.first = Int32(ids.count)
      ids += wordIDs
    }
    if !key.isExact {
      entry.high |= UInt64(words.count)
      words += bytes[key.start..<key.end]
    }
    place(entry, hash: key.hash)
    used += 1
  }

  private mutating func place(_ entry: Entry, hash: Int) {
    let mask = entries.count - 1
    var slot = hash & mask
    while entries[slot].high != 0 { slot = (slot + 1) & mask }
    entries[slot] = entry
  }

  private mutating func grow() {
    let old = entries
    let size = old.count < Self.largest ? 4 * old.count : old.count
    entries = [Entry](repeating: Entry(low: 0, high: 0, first: 0, count: 0), count: size)
    if size == old.count {
      (used, ids, words) = (0, [], [])
      return
    }
    for entry in old where entry.high != 0 {
      var key = Key([], 0, 0)
      key.low = entry.low
      key.high = entry.high >> 63 == 0 ? entry.high : (entry.high >> 56) << 56
      place(entry, hash: key.hash)
    }
  }
}
