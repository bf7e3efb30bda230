/// The merges of a byte-pair encoding: for two ids that stand beside each other, the rank of their merge and the id
/// that they become. Open addressing in one array, a key and its value side by side.
struct MergeTable: Sendable {
  /// What `find` gives for two ids that do not merge: later than every rank.
  static let none = UInt64.max

  private var slots: [UInt64]
  private let shift: UInt64
  private var mask: Int { slots.count / 2 - 1 }

  init(capacity: Int) {
    var bits: UInt64 = 1
    while 1 << bits < 2 * capacity { bits += 1 }
    slots = [UInt64](repeating: .max, count: 2 << bits)
    shift = 64 - bits
  }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  private func home(_ key: UInt64) -> Int {
    Int(truncatingIfNeeded: ((key ^ key >> 29) &* 0x9e37_79b9_7f4a_7c15) >> shift)
  }

  /// Sets a merge; the last one of a pair counts.
  mutating func set(_ left: Int32, _ right: Int32, rank: UInt32, id: Int32) {
    let key = Self.key(left, right)
    var slot = home(key)
    while slots[2 * slot] != .max, slots[2 * slot] != key { slot = (slot + 1) & mask }
    slots[2 * slot] = key
    slots[2 * slot + 1] = UInt64(rank) << 32 | UInt64(UInt32(bitPattern: id))
  }

  /// rank << 32 | id of the pair's merge, or `none`.
  @inline(__always)
  func find(_ left: Int32, _ right: Int32) -> UInt64 {
    let key = Self.key(left, right)
    var slot = home(key)
    while true {
      let found = slots[2 &* slot]
      if found == key { return slots[2 &* slot &+ 1] }
      if found == .max { return Self.none }
      slot = (slot &+ 1) & mask
    }
  }
}
