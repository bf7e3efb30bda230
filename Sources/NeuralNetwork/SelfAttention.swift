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
  ///
  /// - Parameter raw: takes queries and keys before their norms, rows x `rotatedColumns`, for `normalizeBackward`; or nil.
  public func project(_ x: RowBlock, into qkv: RowBlock, keeping raw: RowBlock? = nil, scratch: LayerScratch) {
    projection.forward(x, into: qkv, scratch: scratch)
    raw?.copy(qkv.columns(0..<rotatedColumns))
    normalize(queryNorm, heads: 0..<heads, of: qkv)
    normalize(keyNorm, heads: heads..<heads + keyValueHeads, of: qkv)
  }

  /// The columns of queries and keys, the first of the projections.
  public var rotatedColumns: Int { (heads + keyValueHeads) * headSize }

  /// Turns queries and keys of rows at consecutive positions.
  public func rotate(_ qkv: RowBlock, from position: Int, _ table: RotaryTable) {
    table.apply(qkv.columns(0..<rotatedColumns), from: position)
  }

  /// Attention of some query heads that share one key head.
  ///
  /// - Parameters:
  ///   - queries: rows of the projections; `firstQuery` is the position of its first row among the keys.
  ///   - keys: the rows, in order, that hold the keys and values: a shared prefix, then the sequence's own.
  ///   - group: the key head; `members`: which of its query heads.
  ///   - out: takes the result, queries x (heads * headSize); by default it takes the place of the queries.
  ///   - logSums: queries x heads, for `attendBackward`; or nil.
  public func attend(
    _ queries: RowBlock, firstQuery: Int, keys: [RowBlock], group: Int, members: Range<Int>, into out: RowBlock? = nil,
    logSums: RowBlock? = nil, scratch: LayerScratch
  ) {
    let first = group * (heads / keyValueHeads)
    let members = first + members.lowerBound..<first + members.upperBound
    LinearAlgebra.attend(
      columns(members, of: queries), keys.map { keyRun(group, of: $0) }, headSize: headSize, isCausal: isCausal,
      firstQuery: firstQuery, scale: scale, into: columns(members, of: out ?? queries),
      logSums: logSums?.columns(members), scratch: scratch.attention)
  }

  /// The gradient of `attend` for all query heads of one key head, `out` and `logSums` being its results.
  ///
  /// Sets the queries' columns of `queryGradient` and adds to the keys' and values' of `keyGradients`, all of them rows of
  /// gradients by the projections: no two threads at a time for the same keys and group.
  public func attendBackward(
    _ queries: RowBlock, firstQuery: Int, keys: [RowBlock], group: Int, out: RowBlock, logSums: RowBlock,
    outGradient: RowBlock, queryGradient: RowBlock, keyGradients: [RowBlock], scratch: RowBuffer
  ) {
    let share = heads / keyValueHeads
    let members = group * share..<(group + 1) * share
    attendGradient(
      columns(members, of: queries), keys.map { keyRun(group, of: $0) }, headSize: headSize, isCausal: isCausal,
      firstQuery: firstQuery, scale: scale, out: columns(members, of: out), logSums: logSums.columns(members),
      outGradient: columns(members, of: outGradient), queryGradient: columns(members, of: queryGradient),
      gradients: keyGradients.map { keyRun(group, of: $0) }, scratch: scratch)
  }

  /// Takes the gradient by queries and keys back through their norms, in place.
  ///
  /// - Parameters:
  ///   - raw: what `project` kept.
  ///   - normGradients: 1 x headSize for the query norm, then for the key norm; they grow.
  public func normalizeBackward(_ gradient: RowBlock, raw: RowBlock, normGradients: [RowBlock]) {
    for (norm, heads, target) in [
      (queryNorm, 0..<heads, normGradients[0]), (keyNorm, heads..<heads + keyValueHeads, normGradients[1]),
    ] {
      for head in heads {
        let part = columns(head..<head + 1, of: gradient)
        norm?.backward(columns(head..<head + 1, of: raw), part, into: part, weightGradient: target)
      }
    }
  }

  private var scale: Float { 1 / Float(headSize).squareRoot() }

  private func columns(_ heads: Range<Int>, of block: RowBlock) -> RowBlock {
    block.columns(heads.lowerBound * headSize..<heads.upperBound * headSize)
  }

  private func keyRun(_ group: Int, of rows: RowBlock) -> KeyRun {
    let (key, value) = (heads + group, heads + keyValueHeads + group)
    return KeyRun(keys: columns(key..<key + 1, of: rows), values: columns(value..<value + 1, of: rows))
  }

  private func normalize(_ norm: RMSNorm?, heads: Range<Int>, of qkv: RowBlock) {
    guard let norm else { return }
    for head in heads {
      let block = columns(head..<head + 1, of: qkv)
      norm.forward(block, into: block)
    }
  }
}
