import LinearAlgebra

/// Attention with grouped queries: `heads` query heads, each `heads / keyValueHeads` of which share the keys and values
/// of one.
///
/// - projection: hidden to (heads + 2 keyValueHeads) x headSize, queries, keys and values side by side; output: heads x
///   headSize to hidden.
/// - queryNorm, keyNorm: over each head (Qwen3), before the rotary embedding.
///
/// Source: Ainslie et al., "GQA: Training Generalized Multi-Query Transformer Models" (arXiv 2305.13245).
public struct SelfAttention: Sendable {
  public let heads: Int
  public let keyValueHeads: Int
  public let headSize: Int
  public let isCausal: Bool
  public let projection: Linear
  public let output: Linear
  public let queryNorm: RMSNorm?
  public let keyNorm: RMSNorm?

  public init(
    heads: Int, keyValueHeads: Int, headSize: Int, isCausal: Bool, projection: Linear, output: Linear,
    queryNorm: RMSNorm? = nil, keyNorm: RMSNorm? = nil
  ) {
    precondition(heads % keyValueHeads == 0, "\(heads) query heads over \(keyValueHeads) key heads")
    precondition(
      projection.outputs == (heads + 2 * keyValueHeads) * headSize && output.inputs == heads * headSize,
      "projections of \(projection.outputs) and \(output.inputs) for \(heads) + 2 x \(keyValueHeads) heads of \(headSize)"
    )
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.headSize = headSize
    self.isCausal = isCausal
    self.projection = projection
    self.output = output
    self.queryNorm = queryNorm
    self.keyNorm = keyNorm
  }

  /// Queries, keys and values of the rows of `x`, before their positions enter: rows x `projection.outputs`.
  public func project(_ x: RowBlock, into qkv: RowBlock, scratch: LayerScratch) {
    projection.forward(x, into: qkv, scratch: scratch)
    normalize(queryNorm, heads: 0..<heads, of: qkv)
    normalize(keyNorm, heads: heads..<heads + keyValueHeads, of: qkv)
  }

  /// Turns queries and keys of rows at consecutive positions.
  public func rotate(_ qkv: RowBlock, from position: Int, _ table: RotaryTable) {
    table.apply(qkv.columns(0..<(heads + keyValueHeads) * headSize), from: position)
  }

  /// Attention of some query heads that share one key head; the result takes the place of the queries.
  ///
  /// - Parameters:
  ///   - queries: rows of the projections; `firstQuery` is the position of its first row among the keys.
  ///   - keys: the rows, in order, that hold the keys and values: a shared prefix, then the sequence's own.
  ///   - group: the key head; `members`: which of its query heads.
  public func attend(
    _ queries: RowBlock, firstQuery: Int, keys: [RowBlock], group: Int, members: Range<Int>, scratch: LayerScratch
  ) {
    let first = group * (heads / keyValueHeads)
    let q = queries.columns((first + members.lowerBound) * headSize..<(first + members.upperBound) * headSize)
    let keyColumns = (heads + group) * headSize..<(heads + group + 1) * headSize
    let valueColumns =
      (heads + keyValueHeads + group) * headSize..<(heads + keyValueHeads + group + 1) * headSize
    let runs = keys.map { KeyRun(keys: $0.columns(keyColumns), values: $0.columns(valueColumns)) }
    LinearAlgebra.attend(
      q, runs, headSize: headSize, isCausal: isCausal, firstQuery: firstQuery,
      scale: 1 / Float(headSize).squareRoot(), into: q, scratch: scratch.attention)
  }

  private func normalize(_ norm: RMSNorm?, heads: Range<Int>, of qkv: RowBlock) {
    guard let norm else { return }
    for head in heads {
      let block = qkv.columns(head * headSize..<(head + 1) * headSize)
      norm.forward(block, into: block)
    }
  }
}
