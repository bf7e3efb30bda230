/// The merging of a word's symbols: again and again the two neighbours whose merge has the lowest rank, the leftmost
/// ones of equal rank, until no two neighbours merge.
///
/// Words of up to 64 symbols look at all ranks each time; longer ones keep them in a heap, O(n log n), so that no input
/// costs the square of its length.
struct SymbolMerger {
  private static let longestScan = 64

  /// The symbols of the word, replaced by the merged ones.
  var symbols: [Int32] = []
  private var merges: [UInt64] = []
  private var previous: [Int32] = []
  private var next: [Int32] = []

  mutating func merge(by table: MergeTable) {
    if symbols.count < 2 { return }
    if symbols.count <= Self.longestScan { scan(table) } else { mergeLong(table) }
  }

  private mutating func scan(_ table: MergeTable) {
    merges.removeAll(keepingCapacity: true)
    for index in 1..<symbols.count { merges.append(table.find(symbols[index - 1], symbols[index])) }
    while true {
      var best = MergeTable.none
      var position = 0
      for index in 0..<merges.count where merges[index] < best {
        best = merges[index]
        position = index
      }
      if best == MergeTable.none { return }
      symbols[position] = Int32(truncatingIfNeeded: best)
      symbols.remove(at: position + 1)
      merges.remove(at: position)
      if position > 0 { merges[position - 1] = table.find(symbols[position - 1], symbols[position]) }
      if position < merges.count { merges[position] = table.find(symbols[position], symbols[position + 1]) }
    }
  }

  /// `merges` is a binary heap of rank << 32 | position; entries that no longer hold are passed over.
  private mutating func mergeLong(_ table: MergeTable) {
    let count = symbols.count
    previous = (0..<count).map { Int32($0 - 1) }
    next = (0..<count).map { $0 + 1 < count ? Int32($0 + 1) : -1 }
    merges.removeAll(keepingCapacity: true)
    for index in 1..<count { push(table, index - 1, index) }
    while let top = pop() {
      let position = Int(top & 0xffff_ffff)
      let right = Int(next[position])
      guard symbols[position] >= 0, right >= 0 else { continue }
      let found = table.find(symbols[position], symbols[right])
      guard found != MergeTable.none, found >> 32 == top >> 32 else { continue }
      symbols[position] = Int32(truncatingIfNeeded: found)
      symbols[right] = -1
      next[position] = next[right]
      if next[right] >= 0 { previous[Int(next[right])] = Int32(position) }
      if previous[position] >= 0 { push(table, Int(previous[position]), position) }
      if next[position] >= 0 { push(table, position, Int(next[position])) }
    }
    symbols.removeAll { $0 < 0 }
  }

  private mutating func push(_ table: MergeTable, _ left: Int, _ right: Int) {
    let found = table.find(symbols[left], symbols[right])
    guard found != MergeTable.none else { return }
    let entry = (found >> 32) << 32 | UInt64(left)
    var child = merges.count
    merges.append(entry)
    while child > 0 {
      let parent = (child - 1) / 2
      if merges[parent] <= entry { break }
      merges[child] = merges[parent]
      child = parent
    }
    merges[child] = entry
  }

  private mutating func pop() -> UInt64? {
    guard let top = merges.first, let last = merges.popLast() else { return nil }
    if merges.isEmpty { return top }
    var parent = 0
    while true {
      var child = 2 * parent + 1
      if child >= merges.count { break }
      if child + 1 < merges.count, merges[child + 1] < merges[child] { child += 1 }
      if last <= merges[child] { break }
      merges[parent] = merges[child]
      parent = child
    }
    merges[parent] = last
    return top
  }
}
