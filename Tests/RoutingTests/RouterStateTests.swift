import Foundation
import Randomness
import Routing
import Testing

@Suite struct RouterStateTests {
  private struct NoTransform: Error {}

  /// A fresh path in the temporary folder, removed at the end.
  private func withFolder(_ body: (URL) throws -> Void) throws {
    let parent = FileManager.default.temporaryDirectory.appendingPathComponent("router-state-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: parent) }
    try body(parent.appendingPathComponent("router"))
  }

  private func state(normalizer: RewardNormalizer.Method = .quantile, discount: Double = 1) throws -> RouterState {
    let (contexts, _) = randomObservations(30, dimension: 9, seed: 40)
    let transform = try ContextTransform(components: 5).fit(contexts)
    return RouterState(
      router: ThompsonSamplingRouter(
        armNames: ["a", "b", "c"], priors: (0..<3).map { _ in transform.prior(variance: 0.4) },
        configuration: .init(noiseVariance: 0.3, discount: discount)),
      normalizer: RewardNormalizer(normalizer), generator: PhiloxGenerator(seed: 41, stream: "test-state"),
      encoder: "test-9", head: .transform(transform))
  }

  /// Twenty steps of three pairs: transform, choose, normalise, learn.
  private func advance(_ state: inout RouterState, steps: Range<Int>) throws -> [Int] {
    var arms: [Int] = []
    for step in steps {
      let (raw, rewards) = randomObservations(3, dimension: 9, seed: UInt64(100 + step))
      guard case .transform(let transform) = state.head else { throw NoTransform() }
      let contexts = try transform.apply(raw)
      let decisions = try state.router.select(contexts: contexts, using: &state.generator)
      let normalized = state.normalizer.normalize(rewards, arms: decisions.map(\.arm))
      try state.router.observe(
        decisions.indices.map {
          Observation(arm: decisions[$0].arm, context: Array(contexts.row($0)), reward: normalized[$0])
        })
      arms += decisions.map(\.arm)
    }
    return arms
  }

  /// 7 and 70 steps: with rows of the witness pending, and after it was flushed.
  @Test(arguments: [7, 70], RewardNormalizer.Method.allCases)
  func loadingContinuesBitForBit(steps: Int, normalizer: RewardNormalizer.Method) throws {
    try withFolder { folder in
      var uninterrupted = try state(normalizer: normalizer)
      _ = try advance(&uninterrupted, steps: 0..<steps)
      try uninterrupted.save(to: folder)
      var loaded = try RouterState(folder: folder, rewardModels: ["a", "b", "c"], encoder: "test-9")
      #expect(loaded == uninterrupted)
      #expect(try advance(&loaded, steps: steps..<2 * steps) == advance(&uninterrupted, steps: steps..<2 * steps))
      #expect(loaded == uninterrupted)
    }
  }

  @Test func savingAgainReplacesTheOldState() throws {
    try withFolder { folder in
      var state = try state()
      try state.save(to: folder)
      _ = try advance(&state, steps: 0..<3)
      try state.save(to: folder)
      #expect(try RouterState(folder: folder) == state)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.deletingLastPathComponent().path) == ["router"])
    }
  }

  @Test func otherArmsOrEncodersAreRefused() throws {
    try withFolder { folder in
      try state().save(to: folder)
      #expect(throws: RoutingError.self) { try RouterState(folder: folder, rewardModels: ["a", "b"]) }
      let reordered = #expect(throws: RoutingError.self) {
        try RouterState(folder: folder, rewardModels: ["b", "a", "c"])
      }
      #expect(reordered.map(String.init(describing:))?.contains("another order: a, b, c, not b, a, c") == true)
      let encoder = #expect(throws: RoutingError.self) { try RouterState(folder: folder, encoder: "hashed-256") }
      #expect(encoder.map(String.init(describing:))?.contains("'test-9', not 'hashed-256'") == true)
    }
  }

  @Test(arguments: ["manifest.json", "posteriors.safetensors", "context.safetensors"])
  func aDamagedFileIsRefused(name: String) throws {
    try withFolder { folder in
      try state().save(to: folder)
      let url = folder.appendingPathComponent(name)
      let whole = try Data(contentsOf: url)
      for cut in [0, 1, whole.count / 2, whole.count - 1] {
        try whole.prefix(cut).write(to: url)
        #expect(throws: (any Error).self, "\(cut) of \(whole.count) bytes") { try RouterState(folder: folder) }
      }
      try FileManager.default.removeItem(at: url)
      #expect(throws: (any Error).self) { try RouterState(folder: folder) }
    }
  }

  /// Single bytes changed all over the manifest: refused, or read as a router that can be used.
  @Test func changedManifestsNeverTrap() throws {
    try withFolder { folder in
      try state().save(to: folder)
      let url = folder.appendingPathComponent("manifest.json")
      let whole = try Data(contentsOf: url)
      var generator = PhiloxGenerator(seed: 42, stream: "test-mutation")
      for _ in 0..<300 {
        var changed = whole
        changed[generator.nextIndex(below: whole.count)] = UInt8(generator.nextIndex(below: 128))
        try changed.write(to: url)
        if var loaded = try? RouterState(folder: folder) { _ = try? advance(&loaded, steps: 0..<1) }
      }
    }
  }
}
