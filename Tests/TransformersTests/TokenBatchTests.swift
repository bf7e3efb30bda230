import TestSupport
import Testing
import Transformers

@Suite struct TokenBatchTests {
  @Test func textsLieSideBySide() {
    let batch = TokenBatch([[1, 2, 3], [4]])
    #expect(batch.tokens == [1, 2, 3, 4] && batch.typeIDs == [0, 0, 0, 0])
    #expect(batch.segments.map(\.rows) == [0..<3, 3..<4])
    #expect(batch.segments.allSatisfy { $0.prefix == nil && $0.firstPosition == 0 })
    #expect(batch.longestLength == 3 && batch.lastRow(of: 0) == 2 && batch.lastRow(of: 1) == 3)
    #expect(TokenBatch().longestLength == 0)
  }

  /// The whole text that a segment ends.
  private func text(_ batch: TokenBatch, _ segment: Int) -> [Int32] {
    let own = batch.segments[segment]
    return (own.prefix.map { Array(batch.tokens[batch.segments[$0].rows]) } ?? []) + batch.tokens[own.rows]
  }

  @Test(arguments: [
    // The last token of each stays its own: its hidden state is what is wanted.
    (texts: [[1, 2, 3, 4], [1, 2, 3, 4]], shared: 3),
    (texts: [[1, 2, 3, 9], [1, 2, 4]], shared: 2),
    // One is the beginning of the other.
    (texts: [[1, 2, 3], [1, 2, 3, 4, 5]], shared: 2),
    (texts: [[1, 2, 3, 4, 5], [1, 2, 3], [1, 2]], shared: 1),
    (texts: [[1, 2], [2, 1]], shared: 0),
    (texts: [[1], [1]], shared: 0),
    (texts: [[1, 2, 3]], shared: 0),
  ])
  func sharesWhatAllTextsBeginWith(texts: [[Int32]], shared: Int) {
    var batch = TokenBatch([[7, 7]])
    let ends = batch.append(sharingPrefixOf: texts)
    #expect(ends.map { text(batch, $0) } == texts)
    #expect(batch.tokens.count == 2 + texts.reduce(0) { $0 + $1.count } - max(texts.count - 1, 0) * shared)
    for (end, text) in matched(ends, texts) {
      let segment = batch.segments[end]
      #expect(segment.length == text.count && segment.firstPosition == shared)
      #expect(segment.prefix == (shared > 0 ? 1 : nil))
      #expect(batch.tokens[batch.lastRow(of: end)] == text.last)
      #expect(text.indices.map { batch.tokens[batch.row(of: end, position: $0)] } == text)
    }
  }

  @Test func noTextsAddNothing() {
    var batch = TokenBatch()
    #expect(batch.append(sharingPrefixOf: []).isEmpty && batch == TokenBatch())
  }

  @Test func typesGoAlong() {
    var batch = TokenBatch([[1]])
    batch.append([2, 3], typeIDs: [0, 1])
    #expect(batch.typeIDs == [0, 0, 1])
  }
}
