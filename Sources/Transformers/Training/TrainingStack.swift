import LinearAlgebra
import NeuralNetwork

/// The layers of a transformer forward and backward over one batch.
///
/// As in `BlockStack` rows are shared among threads, and attention by sequence and head; gradients by weights are computed
/// layer by layer, shared out by outputs. Every sum has one order: the bits depend on the number of threads alone, which
/// decides how rows are cut.
struct TrainingStack<Block: TrainableBlock>: Sendable {
  let blocks: [Block]
  /// The last layers, through which the backward pass goes.
  let trained: Int
  let isCheckpointing: Bool
  let batch: TokenBatch
  let workers: Int
  let scratch: TrainingScratch
  /// The rows that are wanted of the last layer, ascending, where they are not all: past its projections its buffers hold
  /// these alone, one after another.
  let answered: [Int]?
  private let ranges: [Range<Int>]
  private let plan: AttentionPlan
  private let families: [[Int]]
  private let tables: RotaryTables
  private let inverseTables: RotaryTables

  init(
    _ stack: BlockStack<Block>, trained: Int, trainsWeights: Bool, isCheckpointing: Bool, _ batch: TokenBatch,
    rows: [Int], workers: Int, scratch: inout TrainingScratch
  ) {
    blocks = stack.blocks
    self.trained = trained
    self.isCheckpointing = isCheckpointing
    self.batch = batch
    self.workers = workers
    let wanted = Set(rows).sorted()
    answered = wanted.count < batch.tokens.count ? wanted : nil
    ranges = BlockStack<Block>.rowRanges(batch.tokens.count, workers: workers)
    plan = AttentionPlan(batch, attention: blocks[0].attention, wanted: nil, workers: workers)
    families = batch.families
    tables = RotaryTables(stack.rotary, batch)
    inverseTables = tables.inverse
    scratch.reserve(
      blocks, trained: trained, trainsWeights: trainsWeights, isCheckpointing: isCheckpointing,
      tokens: batch.tokens.count, longest: batch.longestLength, ranges: ranges.count, workers: workers)
    self.scratch = scratch
  }

  private var firstTrained: Int { blocks.count - trained }

  /// Where a layer's input stands. Those that are not trained take turns between two buffers.
  func input(of layer: Int) -> RowBuffer {
    layer >= firstTrained ? scratch.inputs[1 + layer - firstTrained] : scratch.inputs[1 - (firstTrained - layer) % 2]
  }

  /// The residual stream after the last layer.
  var output: RowBuffer { input(of: blocks.count) }

  /// Where wanted rows of the batch stand in `output`, and in the gradient by it.
  func places(of rows: [Int]) -> [Int] {
    guard let answered else { return rows }
    let places = Dictionary(uniqueKeysWithValues: answered.enumerated().map { ($1, $0) })
    return rows.compactMap { places[$0] }
  }

  private func tape(of layer: Int) -> LayerTape {
    scratch.tapes[isCheckpointing ? 0 : max(layer - firstTrained, 0)]
  }

  /// Runs all layers over `input(of: 0)`, which holds the embedded tokens.
  func forward() {
    for layer in blocks.indices { run(layer, into: input(of: layer + 1)) }
  }

  /// One layer; without `output` only what its tape holds.
  private func run(_ layer: Int, into output: RowBuffer?) {
    let block = blocks[layer]
    let x = input(of: layer)
    let tape = tape(of: layer)
    concurrentFor(ranges.count, workers: workers) { worker, index in
      block.project(x, ranges[index], keeping: tape, scratch: scratch.layers[worker])
      tables.forEachRun(in: ranges[index], of: batch) { rows, position, table in
        block.attention.rotate(tape.projections[rows], from: position, table)
      }
    }
    let answered = layer == blocks.count - 1 ? answered : nil
    let plan = answered.map { AttentionPlan(batch, attention: block.attention, wanted: $0, workers: workers) } ?? plan
    plan.run(
      block.attention, tape.projections.all, batch, into: tape.attended.all, logSums: tape.logSums.all,
      workers: workers, scratch: scratch.layers)
    let (input, parts): (RowBuffer, [Range<Int>])
    if let answered, let output {
      gather(answered, of: tape.attended.all, into: tape.attended.all)
      gather(answered, of: x.all, into: output.all)
      (input, parts) = (output, BlockStack<Block>.rowRanges(answered.count, workers: workers))
    } else {
      (input, parts) = (x, ranges)
    }
    concurrentFor(parts.count, workers: workers) { worker, index in
      block.complete(input, parts[index], keeping: tape, into: output, scratch: scratch.layers[worker])
    }
  }

  /// Goes back through the trained layers from the gradient by `output`, which `gradients.upper` holds.
  ///
  /// - Parameter add: is called after each layer with its gradients, before they are overwritten, and with what each of its
  ///   maps took and the gradient by what it gave.
  /// - Returns: the gradients, `upper` being that by the first trained layer's input.
  func backward(
    _ gradients: LayerGradients, _ add: (_ layer: Int, LayerGradients, [(gradient: RowBlock, x: RowBlock)]) -> Void
  ) -> LayerGradients {
    var gradients = gradients
    for layer in (firstTrained..<blocks.count).reversed() {
      // The last layer's tape is still that of the forward pass.
      if isCheckpointing, layer < blocks.count - 1 { run(layer, into: nil) }
      let maps = backward(layer, gradients)
      add(layer, gradients, maps)
      swap(&gradients.upper, &gradients.lower)
    }
    return gradients
  }

  private func backward(_ layer: Int, _ gradients: LayerGradients) -> [(gradient: RowBlock, x: RowBlock)] {
    let block = blocks[layer]
    let x = input(of: layer)
    let tape = tape(of: layer)
    let answered = layer == blocks.count - 1 ? answered : nil
    let rows = 0..<batch.tokens.count
    let rest = 0..<(answered?.count ?? rows.count)
    let parts = answered == nil ? ranges : BlockStack<Block>.rowRanges(rest.count, workers: workers)
    for norm in gradients.norms { norm.all.clear() }
    concurrentFor(parts.count, workers: workers) { _, part in
      block.completeBackward(parts[part], part: part, tape, gradients)
    }
    concurrentFor(ranges.count, workers: workers) { _, part in gradients.projections[ranges[part]].clear() }
    attentionBackward(block.attention, tape, gradients, answered)
    concurrentFor(ranges.count, workers: workers) { _, part in
      inverseTables.forEachRun(in: ranges[part], of: batch) { rows, position, table in
        block.attention.rotate(gradients.projections[rows], from: position, table)
      }
      block.projectBackward(
        x, ranges[part], part: part, skip: answered == nil ? gradients.middle : nil, tape, gradients)
    }
    for (place, row) in (answered ?? []).enumerated() {
      gradients.lower.all.addRow(row, from: gradients.middle.all, place)
    }
    let pairs = [
      (gradients.projections, block.attentionInput(x, gradients), rows), (gradients.middle, tape.attended, rest),
      (gradients.inner, gradients.innerInput, rest), (gradients.upper, gradients.product, rest),
    ]
    let maps = pairs.map { (gradient: $0.0[$0.2], x: $0.1[$0.2]) }
    let jobs = zip(maps, gradients.linears).map { LinearGradient.Job($0.gradient, $0.x, into: $1) }
    LinearGradient.compute(jobs, workers: workers)
    return maps
  }

  /// Texts that share a prefix add to its keys' gradient: one thread takes all of them, one head at a time.
  private func attentionBackward(
    _ attention: SelfAttention, _ tape: LayerTape, _ gradients: LayerGradients, _ answered: [Int]?
  ) {
    let groups = attention.keyValueHeads
    concurrentFor(families.count * groups, workers: workers) { worker, index in
      for member in families[index / groups] {
        let segment = batch.segments[member]
        let prefix = segment.prefix.map { [batch.segments[$0].rows] } ?? []
        let keys = prefix + [segment.rows]
        for (rows, places) in runs(of: answered, in: segment.rows) {
          attention.attendBackward(
            tape.projections[rows], firstQuery: segment.firstPosition + rows.lowerBound - segment.rows.lowerBound,
            keys: keys.map { tape.projections[$0] }, group: index % groups, out: tape.attended[places],
            logSums: tape.logSums[rows], outGradient: gradients.attended[places],
            queryGradient: gradients.projections[rows], keyGradients: keys.map { gradients.projections[$0] },
            scratch: scratch.attention[worker])
        }
      }
    }
  }
}

/// Runs of rows that follow each other among those of `answered` that lie in `range`, and their places there; without
/// `answered` the whole range.
private func runs(of answered: [Int]?, in range: Range<Int>) -> [(rows: Range<Int>, places: Range<Int>)] {
  guard let answered else { return [(range, range)] }
  var runs: [(rows: Range<Int>, places: Range<Int>)] = []
  for (place, row) in answered.enumerated() where range.contains(row) {
    if let last = runs.last, last.rows.upperBound == row {
      runs[runs.count - 1] = (last.rows.lowerBound..<row + 1, last.places.lowerBound..<place + 1)
    } else {
      runs.append((row..<row + 1, place..<place + 1))
    }
  }
  return runs
}

/// Row i takes row `rows[i]` of `source`, which may be the same block: rows ascend, so none is lost.
private func gather(_ rows: [Int], of source: RowBlock, into target: RowBlock) {
  for (i, row) in rows.enumerated() { target.copyRow(i, from: source, row) }
}

extension TokenBatch {
  /// The segments that share keys, those of the most tokens first: each without a prefix with those that continue it.
  var families: [[Int]] {
    var members: [Int: [Int]] = [:]
    for (index, segment) in segments.enumerated() { members[segment.prefix ?? index, default: []].append(index) }
    func cost(_ family: [Int]) -> Int { family.reduce(0) { $0 + segments[$1].rows.count * segments[$1].length } }
    return members.values.sorted { (cost($0), $1[0]) > (cost($1), $0[0]) }
  }
}
