extension TransformerConfiguration {
  /// Floating-point operations of the products in a forward pass as it is carried out: causal attention without the
  /// half that is masked, the last layer past its projections for the wanted rows alone, a shared prefix once. Norms
  /// and activations are not counted.
  ///
  /// - Parameter rows: the rows that are wanted; nil for all.
  public func operations(_ batch: TokenBatch, rows: [Int]? = nil) -> Double {
    let inner = layerOperations(batch, rows: nil)
    let last = layerOperations(batch, rows: rows)
    return Double(numHiddenLayers - 1) * (inner.linear + inner.attention) + last.linear + last.attention
  }

  /// Those of a training step with gradients by the last `trained` layers' weights and by their inputs, counted in the same
  /// way: a linear map has two products backward for one forward; attention five for two, as its scores are computed anew.
  ///
  /// - Parameter isCheckpointing: whether all layers but the last run forward twice.
  public func trainingOperations(_ batch: TokenBatch, rows: [Int]? = nil, trained: Int, isCheckpointing: Bool = false)
    -> Double
  {
    guard trained > 0 else { return operations(batch, rows: rows) }
    let inner = layerOperations(batch, rows: nil)
    let last = layerOperations(batch, rows: rows)
    var step = operations(batch, rows: rows) + 2 * last.linear + 2.5 * last.attention
    step += Double(trained - 1) * (2 * inner.linear + 2.5 * inner.attention)
    if isCheckpointing { step += Double(trained - 1) * (inner.linear + inner.attention) }
    return step
  }

  /// One layer forward, of which `rows` are wanted.
  private func layerOperations(_ batch: TokenBatch, rows: [Int]?) -> (linear: Double, attention: Double) {
    let tokens = Double(batch.tokens.count)
    let heads = Double(numAttentionHeads * headDim)
    let projection = Double(hiddenSize * (numAttentionHeads + 2 * numKeyValueHeads) * headDim)
    let rest = Double(layerParameterCount / numHiddenLayers) - projection
    let wanted = rows.map { Set($0) }
    var seen = 0.0
    for segment in batch.segments {
      for row in segment.rows where wanted?.contains(row) ?? true {
        seen += Double(isCausal ? segment.firstPosition + row - segment.rows.lowerBound + 1 : segment.length)
      }
    }
    return (2 * (tokens * projection + Double(rows?.count ?? batch.tokens.count) * rest), 4 * heads * seen)
  }
}
