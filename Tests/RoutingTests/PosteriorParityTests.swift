import Foundation
import LinearAlgebra
import Routing
import TestSupport
import Testing

/// Against the exact rational and ball arithmetic of `Scripts/fixtures/posterior.py`.
@Suite struct PosteriorParityTests {
  /// Relative error allowed: every entry of R passes n rotations of backward error eps each, and reading the posterior off R
  /// multiplies that by R's condition number, the root of the precision's. The constant covers the sums of length d.
  private func tolerance(_ record: PosteriorRecord) -> Double {
    let condition = min(record.condition, 1e20).squareRoot()
    return 8 * Double.ulpOfOne * (Double(record.observations).squareRoot() + Double(record.dimension)) * condition
  }

  private func check(_ posterior: LinearGaussianPosterior, _ record: PosteriorRecord) {
    let relative = tolerance(record)
    let mean = posterior.mean
    for (index, value) in matched(record.meanIndices, record.meanValues) {
      #expect(abs(mean[index] - value) <= relative * record.meanNorm, "mean[\(index)]")
    }
    #expect(abs(dot(mean, mean).squareRoot() - record.meanNorm) <= relative * record.meanNorm)
    let probeNorm = dot(record.probe, record.probe).squareRoot()
    #expect(abs(dot(mean, record.probe) - record.meanProbe) <= relative * record.meanNorm * probeNorm)

    // The precision is a sum of n terms: no condition number.
    let summation = 4 * Double.ulpOfOne * Double(record.observations + record.dimension)
    let precision = posterior.precision
    let fromFactor = posterior.factor.matrix
    let size = precision.maximumMagnitude
    for (index, value) in matched(record.precisionIndices, record.precisionValues) {
      #expect(abs(precision[index[0], index[1]] - value) <= summation * size, "P\(index)")
      #expect(abs(fromFactor[index[0], index[1]] - value) <= summation * size, "R'R\(index)")
    }
    let quadratic = dot(record.probe, gemv(precision, .asIs, record.probe))
    #expect(
      abs(quadratic - record.precisionProbe) <= summation * Double(record.dimension) * size * probeNorm * probeNorm)

    let logarithms = relative * (Double(record.dimension) + abs(record.logDeterminant))
    #expect(abs(posterior.factor.logDeterminant - record.logDeterminant) <= logarithms)
    #expect(
      abs(posterior.logEvidence - record.logEvidence)
        <= relative * (Double(record.observations) + abs(record.logEvidence)))

    let tests = Matrix(rows: record.predictiveMeans.indices.map { record.context($0, .testContext) })
    let predictions = posterior.predictions(contexts: tests)
    for i in record.predictiveMeans.indices {
      let length = dot(tests.row(i), tests.row(i)).squareRoot()
      #expect(abs(predictions.means[i] - record.predictiveMeans[i]) <= relative * record.meanNorm * length)
      let variance = predictions.standardDeviations[i] * predictions.standardDeviations[i]
      #expect(abs(variance - record.predictiveVariances[i]) <= 2 * relative * record.predictiveVariances[i])
    }
  }

  private func start(_ record: PosteriorRecord) -> LinearGaussianPosterior {
    LinearGaussianPosterior(
      prior: GaussianPrior(mean: record.priorMean, variance: record.priorVariance), noiseVariance: record.noiseVariance)
  }

  @Test func oneByOneEqualsTheReference() throws {
    for record in try PosteriorFixture.load().posteriors {
      var posterior = start(record)
      let (contexts, rewards) = (record.contexts, record.rewards)
      for t in 0..<record.observations {
        try posterior.observe(context: Array(contexts.row(t)), reward: rewards[t])
      }
      check(posterior, record)
      #expect(posterior.observationCount == record.observations)
    }
  }

  /// A batch larger than d/2 is factorised from the summed precision, whose own condition number then counts.
  @Test func oneBatchEqualsTheReference() throws {
    for record in try PosteriorFixture.load().posteriors where record.condition < 1e3 {
      var posterior = start(record)
      try posterior.observe(contexts: record.contexts, rewards: record.rewards)
      check(posterior, record)
    }
  }

  @Test func aHundredThousandEqualContextsEqualTheClosedForm() throws {
    for record in try PosteriorFixture.load().duplicates {
      var posterior = start(record)
      let context = record.context(0)
      for t in 0..<record.observations { try posterior.observe(context: context, reward: dyadic(.reward, t, 0)) }
      check(posterior, record)
    }
  }
}
