internal import CKernels

/// Consecutive keys and values of one head.
public struct KeyRun: Sendable {
  /// count x headSize.
  public let keys: RowBlock
  public let values: RowBlock

  public init(keys: RowBlock, values: RowBlock) {
    precondition(
      keys.rows == values.rows && keys.columns == values.columns && keys.buffer.columns == values.buffer.columns,
      "keys and values lie side by side, one of each a row")
    self.keys = keys
    self.values = values
  }
}

/// out = softmax(scale q K' + mask) V for the query heads of one group, which share the keys and values of `runs` (in
/// order).
///
/// - Parameters:
///   - q: queries x (heads * headSize); `out` has the same shape and may be `q` itself.
///   - firstQuery: causal attention counts keys over all runs; query i sees the first firstQuery + i + 1 of them.
///   - scratch: at least `attentionScratchCount` floats.
/// - Complexity: 4 queries keys heads headSize operations, half of it where causal; scratch is linear in the keys.
///
/// Source: Vaswani et al., "Attention Is All You Need" (arXiv 1706.03762), eq. 1; Ainslie et al., "GQA" (arXiv 2305.13245).
public func attend(
  _ q: RowBlock, _ runs: [KeyRun], headSize: Int, isCausal: Bool, firstQuery: Int = 0, scale: Float,
  into out: RowBlock, scratch: RowBuffer
) {
  let keys = runs.reduce(0) { $0 + $1.keys.rows }
  precondition(q.columns % headSize == 0, "attend: heads of \(headSize) in \(q.columns) columns")
  precondition(out.rows == q.rows && out.columns == q.columns, "attend: the result has the queries' shape")
  precondition(runs.allSatisfy { $0.keys.columns == headSize }, "attend: keys and queries have heads of \(headSize)")
  precondition(
    keys > 0 && (!isCausal || firstQuery + q.rows <= keys),
    "attend: \(q.rows) queries from \(firstQuery) on, \(keys) keys")
  precondition(
    scratch.rows * scratch.columns >= attentionScratchCount(keys: keys, headSize: headSize),
    "attend: too little scratch for \(keys) keys")
  let pointers = runs.map {
    kernels_key_run(
      keys: $0.keys.pointer, values: $0.values.pointer, stride: $0.keys.stride, count: $0.keys.rows)
  }
  kernels_attention_f32(
    q.rows, firstQuery, q.columns / headSize, headSize, isCausal, scale, q.pointer, q.stride, pointers, pointers.count,
    out.pointer, out.stride, scratch.pointer)
}

/// Floats of scratch that `attend` takes.
public func attentionScratchCount(keys: Int, headSize: Int) -> Int {
  kernels_attention_scratch(keys, headSize)
}
