import Foundation
import LinearAlgebra
import Routing
import TestSupport
import Testing

/// `offline_router.json` of `Scripts/fixtures/offline_router.py`.
struct OfflineRouterFixture: Decodable {
  struct Target: Decodable {
    let comparisons: [[Int]]
    let labels: [Int]
    let differences: [Double]
  }
  struct Case: Decodable {
    let classificationWeight: Double
    let differenceWeight: Double
    let countsEmpty: Bool
    let comparison: Double
    let classification: Double
    let difference: Double
    let total: Double
    let names: [String]
    let gradients: [[Double]]

    var configuration: RouterLossConfiguration {
      var configuration = RouterLossConfiguration()
      configuration.classificationWeight = classificationWeight
      configuration.differenceWeight = differenceWeight
      configuration.countsEmptySamples = countsEmpty
      return configuration
    }
  }
  let targets: [Target]
  let cases: [Case]

  var routerTargets: [RouterTarget] {
    targets.enumerated().map { pair, target in
      RouterTarget(
        pair: pair, comparisons: target.comparisons.map { ArmComparison(winner: $0[0], loser: $0[1]) },
        labels: target.labels.map { $0 < 0 ? nil : $0 == 1 }, differences: target.differences.map(Optional.some))
    }
  }
}

/// D(stream, t, i) of `fixture.py`; streams beyond those of the posterior's fixtures.
func dyadic(stream: UInt64, _ t: Int, _ i: Int) -> Double {
  var z = (stream << 48) &+ (UInt64(t) << 16) &+ UInt64(i) &+ 1
  for factor in [0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93, 0xD6E8_FEB8_6659_FD93] as [UInt64] {
    z = z &* factor
    z ^= z >> 32
  }
  return (Double(z & 0xFFFF) - 32768) / 32768
}

@Suite struct OfflineRouterGradientTests {
  private let fixture: OfflineRouterFixture

  init() throws { fixture = try loadFixture("offline_router") }

  private func network<Scalar: BLASScalar>(_ type: Scalar.Type) -> RouterNetwork<Scalar> {
    var network = RouterNetwork<Scalar>(features: 10, dimension: 7, arms: 4)
    for (k, parameter) in network.parameters.enumerated() {
      for i in network[keyPath: parameter.path].indices {
        network[keyPath: parameter.path][i] = Scalar(dyadic(stream: 8, k, i) / 2)
      }
    }
    return network
  }

  private func features<Scalar: BLASScalar>(_ type: Scalar.Type) -> Matrix<Scalar> {
    Matrix(rows: 6, columns: 10, elements: (0..<60).map { Scalar(dyadic(stream: 9, 0, $0)) })
  }

  /// The largest relative difference over the tensors, in the Euclidean norm.
  private func worstDifference<Scalar: BLASScalar>(_ type: Scalar.Type, _ each: OfflineRouterFixture.Case) -> Double {
    let network = network(type)
    var gradient = RouterNetwork<Scalar>(features: 10, dimension: 7, arms: 4)
    let (loss, dFeatures) = network.loss(
      features: features(type), targets: fixture.routerTargets, each.configuration, addingTo: &gradient,
      featureGradient: true)
    var worst = 0.0
    for (found, expected) in [
      (loss.comparison, each.comparison), (loss.classification, each.classification),
      (loss.difference, each.difference), (loss.total, each.total),
    ] { worst = max(worst, abs(found - expected) / max(abs(expected), 1e-3)) }
    var tensors = network.parameters.map { ($0.name, gradient[keyPath: $0.path].map { Double($0) }) }
    tensors.append(("features", dFeatures?.elements.map { Double($0) } ?? []))
    #expect(tensors.map(\.0) == each.names)
    for (tensor, expected) in matched(tensors, each.gradients) {
      #expect(tensor.1.count == expected.count)
      let distance = matched(tensor.1, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
      let norm = expected.reduce(0) { $0 + $1 * $1 }.squareRoot()
      worst = max(worst, norm == 0 ? distance : distance / norm)
    }
    return worst
  }

  @Test func lossAndGradientsEqualAutograd() {
    for each in fixture.cases {
      #expect(worstDifference(Double.self, each) < 1e-11)
      #expect(worstDifference(Float.self, each) < 1e-5)
    }
  }

  @Test func gradientsEqualCentralDifferences() {
    let targets = fixture.routerTargets
    let (network, features) = (network(Double.self), features(Double.self))
    for each in fixture.cases {
      var gradient = RouterNetwork<Double>(features: 10, dimension: 7, arms: 4)
      _ = network.loss(features: features, targets: targets, each.configuration, addingTo: &gradient)
      for parameter in network.parameters {
        for i in network[keyPath: parameter.path].indices {
          func loss(_ shift: Double) -> Double {
            var moved = network
            moved[keyPath: parameter.path][i] += shift
            return moved.loss(features: features, targets: targets, each.configuration).total
          }
          let slope = (loss(1e-5) - loss(-1e-5)) / 2e-5
          #expect(abs(gradient[keyPath: parameter.path][i] - slope) < 1e-8, "\(parameter.name)[\(i)]")
        }
      }
    }
  }

  /// |h| = 1 and |E_bt| = 1, whatever the weights' lengths.
  @Test func contextsAndEmbeddingsHaveNormOne() throws {
    let router = OfflineRouter(
      network: network(Float.self), rewardModels: ["a", "b", "c", "d"], encoder: "test", training: nil)
    let contexts = try router.contexts(features(Float.self))
    let judgement = try router.judge(features(Float.self))
    for i in 0..<6 {
      #expect(abs(dot(contexts.row(i), contexts.row(i)) - 1) < 1e-6)
      for n in 0..<4 {
        #expect(abs(dot(contexts.row(i), router.embeddings.row(n)) - judgement.scores[i, n]) < 1e-6)
        #expect((0...1).contains(judgement.probabilities[i, n]))
      }
    }
    for n in 0..<4 { #expect(abs(dot(router.embeddings.row(n), router.embeddings.row(n)) - 1) < 1e-6) }
  }
}
