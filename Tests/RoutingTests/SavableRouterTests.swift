import Foundation
import LinearAlgebra
import Randomness
import Routing
import Storage
import Testing

/// Routers of every kind that can be saved go on as if nothing had happened.
@Suite struct SavableRouterTests {
  private static let names = ["a", "b"]
  private static let priors = [GaussianPrior](repeating: GaussianPrior(dimension: 3, variance: 0.5), count: 2)

  static let routers: [any SavableRouter] = [
    ThompsonSamplingRouter(armNames: names, priors: priors, configuration: .init(noiseVariance: 0.2, draw: .joint)),
    LinUCBRouter(armNames: names, dimension: 3, alpha: 0.7),
    EpsilonGreedyRouter(armNames: names, priors: priors, noiseVariance: 0.3, epsilon: 0.2),
    EvidenceRouter(armNames: names, dimension: 3, configuration: .init(exploration: .thompson(scale: 0.5))),
  ]

  private func step(_ router: inout any SavableRouter, _ generator: inout PhiloxGenerator) throws -> [Int] {
    let contexts = Matrix(rows: 8, columns: 3, elements: generator.normals(24))
    let decisions = try router.select(contexts: contexts, using: &generator)
    try router.observe(
      decisions.enumerated().map { row, decision in
        Observation(
          arm: decision.arm, context: Array(contexts.row(row)), reward: decision.arm == 0 ? contexts[row, 0] : 0.1)
      })
    return decisions.map(\.arm)
  }

  private func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("router-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }

  @Test(arguments: routers.indices)
  func aSavedRouterGoesOnBitForBit(index: Int) throws {
    var router = Self.routers[index]
    var generator = PhiloxGenerator(seed: 5, stream: "savable")
    for _ in 0..<4 { _ = try step(&router, &generator) }
    try withFolder { folder in
      try RouterState(
        router: router, normalizer: RewardNormalizer(.quantile), generator: generator, encoder: "hashed-3"
      ).save(to: folder)
      var read = try RouterState(folder: folder, rewardModels: Self.names, encoder: "hashed-3")
      #expect(type(of: read.router) == type(of: router) && read.head == .none)
      #expect(read.router.arms == router.arms)
      for _ in 0..<4 {
        #expect(try step(&read.router, &read.generator) == step(&router, &generator))
      }
      #expect(read.router.arms == router.arms && read.generator == generator)
    }
  }

  @Test func anUnknownKindIsNamed() throws {
    try withFolder { folder in
      try RouterState(
        router: Self.routers[1], normalizer: RewardNormalizer(.none),
        generator: PhiloxGenerator(seed: 1, stream: "s"), encoder: "hashed-3"
      ).save(to: folder)
      let url = folder.appendingPathComponent("manifest.json")
      let text = String(decoding: try AtomicFile.read(url), as: UTF8.self)
      try AtomicFile.write(Data(text.replacingOccurrences(of: "\"linucb\"", with: "\"oracle\"").utf8), to: url)
      #expect(
        throws: RoutingError.savedState(
          path: url.path, .unknownKind(found: "oracle", known: ["thompson", "linucb", "epsilon-greedy", "bayesian"]))
      ) { try RouterState(folder: folder) }
    }
  }

  /// What Thompson sampling's manifest looked like before there were kinds is read still.
  @Test func aManifestWithoutKindIsThompsons() throws {
    try withFolder { folder in
      try RouterState(
        router: Self.routers[0], normalizer: RewardNormalizer(.none),
        generator: PhiloxGenerator(seed: 1, stream: "s"), encoder: "hashed-3"
      ).save(to: folder)
      let text = String(decoding: try AtomicFile.read(folder.appendingPathComponent("manifest.json")), as: UTF8.self)
      #expect(!text.contains("\"kind\""))
      #expect(try RouterState(folder: folder).router is ThompsonSamplingRouter)
    }
  }
}
