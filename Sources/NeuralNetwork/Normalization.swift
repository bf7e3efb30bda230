import LinearAlgebra

/// y = x / sqrt(mean(x^2) + epsilon) * weight, row by row (rows x size in and out).
///
/// Source: Zhang & Sennrich, "Root Mean Square Layer Normalization" (arXiv 1910.07467).
public struct RMSNorm: Sendable {
  public let weight: [Float]
  public let epsilon: Float

  public init(weight: [Float], epsilon: Float) {
    self.weight = weight
    self.epsilon = epsilon
  }

  /// `y` may be `x`.
  public func forward(_ x: RowBlock, into y: RowBlock) { rmsNorm(x, weight: weight, epsilon: epsilon, into: y) }

  /// dx = skip + the gradient through the norm, where `skip` reaches x past it; dw grows.
  ///
  /// `inputGradient` may be `gradient` or `skip`; `weightGradient` is 1 x size.
  public func backward(
    _ x: RowBlock, _ gradient: RowBlock, skip: RowBlock? = nil, into inputGradient: RowBlock, weightGradient: RowBlock
  ) {
    rmsNormGradient(
      x, weight: weight, epsilon: epsilon, gradient: gradient, skip: skip, into: inputGradient,
      weightGradient: weightGradient)
  }
}

/// y = (x - mean) / sqrt(variance + epsilon) * weight + bias, row by row (rows x size in and out).
///
/// Source: Ba, Kiros & Hinton, "Layer Normalization" (arXiv 1607.06450).
public struct LayerNorm: Sendable {
  public let weight: [Float]
  public let bias: [Float]
  public let epsilon: Float

  public init(weight: [Float], bias: [Float], epsilon: Float) {
    self.weight = weight
    self.bias = bias
    self.epsilon = epsilon
  }

  /// `y` may be `x`.
  public func forward(_ x: RowBlock, into y: RowBlock) {
    layerNorm(x, weight: weight, bias: bias, epsilon: epsilon, into: y)
  }

  /// dx, which may take the place of `gradient`; dw and db (1 x size each) grow.
  public func backward(
    _ x: RowBlock, _ gradient: RowBlock, into inputGradient: RowBlock, weightGradient: RowBlock, biasGradient: RowBlock
  ) {
    layerNormGradient(
      x, weight: weight, epsilon: epsilon, gradient: gradient, into: inputGradient, weightGradient: weightGradient,
      biasGradient: biasGradient)
  }
}
