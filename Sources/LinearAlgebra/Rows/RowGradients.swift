internal import CKernels

// Gradients of the row operations. The gradient by a result enters, that by the input is set; those by weights, which
// are one row that all rows of the input share, grow.

/// The gradients of `rmsNorm`: dx = skip + s (w dy - x s^2 mean(x w dy)) with s = 1 / sqrt(mean(x^2) + epsilon); dw += sum dy x s.
///
/// - Parameters:
///   - skip: the gradient that reaches x by another way, or nil. `inputGradient` may be `skip` or `gradient`.
///   - weightGradient: 1 x columns.
public func rmsNormGradient(
  _ x: RowBlock, weight: [Float], epsilon: Float, gradient: RowBlock, skip: RowBlock? = nil,
  into inputGradient: RowBlock,
  weightGradient: RowBlock
) {
  requireSameShape("rmsNormGradient", x, gradient)
  requireSameShape("rmsNormGradient", x, inputGradient)
  if let skip { requireSameShape("rmsNormGradient", x, skip) }
  precondition(
    weight.count == x.columns && weightGradient.rows == 1 && weightGradient.columns == x.columns,
    "rmsNormGradient: \(weight.count) weights for \(x.columns) columns")
  kernels_rms_norm_gradient_f32(
    x.rows, x.columns, epsilon, weight, x.pointer, x.stride, gradient.pointer, gradient.stride, skip?.pointer,
    skip?.stride ?? 0, inputGradient.pointer, inputGradient.stride, weightGradient.pointer)
}

/// The gradients of `layerNorm`: with n = (x - mean) s and s = 1 / sqrt(variance + epsilon), dx = s (w dy - mean(w dy) - n mean(w dy n));
/// dw += sum dy n, db += sum dy.
///
/// - Parameter weightGradient: 1 x columns, as `biasGradient`. `inputGradient` may be `gradient`.
public func layerNormGradient(
  _ x: RowBlock, weight: [Float], epsilon: Float, gradient: RowBlock, into inputGradient: RowBlock,
  weightGradient: RowBlock, biasGradient: RowBlock
) {
  requireSameShape("layerNormGradient", x, gradient)
  requireSameShape("layerNormGradient", x, inputGradient)
  requireSameShape("layerNormGradient", weightGradient, biasGradient)
  precondition(
    weight.count == x.columns && weightGradient.rows == 1 && weightGradient.columns == x.columns,
    "layerNormGradient: \(weight.count) weights for \(x.columns) columns")
  kernels_layer_norm_gradient_f32(
    x.rows, x.columns, epsilon, weight, x.pointer, x.stride, gradient.pointer, gradient.stride, inputGradient.pointer,
    inputGradient.stride, weightGradient.pointer, biasGradient.pointer)
}

/// The gradient of `activate`: dx = dy f'(x); `inputGradient` may be `gradient` or `x`.
public func activateGradient(_ activation: Activation, _ x: RowBlock, gradient: RowBlock, into inputGradient: RowBlock)
{
  requireSameShape("activateGradient", x, gradient)
  requireSameShape("activateGradient", x, inputGradient)
  kernels_activation_gradient_f32(
    activation.kind, x.rows, x.columns, x.pointer, x.stride, nil, gradient.pointer, gradient.stride,
    inputGradient.pointer, inputGradient.stride, nil)
}

/// The gradient of `activateGated`, whose x is gate and up side by side: d gate = dy up f'(gate), d up = dy f(gate).
///
/// - Parameter inputGradient: of the shape of x, which it may be.
public func activateGatedGradient(
  _ activation: Activation, _ x: RowBlock, gradient: RowBlock, into inputGradient: RowBlock
) {
  let half = x.columns / 2
  requireSameShape("activateGatedGradient", x, inputGradient)
  precondition(
    x.columns % 2 == 0 && gradient.rows == x.rows && gradient.columns == half,
    "activateGatedGradient: the gradient by \(x.rows) x \(half) is \(gradient.rows) x \(gradient.columns)")
  kernels_activation_gradient_f32(
    activation.kind, x.rows, half, x.pointer, x.stride, x.pointer + half, gradient.pointer, gradient.stride,
    inputGradient.pointer, inputGradient.stride, inputGradient.pointer + half)
}

/// sums += the sums of the columns of x; `sums` is 1 x columns.
public func addColumnSums(_ x: RowBlock, to sums: RowBlock) {
  precondition(
    sums.rows == 1 && sums.columns == x.columns, "addColumnSums: \(sums.columns) sums of \(x.columns) columns")
  kernels_column_sums_f32(x.rows, x.columns, x.pointer, x.stride, sums.pointer)
}

/// C = A'B: A is rows x m, B rows x n, C m x n. 2 rows m n operations on the calling thread.
///
/// Each element is one sum over the rows in order: cutting C among threads changes no bit.
public func productOfTransposed(_ a: RowBlock, _ b: RowBlock, into c: RowBlock) {
  precondition(
    a.rows == b.rows && c.rows == a.columns && c.columns == b.columns,
    "productOfTransposed: (\(a.rows) x \(a.columns))' (\(b.rows) x \(b.columns)) is not \(c.rows) x \(c.columns)")
  guard a.rows > 0 else { return c.clear() }
  kernels_transposed_product_f32(
    a.rows, c.rows, c.columns, a.pointer, a.stride, b.pointer, b.stride, c.pointer, c.stride)
}
