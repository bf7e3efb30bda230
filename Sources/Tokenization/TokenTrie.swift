/// A set of byte strings, searched for in a text: the leftmost match, and of those at one place the longest.
struct TokenTrie: Sendable {
  struct Match {
    let start: Int
    let end: Int
    /// What was inserted with the string.
    let position: Int
  }

  /// The child nodes by node << 8 | byte.
  private var children: [Int: Int32] = [:]
  /// What ends at each node, -1 for nothing. Node 0 is the root.
  private var ends: [Int32] = [-1]
  /// The root's children, -1 where absent: most places of a text end here.
  private var firstNodes = [Int32](repeating: -1, count: 256)

  var isEmpty: Bool { ends.count == 1 }

  /// False, with nothing done, where the string is empty or was inserted before.
  mutating func insert(_ string: [UInt8], _ position: Int) -> Bool {
    guard let first = string.first else { return false }
    var node = 0
    for byte in string {
      let edge = node << 8 | Int(byte)
      if let child = children[edge] {
        node = Int(child)
      } else {
        node = ends.count
        children[edge] = Int32(node)
        ends.append(-1)
      }
    }
    guard ends[node] < 0 else { return false }
    ends[node] = Int32(position)
    firstNodes[Int(first)] = children[Int(first)] ?? -1
    return true
  }

  /// The first match that begins at `start` or later.
  func next(in text: [UInt8], from start: Int) -> Match? {
    var index = start
    while index < text.count {
      let node = firstNodes[Int(text[index])]
      if node >= 0, let match = longest(in: text, at: index, Int(node)) { return match }
      index &+= 1
    }
    return nil
  }

  private func longest(in text: [UInt8], at start: Int, _ first: Int) -> Match? {
    var (node, index) = (first, start + 1)
    var match: Match?
    while true {
      if ends[node] >= 0 { match = Match(start: start, end: index, position: Int(ends[node])) }
      guard index < text.count, let child = children[node << 8 | Int(text[index])] else { return match }
      node = Int(child)
      index += 1
    }
  }
}
