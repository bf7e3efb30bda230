import LinearAlgebra
import PreferenceData
import Randomness
import Routing
import TestSupport
import Testing

private func pair(_ prompt: String, _ a: String, _ b: String) -> PreferencePair {
  PreferencePair(id: "p", prompt: .text(prompt), responseA: a, responseB: b, label: nil)
}

private func swapped(_ pair: PreferencePair) -> PreferencePair {
  PreferencePair(
    id: pair.id, prompt: pair.prompt, responseA: pair.responseB, responseB: pair.responseA, label: pair.label?.other)
}

private func norm(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }

/// Texts of random words over a few alphabets, some empty, some with marks, symbols and line breaks.
private func randomPairs(_ count: Int) -> [PreferencePair] {
  var generator = PhiloxGenerator(seed: 11, stream: "texts")
  let alphabet = Array("aabcdeeefghiijklmnoopqrsttuvwxyzABCXYZ019_.,;=+(){}éßÇ中文字ふりがな😀👩‍👩‍👧‍👦\u{301}İ")
  func text() -> String {
    var words: [String] = []
    for _ in 0..<generator.nextIndex(below: 60) {
      words.append(
        String((0...generator.nextIndex(below: 8)).map { _ in alphabet[generator.nextIndex(below: alphabet.count)] }))
    }
    return words.joined(separator: [" ", "\n", "\u{3000}"][generator.nextIndex(below: 3)])
  }
  return (0..<count).map { _ in pair(text(), text(), text()) }
}

@Suite struct FeatureHashTests {
  /// Of kind 0 and over bytes it is FNV-1a before the finaliser: the published value of "foobar".
  @Test func stateIsFNV1a() {
    var hash = FeatureHash(kind: 0)
    #expect(hash.state == 0xcbf2_9ce4_8422_2325)
    for byte in "foobar".utf8 { hash.append(UInt64(byte)) }
    #expect(hash.state == 0x8594_4171_f739_67e8)
  }

  @Test(arguments: [
    (1 as UInt64, 0xb456_bcfc_34c2_cb2c as UInt64), (1 << 63, 0x8f78_0810_af31_a493), (.max, 0x64b5_720b_4b82_5f21),
    (0, 0),
  ])
  func finaliserHasTheKnownValues(word: UInt64, mixed: UInt64) {
    #expect(FeatureHash.mix(word) == mixed)
  }

  @Test(arguments: [
    (1 as UInt64, "router", 0x7346_62ae_e1c8_c2db as UInt64), (2, "router", 0xba6f_9470_810c_e748),
    (3, " ro", 0x2c29_f553_3ca8_9633),
  ])
  func valuesNeverChange(kind: UInt64, text: String, value: UInt64) {
    var hash = FeatureHash(kind: kind)
    for scalar in text.unicodeScalars { hash.append(UInt64(scalar.value)) }
    #expect(hash.value == value)
  }

  @Test func shortSequencesDoNotCollide() {
    var values: Set<UInt64> = []
    for first in 0x20..<0x7f as Range<UInt64> {
      for second in 0x20..<0x7f as Range<UInt64> {
        for third in stride(from: 0x20 as UInt64, to: 0x7f, by: 7) {
          var hash = FeatureHash(kind: 3)
          for scalar in [first, second, third] { hash.append(scalar) }
          values.insert(hash.value)
        }
      }
    }
    #expect(values.count == 95 * 95 * 14)
  }
}

@Suite struct HashedPairEncoderTests {
  /// What Scripts/fixtures/hashed_context.py prints, which computes contexts anew from the documentation.
  @Test(arguments: [
    (
      pair("What is 2+2?", "It is 4.", "2+2 = 5, it is; it IS 5!"),
      [
        0.3504102750851321, -0.012771005295438353, -0.20739535899149816, 0.16325738896388364, -0.35206262872636196,
        0.04972250311060523, -0.4142646882047823, -0.713686259361411,
      ]
    ),
    (
      pair("Übersetze „Straße“ —\tbitte_sehr", "STREET 🛣\u{fe0f}", "인공 지능은 e\u{301}té Ça İstanbul"),
      [
        -0.05933572351593039, -0.5473540600435037, 0.6351250727345212, -0.2555400411598402, 0.3755384511285651,
        -0.0652098937737982, 0.11140462220160526, 0.2655292561033822,
      ]
    ),
    (
      pair("", "only a response", ""),
      [
        0.1867718419094071, -0.12451456127293806, -0.4358009644552832, -0.31128640318234513, -0.4358009644552832,
        0.4358009644552832, -0.1867718419094071, -0.4980582450917522,
      ]
    ),
  ])
  func contextEqualsTheIndependentComputation(pair: PreferencePair, expected: [Double]) {
    let context = HashedPairEncoder(dimension: 8).encode(pair)
    // About 200 terms below 1 are summed into one coordinate, each rounded by 2^-53.
    for (found, value) in matched(context, expected) { #expect(abs(found - value) < 200 * 0x1p-53) }
  }

  @Test(arguments: [1, 7, 256])
  func swappingTheResponsesChangesNoBit(dimension: Int) {
    let encoder = HashedPairEncoder(dimension: dimension)
    let pairs = randomPairs(100)
    #expect(encoder.encode(pairs) == encoder.encode(pairs.map(swapped)))
    // Canonically equivalent, and so equal as strings, but not the same text.
    let spellings = pair("", "caf\u{e9} x", "cafe\u{301} x")
    #expect(encoder.encode(spellings) == encoder.encode(swapped(spellings)))
  }

  @Test(arguments: [1, 2, 64, 256, 1000])
  func contextsAreUnitVectors(dimension: Int) {
    let contexts = HashedPairEncoder(dimension: dimension).encode(randomPairs(100))
    #expect(contexts.rows == 100 && contexts.columns == dimension)
    for row in 0..<contexts.rows {
      // The norm of a vector divided by its computed norm: each of d squares is rounded.
      #expect(abs(norm(Array(contexts.row(row))) - 1) < Double(dimension + 4) * 0x1p-53)
    }
  }

  @Test(arguments: [("", "", ""), (" \n\t\u{3000}", "\u{0}", "")])
  func blankTextsGiveTheFirstUnitVector(prompt: String, a: String, b: String) {
    #expect(HashedPairEncoder(dimension: 4).encode(pair(prompt, a, b)) == [1, 0, 0, 0])
  }

  @Test func contextDoesNotDependOnTheRestOfTheBatch() {
    let pairs = randomPairs(30)
    let encoder = HashedPairEncoder(dimension: 32)
    let together = encoder.encode(pairs)
    for (row, pair) in pairs.enumerated() { #expect(Array(together.row(row)) == encoder.encode(pair)) }
    #expect(encoder.encode([]).rows == 0)
  }

  @Test func caseAndSpacingDoNotCount() {
    let encoder = HashedPairEncoder()
    #expect(
      encoder.encode(pair("The  Quick\nFOX", "ÄÖ Σ", "b")) == encoder.encode(pair(" the quick fox ", "äö σ", "B\r\n")))
  }

  @Test func eachTextCounts() {
    let encoder = HashedPairEncoder()
    let reference = encoder.encode(pair("alpha", "beta", "gamma"))
    for other in [pair("delta", "beta", "gamma"), pair("alpha", "delta", "gamma"), pair("beta", "alpha", "gamma")] {
      #expect(norm(zip(reference, encoder.encode(other)).map { $0 - $1 }) > 0.1)
    }
  }

  /// Some 100,000 distinct n-grams, so the table grows often; from the same script.
  @Test func longPromptIsCountedWholly() {
    let words = (0..<20_000).map { "w\($0)" }.joined(separator: " ")
    let expected = [
      -0.035274595835256106, -0.5039792793491177, -0.04855437066495708, 0.05913885225941161, 0.3515588235159764,
      -0.7236963778705972, 0.17815721736859746, 0.2446131850139962,
    ]
    let context = HashedPairEncoder(dimension: 8).encode(pair(words, "w1 w1 w1", "w2 w3"))
    // Some 12,500 terms a coordinate of either sign, whose partial sums stay near 1.
    for (found, value) in matched(context, expected) { #expect(abs(found - value) < 12_500 * 0x1p-53) }
  }

  /// Contexts of disjoint alphabets have an inner product of mean 0 and deviation 1/sqrt(d).
  @Test func unrelatedTextsAreNearlyOrthogonal() {
    var generator = PhiloxGenerator(seed: 5, stream: "words")
    func text(_ alphabet: [Character]) -> String {
      (0..<40).map { _ in
        String((0..<6).map { _ in alphabet[generator.nextIndex(below: alphabet.count)] })
      }.joined(separator: " ")
    }
    let (latin, greek) = (Array("abcdefghijklm"), Array("αβγδεζηθικλμν"))
    let left = (0..<40).map { _ in pair(text(latin), text(latin), text(latin)) }
    let right = (0..<40).map { _ in pair(text(greek), text(greek), text(greek)) }
    let encoder = HashedPairEncoder(dimension: 256)
    let products = gemm(encoder.encode(left), .asIs, encoder.encode(right), .transposed).elements
    let mean = products.reduce(0, +) / Double(products.count)
    let deviation = (products.reduce(0) { $0 + $1 * $1 } / Double(products.count)).squareRoot()
    // Products that share a text are correlated, so the mean is taken over the 40 rows' worth of evidence.
    #expect(abs(mean) < 5 / 16 / 40.0.squareRoot())
    #expect(deviation > 0.8 / 16 && deviation < 1.25 / 16)
  }
}
