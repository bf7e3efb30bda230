import LinearAlgebra

/// The trained half of the pair encoder, from pair features u to the context h that routers see.
///
///     z = u W' + b,   a = ReLU(z),   y = LayerNorm(a) = x g + beta with x = (a - mean a) / sqrt(var a + 1e-5),   h = y / |y|
///
/// u is B x F, all others B x d. Cached for backward: u, a, x, 1/sqrt(var + 1e-5), |y| and h. 2 B F d operations forward, as many
/// backward, and again as many where the gradient of u is asked for.
///
/// Source: design section 2; names of the tensors as in the published router (`shared_mlp.0`, `shared_mlp.2`).
package struct PairEncoderHead<Scalar: BLASScalar>: Sendable, Equatable {
  /// W, d x F.
  package var weight: Matrix<Scalar>
  package var bias: [Scalar]
  /// g and beta.
  package var normWeight: [Scalar]
  package var normBias: [Scalar]

  private static var variancePadding: Scalar { 1e-5 }
  /// |y| counts as no smaller.
  private static var smallestNorm: Scalar { 1e-12 }

  package init(weight: Matrix<Scalar>, bias: [Scalar], normWeight: [Scalar], normBias: [Scalar]) {
    self.weight = weight
    self.bias = bias
    self.normWeight = normWeight
    self.normBias = normBias
  }

  package var featureCount: Int { weight.columns }
  package var dimension: Int { weight.rows }

  package struct Pass {
    let features: Matrix<Scalar>
    let activations: Matrix<Scalar>
    let standardized: Matrix<Scalar>
    let inverseDeviations: [Scalar]
    let norms: [Scalar]
    /// h, whose rows have norm 1.
    package let contexts: Matrix<Scalar>
  }

  package func forward(_ features: Matrix<Scalar>) -> Pass {
    precondition(features.columns == featureCount, "\(features.columns) features for a head of \(featureCount)")
    let (rows, d) = (features.rows, dimension)
    var a = gemm(features, .asIs, weight, .transposed)
    var x = Matrix<Scalar>(rows: rows, columns: d)
    var h = x
    var inverseDeviations = [Scalar](repeating: 0, count: rows)
    var norms = inverseDeviations
    for i in 0..<rows {
      let start = i * d
      var sum: Scalar = 0
      for j in 0..<d {
        let value = max(a.elements[start + j] + bias[j], 0)
        a.elements[start + j] = value
        sum += value
      }
      let mean = sum / Scalar(d)
      var square: Scalar = 0
      for j in 0..<d {
        let centred = a.elements[start + j] - mean
        x.elements[start + j] = centred
        square += centred * centred
      }
      let inverse = 1 / (square / Scalar(d) + Self.variancePadding).squareRoot()
      inverseDeviations[i] = inverse
      var squaredNorm: Scalar = 0
      for j in 0..<d {
        let standardized = x.elements[start + j] * inverse
        let y = standardized * normWeight[j] + normBias[j]
        x.elements[start + j] = standardized
        h.elements[start + j] = y
        squaredNorm += y * y
      }
      norms[i] = squaredNorm.squareRoot()
      let scale = 1 / max(norms[i], Self.smallestNorm)
      for j in 0..<d { h.elements[start + j] *= scale }
    }
    return Pass(
      features: features, activations: a, standardized: x, inverseDeviations: inverseDeviations, norms: norms,
      contexts: h)
  }

  /// Adds the gradients of the parameters to `gradient`; the gradient of u is returned where it is asked for.
  ///
  ///     dy = (dh - h (h . dh)) / |y|,   dg = sum dy x,   dbeta = sum dy,   dx = dy g
  ///     da = (dx - mean dx - x mean(dx x)) / sqrt(var + 1e-5),   dz = da [a > 0],   dW = dz' u,   db = sum dz,   du = dz W
  @discardableResult
  package func backward(
    _ dh: Matrix<Scalar>, _ pass: Pass, into gradient: inout PairEncoderHead, featureGradient: Bool = false
  ) -> Matrix<Scalar>? {
    let d = dimension
    var dz = dh
    for i in 0..<dh.rows {
      let start = i * d
      var projection: Scalar = 0
      if pass.norms[i] > Self.smallestNorm {
        for j in 0..<d { projection += pass.contexts.elements[start + j] * dh.elements[start + j] }
      }
      let scale = 1 / max(pass.norms[i], Self.smallestNorm)
      var sum: Scalar = 0
      var product: Scalar = 0
      for j in 0..<d {
        let k = start + j
        let dy = (dh.elements[k] - pass.contexts.elements[k] * projection) * scale
        gradient.normWeight[j] += dy * pass.standardized.elements[k]
        gradient.normBias[j] += dy
        let dx = dy * normWeight[j]
        dz.elements[k] = dx
        sum += dx
        product += dx * pass.standardized.elements[k]
      }
      let (meanDX, meanProduct) = (sum / Scalar(d), product / Scalar(d))
      for j in 0..<d {
        let k = start + j
        let da = (dz.elements[k] - meanDX - pass.standardized.elements[k] * meanProduct) * pass.inverseDeviations[i]
        let passed = pass.activations.elements[k] > 0 ? da : 0
        dz.elements[k] = passed
        gradient.bias[j] += passed
      }
    }
    gemm(1, dz, .transposed, pass.features, .asIs, 1, into: &gradient.weight)
    return featureGradient ? gemm(dz, .asIs, weight, .asIs) : nil
  }
}

/// Scores by directions: s[i,n] = h_i . v_n / |v_n|, B x d to B x K. Nothing is cached but what is passed in again.
package struct DirectionHead<Scalar: BLASScalar>: Sendable, Equatable {
  /// v, K x d; the lengths of its rows do not matter.
  package var vectors: Matrix<Scalar>

  package init(vectors: Matrix<Scalar>) { self.vectors = vectors }

  private static var smallestNorm: Scalar { 1e-12 }

  private func norm(_ n: Int) -> Scalar {
    max(dot(vectors.row(n), vectors.row(n)).squareRoot(), Self.smallestNorm)
  }

  /// v_n / |v_n|, K x d.
  package var directions: Matrix<Scalar> {
    var unit = vectors
    for n in 0..<vectors.rows {
      let scale = 1 / norm(n)
      for k in n * vectors.columns..<(n + 1) * vectors.columns { unit.elements[k] *= scale }
    }
    return unit
  }

  package func forward(_ contexts: Matrix<Scalar>) -> Matrix<Scalar> {
    gemm(contexts, .asIs, directions, .transposed)
  }

  /// With D = ds' h: dv_n = (D_n - v^_n (v^_n . D_n)) / |v_n|, dh = ds v^; both are added.
  package func backward(
    _ dScores: Matrix<Scalar>, contexts: Matrix<Scalar>, into gradient: inout DirectionHead, dh: inout Matrix<Scalar>
  ) {
    let unit = directions
    let dUnit = gemm(dScores, .transposed, contexts, .asIs)
    for n in 0..<vectors.rows {
      let projection = dot(unit.row(n), dUnit.row(n))
      let scale = 1 / norm(n)
      for k in n * vectors.columns..<(n + 1) * vectors.columns {
        gradient.vectors.elements[k] += (dUnit.elements[k] - unit.elements[k] * projection) * scale
      }
    }
    gemm(1, dScores, .asIs, unit, .asIs, 1, into: &dh)
  }
}
