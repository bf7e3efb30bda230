internal import CKernels

/// An activation function of a network.
public enum Activation: String, Sendable, Codable, CaseIterable {
  /// x sigmoid(x), also called swish.
  case silu
  /// x Phi(x) with the normal distribution function, by erf (absolute error below 1.5e-7 of x).
  case gelu
  /// GELU's approximation by tanh (Hendrycks & Gimpel, arXiv 1606.08415).
  case geluTanh
  case relu

  var kind: Int32 {
    switch self {
    case .silu: Int32(KERNELS_SILU)
    case .gelu: Int32(KERNELS_GELU)
    case .geluTanh: Int32(KERNELS_GELU_TANH)
    case .relu: Int32(KERNELS_RELU)
    }
  }
}

/// y = x / sqrt(mean(x^2) + epsilon) * weight, row by row; y may be x.
public func rmsNorm(_ x: RowBlock, weight: [Float], epsilon: Float, into y: RowBlock) {
  requireSameShape("rmsNorm", x, y)
  precondition(weight.count == x.columns, "rmsNorm: \(weight.count) weights for \(x.columns) columns")
  kernels_rms_norm_f32(x.rows, x.columns, epsilon, weight, x.pointer, x.stride, y.pointer, y.stride)
}

/// y = (x - mean) / sqrt(variance + epsilon) * weight + bias, row by row; y may be x.
public func layerNorm(_ x: RowBlock, weight: [Float], bias: [Float], epsilon: Float, into y: RowBlock) {
  requireSameShape("layerNorm", x, y)
  precondition(
    weight.count == x.columns && bias.count == x.columns,
    "layerNorm: \(weight.count) weights and \(bias.count) biases for \(x.columns) columns")
  kernels_layer_norm_f32(x.rows, x.columns, epsilon, weight, bias, x.pointer, x.stride, y.pointer, y.stride)
}

/// Turns the pair (x[j], x[j + half]) of each head by the angle of its row: in place.
///
/// - Parameters:
///   - x: rows x (heads * headSize).
///   - cosines: the angles' cosines, one row of headSize/2 for each row of x; `sines` alike.
public func rotate(_ x: RowBlock, headSize: Int, cosines: ArraySlice<Float>, sines: ArraySlice<Float>) {
  precondition(headSize > 0 && headSize % 2 == 0 && x.columns % headSize == 0, "heads of \(headSize) in \(x.columns)")
  let angles = x.rows * headSize / 2
  precondition(
    cosines.count == angles && sines.count == angles, "rotate: \(cosines.count) angles instead of \(angles)")
  cosines.withUnsafeBufferPointer { cosines in
    sines.withUnsafeBufferPointer { sines in
      guard let cosines = cosines.baseAddress, let sines = sines.baseAddress else { return }
      kernels_rotate_f32(x.rows, x.columns / headSize, headSize, cosines, sines, x.pointer, x.stride)
    }
  }
}

/// y = activation(x); y may be x.
public func activate(_ activation: Activation, _ x: RowBlock, into y: RowBlock) {
  requireSameShape("activate", x, y)
  kernels_activate_f32(activation.kind, x.rows, x.columns, x.pointer, x.stride, nil, y.pointer, y.stride)
}

/// y = activation(gate) * up, where gate and up are the two halves of x's columns; y may be the first half.
public func activateGated(_ activation: Activation, _ x: RowBlock, into y: RowBlock) {
  let half = x.columns / 2
  precondition(
    x.columns % 2 == 0 && y.rows == x.rows && y.columns == half,
    "activateGated: \(x.rows) x \(x.columns) gives \(x.rows) x \(half), not \(y.rows) x \(y.columns)")
  kernels_activate_f32(activation.kind, x.rows, half, x.pointer, x.stride, x.pointer + half, y.pointer, y.stride)
}

func requireSameShape(_ name: String, _ x: RowBlock, _ y: RowBlock) {
  precondition(
    x.rows == y.rows && x.columns == y.columns, "\(name): \(x.rows) x \(x.columns) into \(y.rows) x \(y.columns)")
}
