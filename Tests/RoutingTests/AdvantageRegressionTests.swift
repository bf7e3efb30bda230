import Foundation
import LinearAlgebra
import PreferenceData
import Randomness
import Routing
import TestSupport
import Testing

@Suite struct AdvantageRegressionTests {
  /// Judgements of `arms` over `pairs`, drawn from logits `offset[n] + gap h_i . v_n - difficulty`.
  static func planted(
    pairs: Int, arms: Int, dimension: Int, gap: Double, seed: UInt64, offsets: [Double]? = nil
  ) -> (evidence: OfflineEvidence, logits: [[Double]]) {
    var generator = PhiloxGenerator(seed: seed, stream: "planted")
    let vectors = (0..<arms).map { _ in generator.normals(dimension) }
    var contexts = Matrix<Double>(rows: pairs, columns: dimension)
    var logits = [[Double]](repeating: [Double](repeating: 0, count: pairs), count: arms)
    var correctness = logits
    for pair in 0..<pairs {
      let x = generator.normals(dimension).map { $0 / Double(dimension).squareRoot() }
      for (column, value) in x.enumerated() { contexts[pair, column] = value }
      let difficulty = 0.5 * generator.nextNormal()
      for arm in 0..<arms {
        logits[arm][pair] = (offsets?[arm] ?? 0.3) + gap * dot(x, vectors[arm]) - difficulty
        correctness[arm][pair] = generator.nextUniform() < 1 / (1 + exp(-logits[arm][pair])) ? 1 : 0
      }
    }
    let evidence = OfflineEvidence(
      contexts: contexts, correctness: CorrectnessTable(correctness), domains: [String?](repeating: nil, count: pairs),
      groups: Array(0..<pairs))
    return (evidence, logits)
  }

  /// The evidence of the fitted variances against the density of N(0, Z D Z' + s^2 I), by its n x n covariance.
  @Test(arguments: [0, 1, 3])
  func evidenceIsTheDensityOfTheAdvantages(components: Int) throws {
    let (evidence, _) = Self.planted(pairs: 40, arms: 3, dimension: 3, gap: 1, seed: 1)
    let contexts = Matrix(rows: (0..<40).map { Array(evidence.contexts.row($0).prefix(components)) })
    let x = components == 0 ? Matrix<Double>(rows: 40, columns: 0) : contexts
    let fit = try AdvantageRegression(contexts: x, correctness: evidence.correctness)
    var covariance = Matrix<Double>(rows: 40, columns: 40)
    for i in 0..<40 {
      for j in 0..<40 {
        covariance[i, j] =
          fit.offsetVariance + fit.weightVariance * dot(x.row(i), x.row(j)) + (i == j ? fit.noiseVariance : 0)
      }
    }
    let factor = try Cholesky(covariance)
    let mean = (0..<40).map { pair in evidence.correctness.values.reduce(0) { $0 + $1[pair] } / 3 }
    let expected = evidence.correctness.values.reduce(0.0) { sum, row in
      let advantage = zip(row, mean).map { $0 - $1 }
      return sum - 0.5 * (40 * log(2 * Double.pi) + factor.logDeterminant + dot(advantage, factor.solve(advantage)))
    }
    // Two ways to the same sum of some hundred terms of magnitude up to 100, over matrices of condition below 1e5.
    #expect(abs(fit.logEvidence - expected) < 1e-7 * abs(expected))
  }

  /// The posterior mean solves the normal equations (Z'Z + s^2 D^-1) mu = Z'a.
  @Test func posteriorSolvesTheNormalEquations() throws {
    let (evidence, _) = Self.planted(pairs: 60, arms: 4, dimension: 5, gap: 2, seed: 2)
    let fit = try AdvantageRegression(contexts: evidence.contexts, correctness: evidence.correctness)
    let mean = (0..<60).map { pair in evidence.correctness.values.reduce(0) { $0 + $1[pair] } / 4 }
    for arm in 0..<4 {
      let residual = (0..<60).map { pair in
        evidence.correctness.values[arm][pair] - mean[pair] - fit.means[arm][0]
          - dot(evidence.contexts.row(pair), fit.means[arm][1...])
      }
      let left = [residual.reduce(0, +)] + gemv(evidence.contexts, .transposed, residual)
      for (i, value) in left.enumerated() {
        let right = fit.noiseVariance * fit.means[arm][i] / (i == 0 ? fit.offsetVariance : fit.weightVariance)
        #expect(abs(value - right) < 1e-9)
      }
    }
  }

  /// No other variances nearby have a higher evidence: EM has found a maximum.
  @Test func evidenceFallsOffOnAllSides() throws {
    let (evidence, _) = Self.planted(pairs: 400, arms: 4, dimension: 3, gap: 2, seed: 3)
    let fit = try AdvantageRegression(contexts: evidence.contexts, correctness: evidence.correctness)
    func density(_ offset: Double, _ weight: Double, _ noise: Double) throws -> Double {
      // The sufficient statistics of the model at these variances.
      let design = Matrix(rows: (0..<400).map { [1] + evidence.contexts.row($0) })
      var precision = Matrix<Double>(rows: 4, columns: 4)
      syrk(1 / noise, design, .transposed, 0, into: &precision)
      precision = precision.symmetrizedFromUpper
      for i in 0..<4 { precision[i, i] += 1 / (i == 0 ? offset : weight) }
      let factor = try Cholesky(precision)
      let mean = (0..<400).map { pair in evidence.correctness.values.reduce(0) { $0 + $1[pair] } / 4 }
      return evidence.correctness.values.reduce(0) { sum, row in
        let advantage = zip(row, mean).map { $0 - $1 }
        let moment = gemv(design, .transposed, advantage).map { $0 / noise }
        return sum - 200 * log(2 * Double.pi * noise) - 0.5 * (log(offset) + 3 * log(weight) + factor.logDeterminant)
          - 0.5 * (dot(advantage, advantage) / noise - dot(moment, factor.solve(moment)))
      }
    }
    let best = try density(fit.offsetVariance, fit.weightVariance, fit.noiseVariance)
    #expect(abs(best - fit.logEvidence) < 1e-7 * abs(best))
    for factor in [0.8, 1.25] {
      #expect(try density(fit.offsetVariance * factor, fit.weightVariance, fit.noiseVariance) < best + 1e-3)
      #expect(try density(fit.offsetVariance, fit.weightVariance * factor, fit.noiseVariance) < best)
      #expect(try density(fit.offsetVariance, fit.weightVariance, fit.noiseVariance * factor) < best)
    }
  }

  /// Labels that do not depend on the context: the weights' variance vanishes, and every pair gets the best arm overall.
  @Test func withoutSignalTheRouterIsTheBestSingleModel() throws {
    let (evidence, _) = Self.planted(
      pairs: 1000, arms: 4, dimension: 8, gap: 0, seed: 4, offsets: [0.1, 1.2, 0.2, -0.3])
    let fitted = try AdvantagePolicy(caution: 1).fit(evidence)
    let arms = try fitted.arms(contexts: evidence.contexts, domains: evidence.domains)
    #expect(evidence.correctness.bestArm == 1)
    #expect(arms.count { $0 == 1 } >= 980)
  }
}

@Suite struct LaplacePosteriorTests {
  /// At the mode the gradient of the log posterior is 0, and the precision is minus its Hessian by central differences.
  @Test func modeAndPrecisionAreThoseOfTheLogPosterior() throws {
    let (evidence, _) = AdvantageRegressionTests.planted(pairs: 200, arms: 2, dimension: 3, gap: 2, seed: 5)
    let labels = evidence.correctness.values[0]
    let variance = [0.5, 1, 2]
    let posterior = try LaplacePosterior(contexts: evidence.contexts, labels: labels, priorVariance: variance)
    func gradient(_ w: [Double]) -> [Double] {
      let errors = zip(labels, gemv(evidence.contexts, .asIs, w)).map { $0 - 1 / (1 + exp(-$1)) }
      return zip(gemv(evidence.contexts, .transposed, errors), zip(w, variance)).map { $0 - $1.0 / $1.1 }
    }
    #expect(gradient(posterior.mode).allSatisfy { abs($0) < 1e-6 })
    let h = 1e-5
    let precision = posterior.precision.matrix
    for i in 0..<3 {
      var (up, down) = (posterior.mode, posterior.mode)
      up[i] += h
      down[i] -= h
      for (j, difference) in matched(gradient(up), gradient(down)).map({ ($0 - $1) / (2 * h) }).enumerated() {
        #expect(abs(-difference - precision[i, j]) < 1e-6 * max(1, abs(precision[i, j])))
      }
    }
  }

  /// In one dimension the integral over the weight can be done by quadrature; Laplace is close to it for 200 labels.
  @Test func evidenceIsCloseToTheIntegral() throws {
    let (evidence, _) = AdvantageRegressionTests.planted(pairs: 200, arms: 2, dimension: 1, gap: 1, seed: 6)
    let labels = evidence.correctness.values[0]
    let posterior = try LaplacePosterior(contexts: evidence.contexts, labels: labels, priorVariance: [1])
    let step = 0.002
    let densities = stride(from: -6.0, through: 6, by: step).map { w -> Double in
      let likelihood = (0..<200).reduce(0.0) { sum, row in
        let signed = labels[row] > 0.5 ? w * evidence.contexts[row, 0] : -w * evidence.contexts[row, 0]
        return sum - log1p(exp(-signed))
      }
      return likelihood - w * w / 2 - 0.5 * log(2 * Double.pi)
    }
    let top = densities.max() ?? 0
    let integral = top + log(densities.reduce(0) { $0 + exp($1 - top) } * step)
    // The correction of the next order is of size 1/n.
    #expect(abs(posterior.logEvidence - integral) < 0.02)
  }
}
