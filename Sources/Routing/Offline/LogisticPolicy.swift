import Foundation
import LinearAlgebra

/// Asks the arm that is most probably right, by Bayesian logistic regression of each arm's correctness on its own:
///
///     p(y[i, n] = 1) = sigmoid(b_n + x_i . w_n),   b_n ~ N(0, 1),  w_n ~ N(0, W I)
///
/// A tie that counts one half is half a success and half a failure: its likelihood is p^(1/2) (1 - p)^(1/2).
///
/// fitted by Newton's method to the posterior mode, with the Laplace approximation N(mode, H^-1) and the W of a grid that maximises
///
///     log evidence = log p(y | mode) + log p(mode) + (k + 1)/2 log 2 pi - 1/2 log det H.
///
/// Contexts are projected to their first whitened principal coordinates. O(grid Newton n k^2) an arm.
///
/// Source: Bishop, Pattern Recognition and Machine Learning, section 4.5; MacKay, "The Evidence Framework Applied to Classification
/// Networks", 1992.
public struct LogisticPolicy: OfflinePolicy {
  public let name = "logistic (Laplace)"
  public let components: Int
  static let weightVariances = (-6...2).map { pow(4, Double($0)) }

  public init(components: Int = 8) {
    precondition(components > 0, "a projection to \(components) coordinates")
    self.components = components
  }

  public func fit(_ evidence: OfflineEvidence) throws -> any FittedOfflinePolicy {
    guard let transform = try transform(evidence.contexts) else { return BestSinglePolicy().fit(evidence) }
    let contexts = try transform.apply(evidence.contexts)
    let arms = try evidence.correctness.values.compactMap { labels in
      var best: LaplacePosterior?
      for variance in Self.weightVariances {
        let prior = [Double](repeating: variance, count: contexts.columns - 1) + [1]
        let posterior = try LaplacePosterior(contexts: contexts, labels: labels, priorVariance: prior)
        if posterior.logEvidence > best?.logEvidence ?? -.infinity { best = posterior }
      }
      return best
    }
    return Fitted(transform: transform, posteriors: arms)
  }

  /// The transform of the contexts, with fewer coordinates where the contexts do not differ in as many directions; nil where they do not differ at all.
  private func transform(_ contexts: Matrix<Double>) throws -> FittedContextTransform? {
    for count in (1...components).reversed() {
      do {
        return try ContextTransform(components: count).fit(contexts)
      } catch RoutingError.context {
        continue
      }
    }
    return nil
  }

  private struct Fitted: FittedOfflinePolicy {
    let transform: FittedContextTransform
    let posteriors: [LaplacePosterior]

    func arms(contexts: Matrix<Double>, domains: [String?]) throws -> [Int] { try judgement(contexts).arms }

    func judge(contexts: Matrix<Double>, domains: [String?]) throws -> OfflineRouter.Judgement? {
      try judgement(contexts)
    }

    private func judgement(_ contexts: Matrix<Double>) throws -> OfflineRouter.Judgement {
      let projected = try transform.apply(contexts)
      let rows = (0..<projected.rows).map { Array(projected.row($0)) }
      return OfflineRouter.Judgement(
        scores: Matrix(rows: rows.map { row in posteriors.map { dot($0.mode, row) } }),
        probabilities: Matrix(rows: rows.map { row in posteriors.map { $0.probability(row) } }))
    }
  }
}

/// The posterior of logistic regression's weights about its mode.
public struct LaplacePosterior: Sendable {
  public let mode: [Double]
  /// H = X' diag(p (1 - p)) X + diag(1/v), the precision at the mode.
  public let precision: Cholesky<Double>
  /// The logarithm of the evidence, in nats.
  public let logEvidence: Double

  private static let iterations = 100

  /// - Parameters:
  ///   - contexts: n x k, an intercept among them where one is wanted.
  ///   - labels: one a row, in 0...1: the likelihood of a label y is p^y (1 - p)^(1 - y).
  ///   - priorVariance: of each weight, about 0.
  /// - Throws: `LinearAlgebraError` where rounding leaves no positive definite precision.
  public init(contexts: Matrix<Double>, labels: [Double], priorVariance: [Double]) throws {
    precondition(labels.count == contexts.rows && priorVariance.count == contexts.columns, "one label a row")
    precondition(labels.allSatisfy { (0...1).contains($0) }, "a label is not in 0...1")
    precondition(priorVariance.allSatisfy { $0 > 0 && $0.isFinite }, "a prior variance is not positive and finite")
    var weights = [Double](repeating: 0, count: contexts.columns)
    var objective = Self.logPosterior(contexts, labels, priorVariance, weights)
    var factor = try Self.precision(contexts, priorVariance, weights)
    for _ in 0..<Self.iterations {
      let errors = zip(labels, gemv(contexts, .asIs, weights)).map { $0 - logistic($1) }
      let gradient = zip(gemv(contexts, .transposed, errors), zip(weights, priorVariance)).map { $0 - $1.0 / $1.1 }
      let step = factor.solve(gradient)
      // The log posterior is concave: half steps reach a rise, unless the mode is there to rounding.
      var scale = 1.0
      var (next, value) = (weights, objective)
      repeat {
        next = zip(weights, step).map { $0 + scale * $1 }
        value = Self.logPosterior(contexts, labels, priorVariance, next)
        scale /= 2
      } while value < objective && scale > 1e-8
      guard value > objective else { break }
      let gain = value - objective
      (weights, objective) = (next, value)
      factor = try Self.precision(contexts, priorVariance, weights)
      if gain < 1e-12 * max(abs(objective), 1) { break }
    }
    mode = weights
    precision = factor
    logEvidence = objective + 0.5 * (Double(weights.count) * log(2 * .pi) - factor.logDeterminant)
  }

  /// p(y = 1 | x) with the weights integrated out: sigmoid(m / sqrt(1 + pi v / 8)), m = x . mode, v = x' H^-1 x. The less is known
  /// about a context, the closer to one half.
  ///
  /// Source: MacKay 1992, section 3.
  func probability(_ context: [Double]) -> Double {
    let variance = max(dot(context, precision.solve(context)), 0)
    return logistic(dot(context, mode) / (1 + .pi * variance / 8).squareRoot())
  }

  /// log p(y | w) + log p(w), normalised.
  private static func logPosterior(
    _ contexts: Matrix<Double>, _ labels: [Double], _ variance: [Double], _ weights: [Double]
  ) -> Double {
    let logits = gemv(contexts, .asIs, weights)
    let likelihood = zip(labels, logits).reduce(0) { sum, item in
      let (label, logit) = item
      // y log p + (1 - y) log(1 - p), without overflow on either side.
      let linear: Double = label * min(logit, 0) + (1 - label) * min(-logit, 0)
      return sum + linear - log1p(exp(-abs(logit)))
    }
    return zip(weights, variance).reduce(likelihood) { $0 - 0.5 * ($1.0 * $1.0 / $1.1 + log(2 * .pi * $1.1)) }
  }

  private static func precision(
    _ contexts: Matrix<Double>, _ variance: [Double], _ weights: [Double]
  ) throws -> Cholesky<Double> {
    var scaled = contexts
    for (row, logit) in gemv(contexts, .asIs, weights).enumerated() {
      let p = logistic(logit)
      let root = (p * (1 - p)).squareRoot()
      for column in 0..<contexts.columns { scaled[row, column] *= root }
    }
    var hessian = Matrix<Double>(diagonal: variance.map { 1 / $0 })
    syrk(1, scaled, .transposed, 1, into: &hessian)
    return try Cholesky(hessian)
  }
}
