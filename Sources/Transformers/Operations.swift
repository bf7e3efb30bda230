extension TransformerConfiguration {
  /// Floating-point operations of the products in a forward pass as it is carried out: causal attention without the
  /// half that is masked, the last layer past its projections for the wanted rows alone, a shared prefix once. Norms
  /// and activations are not counted.
  ///
  /// - Parameter rows: the rows that are wanted; nil for all.
  public func operations(_ batch: TokenBatch, rows: [Int]? = nil) -> Double {
    let tokens = Double(batch.tokens.count)
    let heads = Double(numAttentionHeads * headDim)
    let projection = Double(hiddenSize * (numAttentionHeads + 2 * numKeyValueHeads) * headDim)
    let rest = Double(layerParameterCount / numHiddenLayers) - projection
    func seen(_ row: Int, _ segment: TokenBatch.Segment) -> Double {
      Double(isCausal ? segment.firstPosition + row - segment.rows.lowerBound + 1 : segment.length)
    }
    let allSeen = batch.segments.reduce(0.0) { sum, segment in
      sum + segment.rows.reduce(0.0) { $0 + seen($1, segment) }
    }
    let layers = Double(numHiddenLayers)
    guard let rows else { return 2 * layers * (tokens * (projection + rest) + 2 * heads * allSeen) }
    let wanted = Set(rows)
    let wantedSeen = batch.segments.reduce(0.0) { sum, segment in
      sum + segment.rows.filter(wanted.contains).reduce(0.0) { $0 + seen($1, segment) }
    }
    let last = tokens * projection + Double(rows.count) * rest + 2 * heads * wantedSeen
    return 2 * ((layers - 1) * (tokens * (projection + rest) + 2 * heads * allSeen) + last)
  }
}
