import Foundation
import LinearAlgebra
import PreferenceData

/// Hierarchical Bayesian regression of what each arm is better at than the pool.
///
/// Model: y[i, n] = delta_i + alpha_n + x_i . w_n + noise. The difficulty delta_i of a pair is common to all arms and tells nothing
/// about whom to ask; it is removed by taking advantages, a[i, n] = y[i, n] - mean_m y[i, m]. Then
///
///     a[i, n] = alpha_n + x_i . w_n + e,   alpha_n ~ N(0, A),  w_n ~ N(0, W I),  e ~ N(0, s^2)
///
/// with A, W and s^2 shared by all arms and set to maximise the evidence p(a | A, W, s^2) by expectation maximisation: how much arms
/// differ at all, how much they differ by context, and how much is chance. Where the contexts explain nothing W goes to 0, and what is
/// left is the arm of the best overall accuracy, shrunk to the pool's.
///
/// With Z = [1 X] of n rows the posterior of an arm's coefficients is N(mu_n, S), S = (Z'Z / s^2 + D^-1)^-1 for all arms,
/// mu_n = S Z' a_n / s^2, D = diag(A, W, …, W), and
///
///     log evidence = sum_n [-n/2 log(2 pi s^2) - 1/2 log det D - 1/2 log det S^-1 - (a_n . a_n / s^2 - mu_n . Z'a_n / s^2) / 2].
///
/// O(n k^2 + iterations k^3) for k coordinates, plus O(n k N).
///
/// Sources: Gelman et al., Bayesian Data Analysis, chapter 5 (shrinkage); Bishop, Pattern Recognition and Machine Learning, sections
/// 3.5 and 9.3.4 (evidence, EM).
public struct AdvantageRegression: Sendable {
  /// A, W and s^2.
  public let offsetVariance: Double
  public let weightVariance: Double
  public let noiseVariance: Double
  /// `means[arm]`: alpha_n, then w_n.
  public let means: [[Double]]
  /// S, the posterior covariance of each arm's coefficients.
  public let covariance: Matrix<Double>
  /// The logarithm of the evidence, in nats.
  public let logEvidence: Double

  /// Below this share of the largest possible advantage variance, 1, a variance counts as nothing.
  private static let smallestVariance = 1e-10
  private static let iterations = 300

  /// - Parameters:
  ///   - contexts: n x k, of mean about 0; k may be 0.
  ///   - correctness: who was right on each of the n pairs.
  /// - Throws: `LinearAlgebraError` where rounding leaves no positive definite precision.
  public init(contexts: Matrix<Double>, correctness: CorrectnessTable) throws {
    let (n, k) = (contexts.rows, contexts.columns)
    precondition(n > 0 && correctness.pairCount == n, "each arm has a judgement of each of \(n) pairs")
    let arms = correctness.armCount
    let advantages = Self.advantages(correctness.values)
    var design = Matrix<Double>(rows: n, columns: k + 1)
    for row in 0..<n {
      design[row, 0] = 1
      for (column, value) in contexts.row(row).enumerated() { design[row, column + 1] = value }
    }
    var gram = Matrix<Double>(rows: k + 1, columns: k + 1)
    syrk(1, design, .transposed, 0, into: &gram)
    gram = gram.symmetrizedFromUpper
    let moments = advantages.map { gemv(design, .transposed, $0) }
    let squares = advantages.map { dot($0, $0) }

    let total = squares.reduce(0, +) / Double(n * arms)
    var fit = try Fit(
      gram: gram, moments: moments, squares: squares, pairs: n,
      offset: max(total / 4, Self.smallestVariance), weight: max(total / 4, Self.smallestVariance),
      noise: max(total, Self.smallestVariance))
    for _ in 0..<Self.iterations {
      let next = try fit.step(smallest: Self.smallestVariance)
      let gain = next.logEvidence - fit.logEvidence
      fit = next
      if gain < 1e-9 * Double(n) { break }
    }
    (offsetVariance, weightVariance, noiseVariance) = (fit.offset, fit.weight, fit.noise)
    (means, covariance, logEvidence) = (fit.means, fit.covariance, fit.logEvidence)
  }

  /// a[n][i] = y[n][i] - mean over arms.
  static func advantages(_ correctness: [[Double]]) -> [[Double]] {
    let pairs = correctness[0].indices
    let averages = pairs.map { pair in correctness.reduce(0) { $0 + $1[pair] } / Double(correctness.count) }
    return correctness.map { row in zip(row, averages).map { $0 - $1 } }
  }

  /// The expected advantage of each arm for one context, and the standard deviation of the difference of any two of them.
  public func prediction(_ context: ArraySlice<Double>) -> (advantages: [Double], differenceDeviation: Double) {
    let z = [1] + context
    precondition(z.count == covariance.rows, "a context of \(context.count) for \(covariance.rows - 1) weights")
    let variance = max(dot(z, gemv(covariance, .asIs, z)), 0)
    return (means.map { dot(z, $0) }, (2 * variance).squareRoot())
  }

  /// The posterior and evidence at one setting of the variances.
  private struct Fit {
    let gram: Matrix<Double>
    let moments: [[Double]]
    let squares: [Double]
    let pairs: Int
    let offset: Double
    let weight: Double
    let noise: Double
    let means: [[Double]]
    let covariance: Matrix<Double>
    let logEvidence: Double

    init(
      gram: Matrix<Double>, moments: [[Double]], squares: [Double], pairs: Int, offset: Double, weight: Double,
      noise: Double
    ) throws {
      self.gram = gram
      self.moments = moments
      self.squares = squares
      self.pairs = pairs
      (self.offset, self.weight, self.noise) = (offset, weight, noise)
      let size = gram.rows
      var precision = gram
      for i in precision.elements.indices { precision.elements[i] /= noise }
      for i in 0..<size { precision[i, i] += 1 / (i == 0 ? offset : weight) }
      let factor = try Cholesky(precision)
      means = moments.map { factor.solve($0.map { $0 / noise }) }
      covariance = factor.solve(Matrix<Double>(diagonal: [Double](repeating: 1, count: size)))
      let priorDeterminant = log(offset) + Double(size - 1) * log(weight)
      let (fixed, means) = (-0.5 * Double(pairs) * log(2 * .pi * noise), means)
      logEvidence = moments.indices.reduce(0) { sum, arm in
        let explained = (squares[arm] - dot(means[arm], moments[arm])) / noise
        return sum + fixed - 0.5 * (priorDeterminant + factor.logDeterminant + explained)
      }
    }

    /// One step of expectation maximisation; the evidence does not fall.
    func step(smallest: Double) throws -> Fit {
      let size = gram.rows
      let arms = Double(means.count)
      let offset = means.reduce(0) { $0 + $1[0] * $1[0] } / arms + covariance[0, 0]
      var weight = self.weight
      if size > 1 {
        let squares = means.reduce(0) { sum, mean in sum + mean.dropFirst().reduce(0) { $0 + $1 * $1 } }
        let trace = (1..<size).reduce(0) { $0 + covariance[$1, $1] }
        weight = squares / (arms * Double(size - 1)) + trace / Double(size - 1)
      }
      // E|a - Z w|^2 = |a - Z mu|^2 + tr(Z'Z S), for each arm.
      let spread = zip(gram.elements, covariance.elements).reduce(0) { $0 + $1.0 * $1.1 }
      let residual = means.indices.reduce(0) { sum, arm in
        sum + squares[arm] - 2 * dot(means[arm], moments[arm]) + dot(means[arm], gemv(gram, .asIs, means[arm])) + spread
      }
      return try Fit(
        gram: gram, moments: moments, squares: squares, pairs: pairs, offset: max(offset, smallest),
        weight: max(weight, smallest), noise: max(residual / (arms * Double(pairs)), smallest))
    }
  }
}
