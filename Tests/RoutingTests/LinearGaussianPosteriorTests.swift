import Foundation
import LinearAlgebra
import Randomness
import Routing
import TestSupport
import Testing

/// Contexts of norm about one, and rewards.
func randomObservations(_ count: Int, dimension: Int, seed: UInt64) -> (contexts: Matrix<Double>, rewards: [Double]) {
  var generator = PhiloxGenerator(seed: seed, stream: "test-observations")
  let scale = 1 / Double(dimension).squareRoot()
  let contexts = Matrix(
    rows: count, columns: dimension, elements: generator.normals(count * dimension).map { $0 * scale })
  return (contexts, generator.normals(count))
}

@Suite struct LinearGaussianPosteriorTests {
  private func posterior(_ dimension: Int, noiseVariance: Double = 0.3) -> LinearGaussianPosterior {
    var generator = PhiloxGenerator(seed: 1, stream: "test-prior")
    return LinearGaussianPosterior(
      prior: GaussianPrior(
        mean: generator.normals(dimension), variance: (0..<dimension).map { 0.5 + Double($0 % 3) }),
      noiseVariance: noiseVariance)
  }

  private func expectClose(_ a: LinearGaussianPosterior, _ b: LinearGaussianPosterior, relative: Double) {
    for (x, y) in matched(a.mean, b.mean) { #expect(abs(x - y) <= relative) }
    let size = b.precision.maximumMagnitude
    for (x, y) in matched(a.factor.matrix.elements, b.factor.matrix.elements) { #expect(abs(x - y) <= relative * size) }
    #expect(abs(a.logEvidence - b.logEvidence) <= relative * abs(b.logEvidence))
    #expect(a.observationCount == b.observationCount)
  }

  @Test func theFreshPosteriorIsThePrior() {
    let fresh = posterior(5)
    for (mean, prior) in matched(fresh.mean, fresh.prior.mean) { #expect(abs(mean - prior) <= 4 * Double.ulpOfOne * 5) }
    for (variance, prior) in matched(fresh.marginalVariances, fresh.prior.variance) {
      #expect(abs(variance - prior) <= 8 * Double.ulpOfOne * prior)
    }
    #expect(fresh.logEvidence == 0 && fresh.observationCount == 0)
  }

  /// d = 1, m = 0, v = 1, sigma^2 = 1, x = 1, r = 1: w ~ N(1/2, 1/2) and r ~ N(0, 2).
  @Test func oneDimensionHasTheTextbookAnswer() throws {
    var posterior = LinearGaussianPosterior(prior: GaussianPrior(dimension: 1, variance: 1), noiseVariance: 1)
    try posterior.observe(context: [1], reward: 1)
    #expect(abs(posterior.mean[0] - 0.5) <= Double.ulpOfOne)
    #expect(abs(posterior.marginalVariances[0] - 0.5) <= Double.ulpOfOne)
    #expect(abs(posterior.logEvidence - (-0.5 * log(4 * Double.pi) - 0.25)) <= 4 * Double.ulpOfOne)
  }

  @Test(arguments: [(3, 1), (8, 3), (8, 40), (64, 31), (64, 32), (64, 200)])
  func aBatchEqualsItsObservationsInTurn(dimension: Int, count: Int) throws {
    let (contexts, rewards) = randomObservations(count, dimension: dimension, seed: 2)
    var batch = posterior(dimension)
    var sequence = batch
    try batch.observe(contexts: contexts, rewards: rewards)
    for t in 0..<count { try sequence.observe(context: Array(contexts.row(t)), reward: rewards[t]) }
    expectClose(batch, sequence, relative: 1e3 * Double.ulpOfOne * Double(dimension))
  }

  @Test func theOrderOfObservationsDoesNotMatter() throws {
    let (contexts, rewards) = randomObservations(50, dimension: 12, seed: 3)
    var forward = posterior(12)
    var backward = forward
    for t in 0..<50 {
      try forward.observe(context: Array(contexts.row(t)), reward: rewards[t])
      try backward.observe(context: Array(contexts.row(49 - t)), reward: rewards[49 - t])
    }
    expectClose(forward, backward, relative: 1e3 * Double.ulpOfOne * 12)
  }

  /// log p(r_1..n) by the covariance of all rewards, sigma^2 I + X V X'.
  @Test func logEvidenceIsTheDensityOfAllRewards() throws {
    let (contexts, rewards) = randomObservations(9, dimension: 4, seed: 4)
    var posterior = posterior(4)
    var covariance = gemm(
      gemm(contexts, .asIs, Matrix(diagonal: posterior.prior.variance)), .asIs, contexts, .transposed)
    for i in 0..<9 { covariance[i, i] += posterior.noiseVariance }
    let cholesky = try Cholesky(covariance)
    let residuals = zip(rewards, gemv(contexts, .asIs, posterior.prior.mean)).map { $0 - $1 }
    let expected =
      -0.5 * (9 * log(2 * Double.pi) + cholesky.logDeterminant + dot(residuals, cholesky.solve(residuals)))
    try posterior.observe(contexts: contexts, rewards: rewards)
    #expect(abs(posterior.logEvidence - expected) <= 1e3 * Double.ulpOfOne * abs(expected))
  }

  @Test(arguments: [1, 2, 33])
  func predictionsAreTheMomentsOfTheWeights(count: Int) throws {
    var posterior = posterior(10)
    let (contexts, rewards) = randomObservations(20, dimension: 10, seed: 5)
    try posterior.observe(contexts: contexts, rewards: rewards)
    let (tests, _) = randomObservations(count, dimension: 10, seed: 6)
    let predictions = posterior.predictions(contexts: tests)
    let cholesky = try Cholesky(posterior.precision)
    for i in 0..<count {
      let x = Array(tests.row(i))
      #expect(abs(predictions.means[i] - dot(x, posterior.mean)) <= 1e3 * Double.ulpOfOne)
      let variance = predictions.standardDeviations[i] * predictions.standardDeviations[i]
      #expect(abs(variance - dot(x, cholesky.solve(x))) <= 1e3 * Double.ulpOfOne)
    }
  }

  /// Sample covariance of 40,000 draws: each element within five standard errors, sqrt((c_ii c_jj + c_ij^2) / n).
  @Test func samplesHaveThePosteriorMeanAndCovariance() throws {
    var posterior = posterior(4)
    let (contexts, rewards) = randomObservations(6, dimension: 4, seed: 7)
    try posterior.observe(contexts: contexts, rewards: rewards)
    let covariance = try Cholesky(posterior.precision).solve(.identity(4))
    var generator = PhiloxGenerator(seed: 8, stream: "test-samples")
    let draws = 40_000
    let samples = (0..<draws).map { _ in posterior.sampleWeights(using: &generator) }
    let mean = posterior.mean
    for i in 0..<4 {
      let sampleMean = samples.reduce(0) { $0 + $1[i] } / Double(draws)
      #expect(abs(sampleMean - mean[i]) <= 5 * (covariance[i, i] / Double(draws)).squareRoot())
      for j in 0...i {
        let sum = samples.reduce(0) { $0 + ($1[i] - mean[i]) * ($1[j] - mean[j]) }
        let error = (covariance[i, i] * covariance[j, j] + covariance[i, j] * covariance[i, j]) / Double(draws)
        #expect(abs(sum / Double(draws) - covariance[i, j]) <= 5 * error.squareRoot())
      }
    }
  }

  @Test func discountingKeepsThePriorAndShrinksTheData() throws {
    let (contexts, rewards) = randomObservations(30, dimension: 6, seed: 9)
    let fresh = posterior(6)
    var discounted = fresh
    try discounted.observe(contexts: contexts, rewards: rewards)
    let before = discounted
    try discounted.discount(by: 0.25)
    // Data of a quarter of the weight are data of four times the noise variance.
    var noisy = LinearGaussianPosterior(prior: fresh.prior, noiseVariance: 4 * fresh.noiseVariance)
    try noisy.observe(contexts: contexts, rewards: rewards)
    for (x, y) in matched(discounted.mean, noisy.mean) { #expect(abs(x - y) <= 1e4 * Double.ulpOfOne) }
    for (x, y) in matched(discounted.precision.elements, noisy.precision.elements) {
      #expect(abs(x - y) <= 1e4 * Double.ulpOfOne)
    }
    for _ in 0..<200 { try discounted.discount(by: 0.5) }
    for (x, y) in matched(discounted.mean, fresh.mean) { #expect(abs(x - y) <= 1e4 * Double.ulpOfOne) }
    var kept = before
    try kept.discount(by: 1)
    #expect(kept == before)
  }

  @Test func refactorizingChangesNothingBeyondRounding() throws {
    var posterior = posterior(30)
    let (contexts, rewards) = randomObservations(500, dimension: 30, seed: 10)
    for t in 0..<500 { try posterior.observe(context: Array(contexts.row(t)), reward: rewards[t]) }
    #expect(posterior.factorDrift <= 1e2 * Double.ulpOfOne * 500)
    var anew = posterior
    try anew.refactorize()
    #expect(anew.factorDrift <= 1e2 * Double.ulpOfOne * 30)
    expectClose(anew, posterior, relative: 1e4 * Double.ulpOfOne)
  }

  @Test func notANumberIsRefusedAndChangesNothing() throws {
    var posterior = posterior(3)
    let before = posterior
    #expect(throws: RoutingError.notFinite(what: "the reward", index: 0)) {
      try posterior.observe(context: [1, 0, 0], reward: .nan)
    }
    #expect(throws: RoutingError.notFinite(what: "the context of pair 0 of the batch", index: 1)) {
      try posterior.observe(context: [1, .infinity, 0], reward: 1)
    }
    #expect(throws: RoutingError.contextSize(found: 2, expected: 3)) {
      try posterior.observe(context: [1, 0], reward: 1)
    }
    #expect(posterior == before)
  }
}
