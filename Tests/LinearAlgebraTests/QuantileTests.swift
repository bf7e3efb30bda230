import LinearAlgebra
import Randomness
import Testing

@Suite struct QuantileTests {
  @Test func specialValuesAreExact() {
    #expect(quantile(0.3, ofAscending: [7]) == 7)
    let values = [1.0, 2, 4, 8, 16]
    for (index, value) in values.enumerated() { #expect(quantile(Double(index) / 4, ofAscending: values) == value) }
    // numpy.quantile([1, 2, 4, 8, 16], [0.125, 0.9]) is [1.5, 12.8].
    #expect(quantile(0.125, ofAscending: values) == 1.5)
    #expect(abs(quantile(0.9, ofAscending: values) - 12.8) < 1e-14)
  }

  @Test func quantilesAscendBetweenTheEnds() {
    var generator = PhiloxGenerator(seed: 1, stream: "quantiles")
    for count in 1...20 {
      let values = (0..<count).map { _ in generator.nextNormal() }.sorted()
      let quantiles = (0...100).map { quantile(Double($0) / 100, ofAscending: values) }
      #expect(quantiles.first == values.first && quantiles.last == values.last)
      #expect(zip(quantiles, quantiles.dropFirst()).allSatisfy { $0 <= $1 + 1e-15 })
    }
  }
}
