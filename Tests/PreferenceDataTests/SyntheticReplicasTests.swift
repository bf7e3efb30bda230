import PreferenceData
import Randomness
import Testing

@Suite struct SyntheticReplicasTests {
  private func dataset() -> PreferenceDataset {
    var generator = PhiloxGenerator(seed: 1, stream: "world")
    return SyntheticWorld(.init(pairs: 4000, rewardModels: 3)).dataset(using: &generator)
  }

  @Test func copiesAreNamedSyntheticAndTheRecordedStay() {
    var generator = PhiloxGenerator(seed: 2, stream: "copies")
    let original = dataset()
    let wide = original.replicated(to: 8, noise: 1, using: &generator)
    #expect(Array(wide.scores.prefix(3)) == original.scores && wide.pairs == original.pairs)
    #expect(Array(wide.rewardModels.prefix(3)) == original.rewardModels)
    let names = wide.rewardModels.dropFirst(3).map(\.name)
    #expect(Set(names).count == 5 && names.allSatisfy { $0.contains("synthetic-copy-") })
    #expect(names[0] == "\(original.rewardModels[0].name) synthetic-copy-1")
    #expect(names[3] == "\(original.rewardModels[0].name) synthetic-copy-2")
  }

  /// The difference's noise has `noise` times the root mean square of the difference, to five deviations of a sample variance
  /// over 4,000 normals, sqrt(2/4000) each.
  @Test(arguments: [0.0, 0.5, 2])
  func noiseHasTheStatedSize(noise: Double) {
    var generator = PhiloxGenerator(seed: 3, stream: "copies")
    let original = dataset()
    let wide = original.replicated(to: 6, noise: noise, using: &generator)
    for arm in 0..<3 {
      func meanSquare(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 } / Double(values.count) }
      let own = original.scores[arm].map { $0.a - $0.b }
      let added = zip(wide.scores[arm + 3], own).map { $0.a - $0.b - $1 }
      let ratio = meanSquare(added) / meanSquare(own)
      #expect(abs(ratio - noise * noise) <= 5 * (2.0 / 4000).squareRoot() * noise * noise + 1e-12)
    }
  }
}
