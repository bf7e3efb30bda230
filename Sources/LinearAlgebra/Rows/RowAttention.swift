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

  fileprivate var pointers: kernels_key_run {
    kernels_key_run(keys: keys.pointer, values: values.pointer, stride: keys.stride, count: keys.rows)
  }
}

/// out = softmax(scale q K' + mask) V for the query heads of one group, which share the keys and values of `runs` (in
/// order).
///
/// - Parameters:
///   - q: queries x (heads * headSize); `out` has the same shape and may be `q` itself.
///   - firstQuery: causal attention counts keys over all runs; query i sees the first firstQuery + i + 1 of them.
///   - logSums: takes ln sum e^(scale q k) over the keys that are seen, queries x heads, for `attendGradient`; or nil.
///   - scratch: at least `attentionScratchCount` floats.
/// - Complexity: 4 queries keys heads headSize operations, half of it where causal; scratch is linear in the keys.
///
/// Source: Vaswani et al., "Attention Is All You Need" (arXiv 1706.03762), eq. 1; Ainslie et al., "GQA" (arXiv 2305.13245).
public func attend(
  _ q: RowBlock, _ runs: [KeyRun], headSize: Int, isCausal: Bool, firstQuery: Int = 0, scale: Float,
  into out: RowBlock, logSums: RowBlock? = nil, scratch: RowBuffer
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
  precondition(
    logSums.map { $0.rows == q.rows && $0.columns == q.columns / headSize } ?? true, "attend: one sum a query and head")
  let pointers = runs.map(\.pointers)
  kernels_attention_f32(
    q.rows, firstQuery, q.columns / headSize, headSize, isCausal, scale, q.pointer, q.stride, pointers, pointers.count,
    out.pointer, out.stride, logSums?.pointer, logSums?.stride ?? 0, scratch.pointer)
}

/// Floats of scratch that `attend` takes.
public func attentionScratchCount(keys: Int, headSize: Int) -> Int {
  kernels_attention_scratch(keys, headSize)
}

/// The gradient of `attend`: sets `queryGradient` and adds to the keys and values of `gradients`.
///
/// Probabilities are computed anew from `logSums`, a block of queries at a time.
///
/// - Parameters:
///   - out: what `attend` gave, not in the place of `q`; `outGradient` is the gradient by it.
///   - gradients: run by run, of the shapes of `runs`. They grow: no other thread may add to them meanwhile.
///   - scratch: at least `attentionGradientScratchCount` floats.
/// - Complexity: 10 queries keys heads headSize operations, half of it where causal; scratch is linear in the keys.
///
/// Source: Dao et al., "FlashAttention" (arXiv 2205.14135), algorithm 4.
public func attendGradient(
  _ q: RowBlock, _ runs: [KeyRun], headSize: Int, isCausal: Bool, firstQuery: Int = 0, scale: Float, out: RowBlock,
  logSums: RowBlock, outGradient: RowBlock, queryGradient: RowBlock, gradients: [KeyRun], scratch: RowBuffer
) {
  let keys = runs.reduce(0) { $0 + $1.keys.rows }
  let heads = q.columns / headSize
  for block in [out, outGradient, queryGradient] {
    precondition(block.rows == q.rows && block.columns == q.columns, "attendGradient: all have the queries' shape")
  }
  precondition(q.columns % headSize == 0, "attendGradient: heads of \(headSize) in \(q.columns) columns")
  precondition(logSums.rows == q.rows && logSums.columns == heads, "attendGradient: one sum a query and head")
  precondition(
    runs.map(\.keys.rows) == gradients.map(\.keys.rows)
      && (runs + gradients).allSatisfy { $0.keys.columns == headSize },
    "attendGradient: runs and their gradients have one shape")
  precondition(
    keys > 0 && (!isCausal || firstQuery + q.rows <= keys),
    "attendGradient: \(q.rows) queries from \(firstQuery) on, \(keys) keys")
  precondition(
    scratch.rows * scratch.columns >= attentionGradientScratchCount(keys: keys, headSize: headSize),
    "attendGradient: too little scratch for \(keys) keys")
  let pointers = runs.map(\.pointers)
  let targets = gradients.map {
    kernels_key_gradient(keys: $0.keys.pointer, values: $0.values.pointer, stride: $0.keys.stride)
  }
  kernels_attention_gradient_f32(
    q.rows, firstQuery, heads, headSize, isCausal, scale, q.pointer, q.stride, pointers, pointers.count, out.pointer,
    out.stride, logSums.pointer, logSums.stride, outGradient.pointer, outGradient.stride, queryGradient.pointer,
    queryGradient.stride, targets, scratch.pointer)
}

/// Floats of scratch that `attendGradient` takes.
public func attentionGradientScratchCount(keys: Int, headSize: Int) -> Int {
  kernels_attention_gradient_scratch(keys, headSize)
}
