import LinearAlgebra
import NeuralNetwork

/// The layers of a transformer over a batch of sequences without padding.
///
/// Two steps a layer, each shared among threads: attention, by sequence and head; then, by blocks of rows, the rest of
/// the layer together with the projections of the next one. A row's bits do not depend on what else is in the batch, on
/// how it is cut into segments, or on the number of threads.
struct BlockStack<Block: TransformerBlock>: Sendable {
  let blocks: [Block]
  let rotary: RotaryEmbedding?

  /// Runs all layers over `scratch.residual`, which holds the embedded tokens.
  ///
  /// - Parameter rows: the rows of the batch that are wanted; past the last attention nothing else is computed. Nil for
  ///   all of them.
  /// - Returns: the residual stream after the last layer, one row for each wanted one.
  func run(_ batch: TokenBatch, rows wanted: [Int]?, workers: Int, scratch: ForwardScratch) -> RowBlock {
    let tokens = batch.tokens.count
    let x = scratch.residual[0..<tokens]
    let projections = scratch.projections[0..<tokens]
    let ranges = Self.rowRanges(tokens, workers: workers)
    let plan = AttentionPlan(batch, attention: blocks[0].attention, wanted: nil, workers: workers)
    let tables = RotaryTables(rotary, batch)

    concurrentFor(ranges.count, workers: workers) { worker, index in
      project(blocks[0], x, projections, ranges[index], batch, tables, scratch.layers[worker])
    }
    for (layer, block) in blocks.enumerated() {
      let isLast = layer == blocks.count - 1
      if isLast, let wanted {
        return finish(block, batch, wanted: wanted, workers: workers, scratch: scratch)
      }
      plan.run(block.attention, projections, batch, workers: workers, scratch: scratch.layers)
      concurrentFor(ranges.count, workers: workers) { worker, index in
        let range = ranges[index]
        let layerScratch = scratch.layers[worker]
        block.complete(
          x.rows(range), attended: attended(block, projections.rows(range)), scratch: layerScratch)
        if !isLast { project(blocks[layer + 1], x, projections, range, batch, tables, layerScratch) }
      }
    }
    return x
  }

  /// The last layer for the wanted rows alone.
  private func finish(
    _ block: Block, _ batch: TokenBatch, wanted: [Int], workers: Int, scratch: ForwardScratch
  ) -> RowBlock {
    let plan = AttentionPlan(batch, attention: block.attention, wanted: wanted, workers: workers)
    plan.run(block.attention, scratch.projections.all, batch, workers: workers, scratch: scratch.layers)
    let x = RowBuffer(rows: wanted.count, columns: scratch.residual.columns)
    let heads = RowBuffer(rows: wanted.count, columns: block.attention.output.inputs)
    let attended = attended(block, scratch.projections.all)
    for (i, row) in wanted.enumerated() {
      x.all.copyRow(i, from: scratch.residual.all, row)
      heads.all.copyRow(i, from: attended, row)
    }
    let ranges = Self.rowRanges(wanted.count, workers: workers)
    concurrentFor(ranges.count, workers: workers) { worker, index in
      let range = ranges[index]
      block.complete(x[range], attended: heads[range], scratch: scratch.layers[worker])
    }
    return x.all
  }

  /// Attention leaves its result where the queries were.
  private func attended(_ block: Block, _ projections: RowBlock) -> RowBlock {
    projections.columns(0..<block.attention.output.inputs)
  }

  private func project(
    _ block: Block, _ x: RowBlock, _ projections: RowBlock, _ range: Range<Int>, _ batch: TokenBatch,
    _ tables: RotaryTables, _ scratch: LayerScratch
  ) {
    block.project(x.rows(range), into: projections.rows(range), scratch: scratch)
    tables.forEachRun(in: range, of: batch) { rows, position, table in
      block.attention.rotate(projections.rows(rows), from: position, table)
    }
  }

  /// Blocks of rows for the threads: equal shares, a multiple of the threads, none above what scratch holds.
  static func rowRanges(_ rows: Int, workers: Int) -> [Range<Int>] {
    guard rows > 0 else { return [] }
    let most = ForwardScratch.rowsAtATime
    let least = (rows + most - 1) / most
    let count = min((least + workers - 1) / workers * workers, max(least, rows / 8))
    return (0..<count).map { rows * $0 / count..<rows * ($0 + 1) / count }
  }
}
