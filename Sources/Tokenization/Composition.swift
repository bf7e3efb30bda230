/// Canonical composition: which two scalars make one.
struct Composition: Sendable {
  static let shared = Composition()

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
  func compose(_ scalars: [UInt32]) -> [UInt32] {
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
}
