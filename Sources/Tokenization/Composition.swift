/// Canonical composition: which two scalars make one.
package struct Composition: Sendable {
  package static let shared = Composition()

  /// The composite of first << 32 | second.
  private var composites: [UInt64: UInt32] = [:]

  private init() {
    var ofSequence: [[UInt32]: UInt32] = [:]
    Decomposition.canonical.forEach { value, parts in
      if Unicode.Scalar(value)?.properties.isFullCompositionExclusion == false { ofSequence[Array(parts)] = value }
    }
    // A decomposition lists the parts of a composite's first part before its second part.
    for (parts, value) in ofSequence {
      guard let last = parts.last, parts.count > 1 else { continue }
      let front = parts.dropLast()
      let first = front.count == 1 ? front.first : ofSequence[Array(front)]
      if let first { composites[UInt64(first) << 32 | UInt64(last)] = value }
    }
  }

  /// Composes decomposed scalars: NFC or NFKC from NFD or NFKD.
  package func compose(_ scalars: [UInt32]) -> [UInt32] {
    var output: [UInt32] = []
    output.reserveCapacity(scalars.count)
    let classes = CombiningClasses.shared
    var starter: Int?
    // The class of the last scalar kept after the starter; a scalar is blocked by one of its own class or by a starter.
    var lastClass: UInt8 = 0
    for scalar in scalars {
      let combining = classes[scalar]
      if let position = starter {
        let isAdjacent = position == output.count - 1
        if isAdjacent || lastClass < combining, let composite = composite(output[position], scalar) {
          output[position] = composite
          continue
        }
      }
      if combining == 0 { starter = output.count }
      lastClass = combining
      output.append(scalar)
    }
    return output
  }

  private func composite(_ first: UInt32, _ second: UInt32) -> UInt32? {
    Hangul.compose(first, second) ?? composites[UInt64(first) << 32 | UInt64(second)]
  }

  /// A text in NFC, or in NFKC with `compatibility`.
  ///
  /// Composes each run of scalars that composition may change together with the one scalar before it.
  ///
  /// Below U+0300 (with compatibility, U+0080) a scalar is a starter that stays as it is beside others of its kind and
  /// never joins the scalar before it, so a run ends before one.
  package static func composed(_ text: [UInt8], compatibility: Bool) -> [UInt8] {
    let firstLead: UInt8 = compatibility ? 0xc2 : 0xcc
    func isInert(_ index: Int) -> Bool { text[index] < firstLead }
    guard let first = text.firstIndex(where: { $0 >= firstLead }) else { return text }
    let table = Decomposition.of(compatibility: compatibility)
    var output: [UInt8] = []
    output.reserveCapacity(text.count)
    var copied = 0
    var index = first
    while index < text.count {
      var start = index
      if start > copied {
        start -= 1
        while start > copied, text[start] & 0xc0 == 0x80 { start -= 1 }
      }
      var end = index
      while end < text.count, !isInert(end) { end += UTF8Scalars.length(text[end]) }
      output += text[copied..<start]
      output += utf8(shared.compose(table.decompose(Array(text[start..<end]))))
      copied = end
      while end < text.count, isInert(end) { end += UTF8Scalars.length(text[end]) }
      index = end
    }
    output += text[copied...]
    return output
  }
}
