/// Splitting of pieces at the matches of a pattern.
enum Splitter {
  private struct Segment {
    var start: Int
    var end: Int
    var isMatch: Bool
  }

  /// Replaces each piece by what its matches and the text between them become. Empty pieces vanish.
  static func split(
    _ text: inout TextPieces, at pattern: SplitPattern, _ behavior: SplitBehavior, inverted: Bool
  ) {
    var output: [TextPieces.Piece] = []
    output.reserveCapacity(text.pieces.count * 2)
    var matches: [SplitPattern.Match] = []
    var segments: [Segment] = []
    for piece in text.pieces {
      matches.removeAll(keepingCapacity: true)
      pattern.find(in: text.bytes, piece.start..<piece.end, into: &matches)
      segments.removeAll(keepingCapacity: true)
      var end = piece.start
      for match in matches {
        if end < match.start { segments.append(Segment(start: end, end: match.start, isMatch: inverted)) }
        segments.append(Segment(start: match.start, end: match.end, isMatch: !inverted))
        end = match.end
      }
      if end < piece.end { segments.append(Segment(start: end, end: piece.end, isMatch: inverted)) }
      merge(&segments, behavior)
      for segment in segments where segment.start < segment.end {
        output.append(
          TextPieces.Piece(
            start: segment.start, end: segment.end, isAtStart: piece.isAtStart && segment.start == piece.start))
      }
    }
    text.pieces = output
  }

  private static func merge(_ segments: inout [Segment], _ behavior: SplitBehavior) {
    var wasMatch = false
    var merged: [Segment] = []
    switch behavior {
    case .isolated: return
    case .removed:
      segments.removeAll(where: \.isMatch)
      return
    case .contiguous:
      for segment in segments {
        if segment.isMatch == wasMatch, let last = merged.indices.last {
          merged[last].end = segment.end
        } else {
          merged.append(segment)
        }
        wasMatch = segment.isMatch
      }
    case .mergedWithPrevious:
      for segment in segments {
        if segment.isMatch, !wasMatch, let last = merged.indices.last {
          merged[last].end = segment.end
        } else {
          merged.append(segment)
        }
        wasMatch = segment.isMatch
      }
    case .mergedWithNext:
      for segment in segments.reversed() {
        if segment.isMatch, !wasMatch, let last = merged.indices.last {
          merged[last].start = segment.start
        } else {
          merged.append(segment)
        }
        wasMatch = segment.isMatch
      }
      merged.reverse()
    }
    segments = merged
  }
}
