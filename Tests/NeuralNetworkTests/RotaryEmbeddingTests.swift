import Foundation
import LinearAlgebra
import NeuralNetwork
import TestSupport
import Testing

@Suite struct RotaryEmbeddingTests {
  private func close(_ a: [Double], _ b: [Double]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= 1e-14 * abs($1) }
  }

  @Test(arguments: [2, 8, 64, 128])
  func frequenciesFallGeometrically(size: Int) {
    let frequencies = RotaryEmbedding(headSize: size, base: 10_000).frequencies(length: 5)
    #expect(close(frequencies, (0..<size / 2).map { 1 / pow(10_000, Double(2 * $0) / Double(size)) }))
    #expect(frequencies[0] == 1)
  }

  @Test func linearScalingDividesAll() {
    let plain = RotaryEmbedding(headSize: 64, base: 500).frequencies(length: 9)
    let scaled = RotaryEmbedding(headSize: 64, base: 500, scaling: .linear(factor: 4)).frequencies(length: 9)
    #expect(close(scaled, plain.map { $0 / 4 }))
  }

  @Test func dynamicScalingRaisesTheBaseOfLongTextsAlone() {
    let rotary = RotaryEmbedding(headSize: 16, base: 100, scaling: .dynamic(factor: 2, originalPositions: 32))
    let plain = RotaryEmbedding(headSize: 16, base: 100)
    for length in [1, 31, 32] {
      #expect(rotary.decisiveLength(length) == nil)
      #expect(rotary.frequencies(length: length) == plain.frequencies(length: length))
    }
    for length in [33, 64, 1000] {
      #expect(rotary.decisiveLength(length) == length)
      let base = 100 * pow(2 * Double(length) / 32 - 1, 16.0 / 14)
      #expect(
        close(rotary.frequencies(length: length), RotaryEmbedding(headSize: 16, base: base).frequencies(length: 1)))
    }
    #expect(plain.decisiveLength(1 << 20) == nil)
  }

  /// Waves shorter than original / high are kept, those longer than original / low divided, and between it is continuous and monotone.
  @Test func llama3ScalingKeepsShortWavesAndStretchesLongOnes() {
    let original = 8192.0
    let rotary = RotaryEmbedding(
      headSize: 128, base: 500_000,
      scaling: .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 8192))
    let plain = RotaryEmbedding(headSize: 128, base: 500_000).frequencies(length: 1)
    let scaled = rotary.frequencies(length: 1)
    var kinds: Set<Int> = []
    for (frequency, value) in matched(plain, scaled) {
      let turns = original * frequency / (2 * .pi)
      if turns > 4 {
        kinds.insert(0)
        #expect(value == frequency)
      } else if turns < 1 {
        kinds.insert(1)
        #expect(value == frequency / 8)
      } else {
        kinds.insert(2)
        let smooth = (turns - 1) / 3
        #expect(abs(value - frequency * (smooth + (1 - smooth) / 8)) <= 1e-14 * frequency)
      }
    }
    #expect(kinds == [0, 1, 2])
    #expect(zip(scaled, scaled.dropFirst()).allSatisfy { $0 > $1 })
  }

  @Test func tablesTurnPairsOfHalvesByTheirPosition() {
    let rotary = RotaryEmbedding(headSize: 6, base: 50)
    let x = randomMatrix(5, 12, "x")
    let buffer = RowBuffer(x)
    rotary.table(positions: 9, length: 9).apply(buffer.all, from: 4)
    var expected = doubles(x)
    for i in 0..<5 {
      for head in [0, 6] {
        for (j, frequency) in rotary.frequencies(length: 9).enumerated() {
          let angle = Double(4 + i) * frequency
          let (a, b) = (Double(x[i, head + j]), Double(x[i, head + j + 3]))
          expected[i][head + j] = a * cos(angle) - b * sin(angle)
          expected[i][head + j + 3] = b * cos(angle) + a * sin(angle)
        }
      }
    }
    #expect(difference(buffer.all, expected) <= 4e-7)
  }

  /// Scores depend on the distance of two positions alone.
  @Test func turnedProductsDependOnTheDistance() {
    let rotary = RotaryEmbedding(headSize: 8, base: 100)
    let table = rotary.table(positions: 40, length: 40)
    func score(_ query: Int, _ key: Int) -> Double {
      let q = RowBuffer(randomMatrix(1, 8, "q"))
      let k = RowBuffer(randomMatrix(1, 8, "k"))
      table.apply(q.all, from: query)
      table.apply(k.all, from: key)
      return zip(q.all.row(0), k.all.row(0)).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    }
    #expect(abs(score(7, 3) - score(39, 35)) < 1e-5)
    #expect(abs(score(7, 3) - score(8, 3)) > 1e-3)
  }
}
