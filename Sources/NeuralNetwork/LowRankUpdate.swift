import LinearAlgebra
import Randomness

/// What LoRA adds to a linear map y = x W': y += scale (x A') B', W itself being frozen.
///
/// - a: A, rank x inputs; b: B, outputs x rank. x is rows x inputs, y rows x outputs.
///
/// Products are the BLAS's, with the BLAS's threads. Source: Hu et al., "LoRA" (arXiv 2106.09685), section 4.1.
public struct LowRankUpdate: Sendable, Equatable {
  public var a: Matrix<Float>
  public var b: Matrix<Float>
  public let scale: Float

  public init(a: Matrix<Float>, b: Matrix<Float>, scale: Float) {
    precondition(a.rows == b.columns, "A has rank \(a.rows), B \(b.columns)")
    self.a = a
    self.b = b
    self.scale = scale
  }

  /// PEFT's start: A uniform in +-1/sqrt(inputs) (Kaiming with a = sqrt 5), B zero, so that nothing is added.
  public init(outputs: Int, inputs: Int, rank: Int, scale: Float, using generator: inout PhiloxGenerator) {
    let bound = 1 / Double(inputs).squareRoot()
    let elements = (0..<rank * inputs).map { _ in Float((2 * generator.nextUniform() - 1) * bound) }
    self.init(
      a: Matrix(rows: rank, columns: inputs, elements: elements), b: Matrix(rows: outputs, columns: rank), scale: scale)
  }

  public var rank: Int { a.rows }

  /// y += scale (x A') B'. 2 rows rank (inputs + outputs) operations.
  public func forward(_ x: Matrix<Float>, addingTo y: inout Matrix<Float>) {
    gemm(scale, gemm(x, .asIs, a, .transposed), .asIs, b, .transposed, 1, into: &y)
  }

  /// dx += scale (dy B) A, dA += scale (dy B)' x, dB += scale dy' (x A'). x A' is computed anew, which is cheaper than to
  /// keep it. 4 rows rank (inputs + outputs) operations, and those of x A'.
  public func backward(
    _ x: Matrix<Float>, dy: Matrix<Float>, dx: inout Matrix<Float>, da: inout Matrix<Float>, db: inout Matrix<Float>
  ) {
    let dyB = gemm(dy, .asIs, b)
    gemm(scale, dyB, .asIs, a, .asIs, 1, into: &dx)
    gemm(scale, dyB, .transposed, x, .asIs, 1, into: &da)
    gemm(scale, dy, .transposed, gemm(x, .asIs, a, .transposed), .asIs, 1, into: &db)
  }

  /// W += scale B A: the map with the update in its weight.
  public func merge(into weight: inout Matrix<Float>) {
    gemm(scale, b, .asIs, a, .asIs, 1, into: &weight)
  }
}
