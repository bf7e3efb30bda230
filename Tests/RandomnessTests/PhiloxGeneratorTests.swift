import Foundation
import Randomness
import Randomness
import Testing

@Suite struct PhiloxGeneratorTests {
  /// The known answers of Random123 (kat_vectors, philox4x64 with 10 rounds).
  @Test func blocksEqualTheKnownAnswers() {
    #expect(
      PhiloxGenerator.philox(counter: .zero, key: .zero)
        == SIMD4(0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b))
    #expect(
      PhiloxGenerator.philox(counter: SIMD4(repeating: .max), key: SIMD2(repeating: .max))
        == SIMD4(0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0))
    #expect(
      PhiloxGenerator.philox(
        counter: SIMD4(0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89),
        key: SIMD2(0x452821e638d01377, 0xbe5466cf34e90c6c))
        == SIMD4(0xa528f45403e61d95, 0x38c72dbd566e9788, 0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6))
  }

  private struct Case: Decodable {
    let key: [UInt64]
    let counter: [UInt64]
    let raw: [UInt64]
  }

  private struct Cases: Decodable { let cases: [Case] }

  /// Against NumPy: the file of `Scripts/fixtures/linear_algebra.py`.
  @Test func wordsEqualNumPys() throws {
    let url = try #require(Bundle.module.url(forResource: "philox", withExtension: "json", subdirectory: "Fixtures"))
    let cases = try JSONDecoder().decode(Cases.self, from: Data(contentsOf: url)).cases
    #expect(!cases.isEmpty)
    for one in cases {
      var generator = PhiloxGenerator(
        key: SIMD2(one.key[0], one.key[1]),
        counter: SIMD4(one.counter[0], one.counter[1], one.counter[2], one.counter[3]))
      #expect(one.raw.map { _ in generator.next() } == one.raw, "key \(one.key), counter \(one.counter)")
    }
  }

  @Test func streamsSeedsAndIndicesDiffer() {
    var firsts: Set<UInt64> = []
    for seed in 0..<20 as Range<UInt64> {
      for stream in ["order", "thompson", "noise"] {
        for index in 0..<5 as Range<UInt64> {
          var generator = PhiloxGenerator(seed: seed, stream: stream, index: index)
          firsts.insert(generator.next())
        }
      }
    }
    #expect(firsts.count == 20 * 3 * 5)
  }

  @Test(arguments: 0..<9)
  func aSavedStateContinues(draws: Int) throws {
    var generator = PhiloxGenerator(seed: 7, stream: "save")
    for _ in 0..<draws { _ = generator.nextNormal() }
    let data = try JSONEncoder().encode(generator)
    var restored = try JSONDecoder().decode(PhiloxGenerator.self, from: data)
    #expect(restored == generator)
    for _ in 0..<100 { #expect(restored.nextNormal() == generator.nextNormal()) }
    #expect(restored.next() == generator.next())
  }

  @Test func theCounterCarries() {
    var generator = PhiloxGenerator(key: SIMD2(1, 2), counter: SIMD4(.max, .max, 0, 0))
    #expect(generator.next() == PhiloxGenerator.philox(counter: SIMD4(0, 0, 1, 0), key: SIMD2(1, 2))[0])
  }

  /// Moments within 5 standard errors; bounds by the variances of the sample moments.
  @Test func normalsHaveTheMomentsOfTheNormal() {
    var generator = PhiloxGenerator(seed: 8, stream: "moments")
    let count = 200_000
    let values = generator.normals(count)
    func moment(_ power: Int) -> Double { values.reduce(0) { $0 + pow($1, Double(power)) } / Double(count) }
    let error = 5 / Double(count).squareRoot()
    #expect(abs(moment(1)) < error)
    #expect(abs(moment(2) - 1) < error * 2.0.squareRoot())
    #expect(abs(moment(3)) < error * 15.0.squareRoot())
    #expect(abs(moment(4) - 3) < error * 96.0.squareRoot())
  }

  @Test(arguments: [1, 2, 3, 7, 10])
  func indicesAreUniform(bound: Int) {
    var generator = PhiloxGenerator(seed: 9, stream: "indices")
    let draws = 20_000
    var counts = [Int](repeating: 0, count: bound)
    for _ in 0..<draws { counts[generator.nextIndex(below: bound)] += 1 }
    let expected = Double(draws) / Double(bound)
    let chiSquare = counts.reduce(0) { $0 + pow(Double($1) - expected, 2) / expected }
    // Mean and standard deviation of chi-square with `bound - 1` degrees of freedom; five deviations.
    #expect(chiSquare <= Double(bound - 1) + 5 * (2 * Double(bound - 1)).squareRoot())
  }

  @Test func permutationsHoldEachIndexOnce() {
    var generator = PhiloxGenerator(seed: 10, stream: "permutation")
    for count in [0, 1, 2, 17, 100] {
      #expect(generator.permutation(count).sorted() == Array(0..<count))
    }
    #expect(generator.permutation(50) != generator.permutation(50))
  }
}
