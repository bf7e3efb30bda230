import LinearAlgebra
import NeuralNetwork

/// The rotary angles of a batch: one table for all sequences, or one a length where dynamic scaling sets in.
struct RotaryTables: Sendable {
  private let common: RotaryTable?
  private let byLength: [Int: RotaryTable]
  private let rotary: RotaryEmbedding?

  /// - Precondition: no segment whose length decides its angles shares a prefix.
  init(_ rotary: RotaryEmbedding?, _ batch: TokenBatch) {
    self.rotary = rotary
    guard let rotary else {
      common = nil
      byLength = [:]
      return
    }
    let decisive = Set(batch.segments.compactMap { rotary.decisiveLength($0.length) })
    precondition(
      decisive.isEmpty || batch.segments.allSatisfy { $0.prefix == nil || rotary.decisiveLength($0.length) == nil },
      "a prefix cannot be shared by texts whose lengths change its angles")
    let longest = batch.segments.map(\.length).filter { rotary.decisiveLength($0) == nil }.max() ?? 0
    common = rotary.table(positions: longest, length: longest)
    byLength = Dictionary(
      uniqueKeysWithValues: decisive.map { ($0, rotary.table(positions: $0, length: $0)) })
  }

  private init(_ rotary: RotaryEmbedding?, common: RotaryTable?, byLength: [Int: RotaryTable]) {
    self.rotary = rotary
    self.common = common
    self.byLength = byLength
  }

  /// The same angles, negative.
  var inverse: RotaryTables {
    RotaryTables(rotary, common: common?.inverse, byLength: byLength.mapValues(\.inverse))
  }

  /// The rows of `range` cut by segments, with the position of each first row and its table; none without rotary embedding.
  func forEachRun(
    in range: Range<Int>, of batch: TokenBatch, _ body: (_ rows: Range<Int>, _ position: Int, RotaryTable) -> Void
  ) {
    guard let rotary, let common else { return }
    for segment in batch.segments {
      let rows = range.clamped(to: segment.rows)
      guard !rows.isEmpty else { continue }
      let table = rotary.decisiveLength(segment.length).flatMap { byLength[$0] } ?? common
      body(rows, segment.firstPosition + rows.lowerBound - segment.rows.lowerBound, table)
    }
  }
}
