import LinearAlgebra
import Randomness

/// The network of an offline router: the pair encoder's head and three heads of K reward models over its context.
///
///     s = h . v_n/|v_n|,   c = h . e_n/|e_n| + b_n,   r = h . q_n/|q_n| + t_n
///
/// Generic so that training runs in Float and gradients are checked in Double. A value of this type also holds its gradient.
package struct RouterNetwork<Scalar: BLASScalar>: Sendable, Equatable {
  package var encoder: PairEncoderHead<Scalar>
  package var comparison: DirectionHead<Scalar>
  package var classification: DirectionHead<Scalar>
  package var classificationBias: [Scalar]
  package var difference: DirectionHead<Scalar>
  package var differenceBias: [Scalar]

  package var featureCount: Int { encoder.featureCount }
  /// d, the size of a context.
  package var dimension: Int { encoder.dimension }
  /// K.
  package var armCount: Int { comparison.vectors.rows }

  /// All zeros.
  package init(features: Int, dimension: Int, arms: Int) {
    let zeros = [Scalar](repeating: 0, count: dimension)
    encoder = PairEncoderHead(
      weight: Matrix(rows: dimension, columns: features), bias: zeros, normWeight: zeros, normBias: zeros)
    comparison = DirectionHead(vectors: Matrix(rows: arms, columns: dimension))
    (classification, difference) = (comparison, comparison)
    classificationBias = [Scalar](repeating: 0, count: arms)
    differenceBias = classificationBias
  }

  /// As the published router starts: weights and biases of the linear layer uniform in +-1/sqrt(F), vectors in +-1/sqrt(d), the
  /// norm the identity, the heads' biases 0.
  package init(
    features: Int, dimension: Int, arms: Int, using generator: inout PhiloxGenerator
  ) {
    self.init(features: features, dimension: dimension, arms: arms)
    func fill(_ values: inout [Scalar], _ bound: Double) {
      for i in values.indices { values[i] = Scalar(bound * (2 * generator.nextUniform() - 1)) }
    }
    fill(&encoder.weight.elements, 1 / Double(features).squareRoot())
    fill(&encoder.bias, 1 / Double(features).squareRoot())
    encoder.normWeight = [Scalar](repeating: 1, count: dimension)
    fill(&comparison.vectors.elements, 1 / Double(dimension).squareRoot())
    fill(&classification.vectors.elements, 1 / Double(dimension).squareRoot())
    fill(&difference.vectors.elements, 1 / Double(dimension).squareRoot())
  }

  /// One tensor by the published router's name.
  package struct Parameter {
    package let name: String
    package let shape: [Int]
    /// Whether weight decay applies: to weights and vectors, not to biases and norms.
    package let decays: Bool
    package let path: WritableKeyPath<RouterNetwork, [Scalar]>
  }

  /// All tensors, in a fixed order.
  package var parameters: [Parameter] {
    let (d, k) = (dimension, armCount)
    return [
      .init(name: "shared_mlp.0.weight", shape: [d, featureCount], decays: true, path: \.encoder.weight.elements),
      .init(name: "shared_mlp.0.bias", shape: [d], decays: false, path: \.encoder.bias),
      .init(name: "shared_mlp.2.weight", shape: [d], decays: false, path: \.encoder.normWeight),
      .init(name: "shared_mlp.2.bias", shape: [d], decays: false, path: \.encoder.normBias),
      .init(name: "bt_vectors", shape: [k, d], decays: true, path: \.comparison.vectors.elements),
      .init(name: "cls_vectors", shape: [k, d], decays: true, path: \.classification.vectors.elements),
      .init(name: "cls_bias", shape: [k], decays: false, path: \.classificationBias),
      .init(name: "reg_vectors", shape: [k, d], decays: true, path: \.difference.vectors.elements),
      .init(name: "reg_bias", shape: [k], decays: false, path: \.differenceBias),
    ]
  }

  /// The scores of the three heads, B x K each.
  package struct Scores {
    package let comparison: Matrix<Scalar>
    package let logits: Matrix<Scalar>
    package let difference: Matrix<Scalar>
  }

  package func scores(contexts: Matrix<Scalar>) -> Scores {
    Scores(
      comparison: comparison.forward(contexts),
      logits: Self.adding(classificationBias, to: classification.forward(contexts)),
      difference: Self.adding(differenceBias, to: difference.forward(contexts)))
  }

  private static func adding(_ bias: [Scalar], to scores: Matrix<Scalar>) -> Matrix<Scalar> {
    var result = scores
    for k in result.elements.indices { result.elements[k] += bias[k % bias.count] }
    return result
  }

  /// The loss of a batch.
  package func loss(
    features: Matrix<Scalar>, targets: [RouterTarget], _ configuration: RouterLossConfiguration
  ) -> RouterLoss {
    let scores = scores(contexts: encoder.forward(features).contexts)
    return routerLoss(
      comparisonScores: scores.comparison, logits: scores.logits, differenceScores: scores.difference,
      targets: targets, configuration
    ).loss
  }

  /// The loss of a batch; its gradients are added to `gradient`, and that of the features is returned where it is asked for.
  ///
  /// - Parameter scale: of the whole batch, where this is a part of one.
  package func loss(
    features: Matrix<Scalar>, targets: [RouterTarget], _ configuration: RouterLossConfiguration,
    scale: RouterLossScale? = nil, addingTo gradient: inout RouterNetwork, featureGradient: Bool = false
  ) -> (loss: RouterLoss, dFeatures: Matrix<Scalar>?) {
    let pass = encoder.forward(features)
    let scores = scores(contexts: pass.contexts)
    let (loss, gradients) = routerLoss(
      comparisonScores: scores.comparison, logits: scores.logits, differenceScores: scores.difference,
      targets: targets, configuration, scale: scale)
    var dh = Matrix<Scalar>(rows: features.rows, columns: dimension)
    let dComparison = Self.narrowed(gradients.comparison)
    comparison.backward(dComparison, contexts: pass.contexts, into: &gradient.comparison, dh: &dh)
    let dLogits = Self.narrowed(gradients.classification)
    classification.backward(dLogits, contexts: pass.contexts, into: &gradient.classification, dh: &dh)
    Self.addColumnSums(dLogits, to: &gradient.classificationBias)
    if configuration.differenceWeight > 0 {
      let dDifference = Self.narrowed(gradients.difference)
      difference.backward(dDifference, contexts: pass.contexts, into: &gradient.difference, dh: &dh)
      Self.addColumnSums(dDifference, to: &gradient.differenceBias)
    }
    let dFeatures = encoder.backward(dh, pass, into: &gradient.encoder, featureGradient: featureGradient)
    return (loss, dFeatures)
  }

  private static func narrowed(_ matrix: Matrix<Double>) -> Matrix<Scalar> {
    Matrix(rows: matrix.rows, columns: matrix.columns, elements: matrix.elements.map { Scalar($0) })
  }

  private static func addColumnSums(_ matrix: Matrix<Scalar>, to sums: inout [Scalar]) {
    for k in matrix.elements.indices { sums[k % sums.count] += matrix.elements[k] }
  }
}
