import LinearAlgebra
import NeuralNetwork

/// Which pieces of attention a batch needs, the longest first, so that no thread is left with a long one at the end.
struct AttentionPlan: Sendable {
  struct Item: Sendable {
    let segment: Int
    /// Rows of the batch whose queries are answered.
    let rows: Range<Int>
    let group: Int
    let members: Range<Int>
  }

  let items: [Item]

  /// - Parameter wanted: the rows whose attention is wanted; nil for all of them.
  init(_ batch: TokenBatch, attention: SelfAttention, wanted: [Int]?, workers: Int) {
    let share = attention.heads / attention.keyValueHeads
    // Packing keys and values once for a whole group is cheaper, but a batch of few sequences needs smaller pieces.
    let perGroup = batch.segments.count * attention.keyValueHeads >= 4 * workers ? share : 1
    var pieces: [(segment: Int, rows: Range<Int>)] = []
    if let wanted {
      for row in Set(wanted).sorted() {
        guard let segment = batch.segments.firstIndex(where: { $0.rows.contains(row) }) else {
          preconditionFailure("row \(row) is not among the \(batch.tokens.count) of the batch")
        }
        pieces.append((segment, row..<row + 1))
      }
    } else {
      pieces = batch.segments.indices.map { ($0, batch.segments[$0].rows) }
    }
    let cost = pieces.map { $0.rows.count * batch.segments[$0.segment].length }
    let order = pieces.indices.sorted { (cost[$0], $1) > (cost[$1], $0) }
    items = order.flatMap { piece in
      (0..<attention.keyValueHeads).flatMap { group in
        stride(from: 0, to: share, by: perGroup).map { first in
          Item(
            segment: pieces[piece].segment, rows: pieces[piece].rows, group: group, members: first..<first + perGroup)
        }
      }
    }
  }

  /// - Parameters:
  ///   - out: takes the result, rows of heads side by side; nil for the place of the queries.
  ///   - logSums: as `SelfAttention.attend` gives them; or nil.
  func run(
    _ attention: SelfAttention, _ projections: RowBlock, _ batch: TokenBatch, into out: RowBlock? = nil,
    logSums: RowBlock? = nil, workers: Int, scratch: [LayerScratch]
  ) {
    concurrentFor(items.count, workers: workers) { worker, index in
      let item = items[index]
      let segment = batch.segments[item.segment]
      var keys = [projections.rows(segment.rows)]
      if let prefix = segment.prefix { keys.insert(projections.rows(batch.segments[prefix].rows), at: 0) }
      attention.attend(
        projections.rows(item.rows), firstQuery: segment.firstPosition + item.rows.lowerBound - segment.rows.lowerBound,
        keys: keys, group: item.group, members: item.members, into: out?.rows(item.rows),
        logSums: logSums?.rows(item.rows), scratch: scratch[worker])
    }
  }
}
