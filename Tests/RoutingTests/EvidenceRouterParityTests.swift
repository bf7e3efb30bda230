import Foundation
import LinearAlgebra
import Randomness
import Routing
import TestSupport
import Testing

/// The router that learns its prior against `Scripts/fixtures/evidence_router.py`.
@Suite struct EvidenceRouterParityTests {
  struct Fixture: Decodable {
    struct Stream: Decodable {
      let dimension: Int
      let arms: [Int]
      let rewards: [Double]
      let probes: Int
    }

    struct Prior: Decodable {
      let mean: [Double]
      let covariance: [Double]
    }

    struct Checkpoint: Decodable {
      let count: Int
      let level: Double
      let noise: Double
      let v0: Double
      let v1: Double
      let means: [[Double]]
      let variances: [[Double]]
      let logEvidences: [Double]
      let bounds: [[Double]]
    }

    struct Case: Decodable {
      let name: String
      let priors: [Prior]
      let checkpoints: [Checkpoint]
    }

    let stream: Stream
    let cases: [Case]
  }

  /// The two ways round differently by at most the condition of the precision, here below 1e4, in units of 1e-16; the square root of the
  /// variance in a bound adds nothing.
  private static let relative = 1e-9

  private func expectClose(_ ours: [Double], _ theirs: [Double], _ what: String) {
    #expect(ours.count == theirs.count)
    let size = theirs.map(abs).max() ?? 0
    for (x, y) in matched(ours, theirs) { #expect(abs(x - y) <= Self.relative * size, "\(what): \(x) is not \(y)") }
  }

  private func context(_ t: Int, _ stream: FixtureStream, _ dimension: Int) -> [Double] {
    [1] + dyadicVector(stream, t, dimension).dropFirst()
  }

  @Test(arguments: [0, 1])
  func checkpointsAreThoseOfTheReference(index: Int) throws {
    let fixture: Fixture = try loadFixture("evidence_router")
    let (stream, one) = (fixture.stream, fixture.cases[index])
    let (dimension, armCount) = (stream.dimension, one.checkpoints[0].means.count)
    let names = (0..<armCount).map { "arm \($0)" }
    var router =
      one.priors.isEmpty
      ? EvidenceRouter(armNames: names, dimension: dimension)
      : try EvidenceRouter(
        armNames: names,
        priors: one.priors.map {
          try CorrelatedGaussianPrior(
            mean: $0.mean, covariance: Matrix(rows: dimension, columns: dimension, elements: $0.covariance))
        })
    #expect(stream.arms.count == stream.rewards.count && one.checkpoints.last?.count == stream.arms.count)
    var generator = PhiloxGenerator(seed: 1, stream: "test-parity")
    let probes = Matrix(rows: (0..<stream.probes).map { context($0, .testContext, dimension) })
    var checkpoints = one.checkpoints[...]
    for t in stream.arms.indices {
      try router.observe(arm: stream.arms[t], context: context(t, .context, dimension), reward: stream.rewards[t])
      guard let point = checkpoints.first, point.count == t + 1 else { continue }
      checkpoints.removeFirst()
      let place = "\(one.name), \(point.count) rewards"
      expectClose([router.rewardLevel], [point.level], "level, \(place)")
      expectClose([router.noiseVariance], [point.noise], "noise, \(place)")
      #expect(router.scales.intercept == point.v0 && router.scales.weights == point.v1, "\(place)")
      expectClose(router.arms.map(\.posterior.logEvidence), point.logEvidences, "evidence, \(place)")
      let decisions = try router.select(contexts: probes, using: &generator)
      for arm in 0..<armCount {
        let posterior = router.arms[arm].posterior
        expectClose(posterior.mean, point.means[arm], "means of arm \(arm), \(place)")
        expectClose(posterior.marginalVariances, point.variances[arm], "variances of arm \(arm), \(place)")
        expectClose(decisions.map { $0.scores[arm] }, point.bounds[arm], "bounds of arm \(arm), \(place)")
      }
    }
    #expect(checkpoints.isEmpty)
  }
}
