import LinearAlgebra
import NeuralNetwork

/// A forward pass of a transformer in training, and what its backward pass needs.
///
/// Its memory is that of the scratch it ran in: it is valid until the next pass there.
public struct TrainingPass: Sendable {
  enum Stack: Sendable {
    case decoder(TrainingStack<DecoderBlock>)
    case encoder(TrainingStack<EncoderBlock>)
  }

  public let batch: TokenBatch
  /// The rows of the batch whose states are wanted.
  public let rows: [Int]
  /// Hidden states after the last layer and, in Llama's family, the final norm: wanted rows x hidden size.
  public let states: RowBuffer
  /// The same before the final norm.
  let residual: RowBuffer
  let stack: Stack
}

extension TrainableTransformer {
  /// Runs the model over a batch and keeps what the backward pass needs.
  ///
  /// - Parameters:
  ///   - rows: the rows of the batch that are wanted, in this order; nil for all.
  ///   - isCheckpointing: keeps only each layer's input and computes the rest anew in the backward pass: a third more time,
  ///     the memory of one layer.
  ///   - scratch: kept and enlarged from step to step; its buffers belong to this pass until its backward pass is done.
  /// - Throws: as `TransformerModel.hiddenStates`.
  public func forward(
    _ batch: TokenBatch, rows: [Int]? = nil, isCheckpointing: Bool = false,
    workers: Int = BLASRuntime.usableThreads, scratch: inout TrainingScratch
  ) throws -> TrainingPass {
    let model = model
    try model.validate(batch)
    precondition(!batch.tokens.isEmpty, "a batch without tokens")
    let rows = rows ?? Array(batch.tokens.indices)
    switch model.layers {
    case .decoder(let stack):
      let training = TrainingStack(
        stack, trained: trainedLayers, trainsWeights: adapted.isEmpty, isCheckpointing: isCheckpointing, batch,
        rows: rows, workers: workers, scratch: &scratch)
      return run(training, rows: rows, .decoder(training))
    case .encoder(let stack):
      let training = TrainingStack(
        stack, trained: trainedLayers, trainsWeights: adapted.isEmpty, isCheckpointing: isCheckpointing, batch,
        rows: rows, workers: workers, scratch: &scratch)
      return run(training, rows: rows, .encoder(training))
    }
  }

  private func run<Block: TrainableBlock>(
    _ stack: TrainingStack<Block>, rows: [Int], _ kind: TrainingPass.Stack
  ) -> TrainingPass {
    let batch = stack.batch
    model.embedding.forward(batch, into: stack.input(of: 0)[0..<batch.tokens.count])
    stack.forward()
    let residual = RowBuffer(rows: rows.count, columns: configuration.hiddenSize)
    for (i, place) in stack.places(of: rows).enumerated() { residual.all.copyRow(i, from: stack.output.all, place) }
    var states = residual
    if let norm = model.finalNorm {
      states = RowBuffer(rows: rows.count, columns: configuration.hiddenSize)
      norm.forward(residual.all, into: states.all)
    }
    return TrainingPass(batch: batch, rows: rows, states: states, residual: residual, stack: kind)
  }

  /// Adds the gradients by the trained parameters to `gradients`, whose form is that of `zeroGradients`.
  ///
  /// - Parameter gradient: by `pass.states`, of their shape.
  /// - Precondition: the parameters are those of the forward pass, and no other pass has run in its scratch since.
  public func backward(_ gradient: RowBlock, _ pass: TrainingPass, into gradients: inout [[Float]]) {
    precondition(
      gradient.rows == pass.states.rows && gradient.columns == pass.states.columns
        && gradients.count == parameters.count,
      "a gradient of \(gradient.rows) x \(gradient.columns) by states of \(pass.states.rows) x \(pass.states.columns)")
    guard trained != .none else { return }
    switch pass.stack {
    case .decoder(let stack): backward(stack, gradient, pass, into: &gradients)
    case .encoder(let stack): backward(stack, gradient, pass, into: &gradients)
    }
  }

  private func backward<Block: TrainableBlock>(
    _ stack: TrainingStack<Block>, _ gradient: RowBlock, _ pass: TrainingPass, into gradients: inout [[Float]]
  ) {
    var output = gradient
    if let norm = model.finalNorm, let place = index[prefix + "norm.weight"] {
      output = RowBuffer(rows: gradient.rows, columns: gradient.columns).all
      let weights = RowBuffer(rows: 1, columns: gradient.columns)
      norm.backward(pass.residual.all, gradient, into: output, weightGradient: weights.all)
      if isTrained[place] { weights.all.add(to: &gradients[place]) }
    }
    guard trainedLayers > 0, let start = stack.scratch.gradients else { return }
    let upper = start.upper[0..<(stack.answered?.count ?? pass.batch.tokens.count)]
    upper.clear()
    for (i, place) in stack.places(of: pass.rows).enumerated() { upper.addRow(place, from: output, i) }
    let end = stack.backward(start) { layer, found, maps in
      if adapted.isEmpty {
        add(found, of: keys[layer], to: &gradients)
      } else {
        addLowRank(maps, of: keys[layer], workers: stack.workers, to: &gradients)
      }
    }
    if trained == .all { embeddingBackward(end, pass.batch, into: &gradients) }
  }

  private func add(_ found: LayerGradients, of keys: LayerKeys, to gradients: inout [[Float]]) {
    for (map, linear) in found.linears.enumerated() {
      var first = 0
      for (part, place) in keys.weights[map].enumerated() {
        let outputs = first..<first + parameters[place].shape[0]
        linear.weight[outputs].add(to: &gradients[place])
        if let bias = linear.bias { bias.all.columns(outputs).add(to: &gradients[keys.biases[map][part]]) }
        first = outputs.upperBound
      }
    }
    for (place, norm) in zip(keys.norms, found.norms) { addRows(norm.all, to: &gradients[place]) }
  }

  /// The gradient by each row's token, and with BERT through the norm by its position and type.
  private func embeddingBackward(
    _ found: LayerGradients, _ batch: TokenBatch, into gradients: inout [[Float]]
  ) {
    let gradient = found.upper[0..<batch.tokens.count]
    let size = configuration.hiddenSize
    func place(_ key: String) -> Int? { index[prefix + key] }
    guard let absolute = model.embedding.absolute else {
      guard let tokens = place("embed_tokens.weight") else { return }
      for (row, token) in batch.tokens.enumerated() {
        gradient.rows(row..<row + 1).add(to: &gradients[tokens], at: Int(token) * size)
      }
      return
    }
    let sums = found.middle[0..<batch.tokens.count]
    model.embedding.sum(batch, into: sums)
    let norm = RowBuffer(rows: 2, columns: size)
    absolute.norm.backward(sums, gradient, into: gradient, weightGradient: norm[0..<1], biasGradient: norm[1..<2])
    for (key, row) in [("weight", 0), ("gamma", 0), ("bias", 1), ("beta", 1)] {
      if let norms = place("embeddings.LayerNorm." + key) { norm[row..<row + 1].add(to: &gradients[norms]) }
    }
    let tables = ["word", "position", "token_type"].compactMap { place("embeddings.\($0)_embeddings.weight") }
    for segment in batch.segments {
      for row in segment.rows {
        let position = segment.firstPosition + row - segment.rows.lowerBound
        for (table, entry) in zip(tables, [Int(batch.tokens[row]), position, Int(batch.typeIDs[row])]) {
          gradient.rows(row..<row + 1).add(to: &gradients[table], at: entry * size)
        }
      }
    }
  }

  /// Adds the sum of some rows, in their order.
  private func addRows(_ rows: RowBlock, to values: inout [Float]) {
    for i in 0..<rows.rows { rows.rows(i..<i + 1).add(to: &values) }
  }
}

/// The vectors of texts in training, and the pass whose states they were pooled from.
public struct PooledPass: Sendable {
  /// texts x hidden size.
  public let vectors: Matrix<Float>
  public let pass: TrainingPass
  /// The rows of the states that each vector is made of.
  let spans: [Range<Int>]
}

extension TrainableTransformer {
  /// One vector a text, as `TransformerModel.pooled` gives it; otherwise as `forward`.
  public func forwardPooled(
    _ batch: TokenBatch, segments: [Int], isCheckpointing: Bool = false,
    workers: Int = BLASRuntime.usableThreads, scratch: inout TrainingScratch
  ) throws -> PooledPass {
    var rows: [Int] = []
    let spans = segments.map { segment in
      let start = rows.count
      rows += pooling.rows(of: segment, in: batch)
      return start..<rows.count
    }
    let pass = try forward(
      batch, rows: rows, isCheckpointing: isCheckpointing, workers: workers, scratch: &scratch)
    let vectors = spans.map { pooling.pool(pass.states[$0].matrix) }
    return PooledPass(vectors: Matrix(rows: vectors), pass: pass, spans: spans)
  }

  /// Adds to `gradients` as `backward` does, from the gradient by the vectors (texts x hidden size).
  public func backward(_ gradient: Matrix<Float>, _ pooled: PooledPass, into gradients: inout [[Float]]) {
    precondition(
      gradient.rows == pooled.vectors.rows && gradient.columns == pooled.vectors.columns,
      "a gradient of \(gradient.rows) x \(gradient.columns) by \(pooled.vectors.rows) vectors")
    let states = RowBuffer(rows: pooled.pass.states.rows, columns: gradient.columns)
    for (text, span) in pooled.spans.enumerated() {
      let own = pooling.poolGradient(pooled.pass.states[span].matrix, Array(gradient.row(text)))
      for (i, row) in span.enumerated() { states.all.setRow(row, to: own.row(i)) }
    }
    backward(states.all, pooled.pass, into: &gradients)
  }
}
