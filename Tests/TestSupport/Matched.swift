import Testing

/// The pairs of the first elements, the second elements and so on, for comparing all of one with all of the other.
///
/// `zip` ends with the shorter side, so that a loop over it passes where elements are missing. This records an issue there.
public func matched<First: Sequence, Second: Sequence>(
  _ first: First, _ second: Second, sourceLocation: SourceLocation = #_sourceLocation
) -> [(First.Element, Second.Element)] {
  let (first, second) = (Array(first), Array(second))
  if first.count != second.count {
    Issue.record("\(first.count) elements stand against \(second.count)", sourceLocation: sourceLocation)
  }
  return Array(zip(first, second))
}
