import PreferenceData
import Randomness
import Testing

@Suite struct PairGroupsTests {
  /// Pairs whose prompts repeat: pair i has a prompt drawn among `prompts`, so groups have random sizes.
  private func pairs(_ count: Int, prompts: Int, seed: UInt64) -> [PreferencePair] {
    var generator = PhiloxGenerator(seed: seed, stream: "pairs")
    return (0..<count).map { index in
      let text = "prompt \(generator.nextIndex(below: prompts))"
      let prompt: Prompt =
        index % 2 == 0 ? .text(text) : .messages([Message(role: "user", content: text)])
      return PreferencePair(id: "\(index)", prompt: prompt, responseA: "a", responseB: "b", label: nil)
    }
  }

  private func text(_ prompt: Prompt) -> String {
    switch prompt {
    case .text(let text): text
    case .messages(let messages): messages[0].content
    }
  }

  private func check(_ split: PairSplit, of pairs: [PreferencePair]) {
    #expect((split.training + split.heldOut).sorted() == Array(pairs.indices))
    #expect(split.training == split.training.sorted() && split.heldOut == split.heldOut.sorted())
    #expect(!split.training.isEmpty && !split.heldOut.isEmpty)
    let training = Set(split.training.map { text(pairs[$0].prompt) })
    #expect(training.isDisjoint(with: split.heldOut.map { text(pairs[$0].prompt) }))
  }

  @Test(arguments: [2, 3, 10, 97, 500], [2, 5, 50, 1000])
  func splitsNeverShareAPrompt(count: Int, prompts: Int) throws {
    for seed in 0..<20 as Range<UInt64> {
      let pairs = pairs(count, prompts: prompts, seed: seed)
      let groups = PairGroups(pairs)
      #expect(groups.groups.joined().sorted() == Array(pairs.indices))
      guard groups.groups.count >= 2 else { continue }
      let largest = groups.groups.map(\.count).max() ?? 0
      for fraction in [0.01, 0.2, 0.5, 0.9] {
        var generator = PhiloxGenerator(seed: seed, stream: "split")
        let split = try groups.split(heldOut: fraction, using: &generator)
        check(split, of: pairs)
        #expect(abs(Double(split.heldOut.count) - fraction * Double(count)) <= Double(largest))
      }
    }
  }

  @Test(arguments: [2, 3, 5, 10], [10, 97, 500])
  func foldsHoldOutEachPairOnce(folds: Int, count: Int) throws {
    for seed in 0..<20 as Range<UInt64> {
      let pairs = pairs(count, prompts: count, seed: seed)
      let groups = PairGroups(pairs)
      guard groups.groups.count >= folds else { continue }
      var generator = PhiloxGenerator(seed: seed, stream: "folds")
      let splits = try groups.folds(folds, using: &generator)
      #expect(splits.count == folds)
      for split in splits { check(split, of: pairs) }
      #expect(splits.flatMap(\.heldOut).sorted() == Array(pairs.indices))
      let sizes = splits.map(\.heldOut.count)
      let largest = groups.groups.map(\.count).max() ?? 0
      #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= largest)
    }
  }

  @Test func theSeedDecides() throws {
    let groups = PairGroups(pairs(200, prompts: 100, seed: 1))
    func split(_ seed: UInt64) throws -> PairSplit {
      var generator = PhiloxGenerator(seed: seed, stream: "split")
      return try groups.split(heldOut: 0.3, using: &generator)
    }
    #expect(try split(1) == split(1))
    #expect(try split(1) != split(2))
  }

  @Test func tooFewGroupsAndBadSizesAreErrors() throws {
    var generator = PhiloxGenerator(seed: 0, stream: "split")
    let one = PairGroups(pairs(5, prompts: 1, seed: 0))
    #expect(throws: PreferenceDataError.tooFewGroups(found: 1, needed: 2)) {
      try one.split(heldOut: 0.5, using: &generator)
    }
    let three = PairGroups(
      ["x", "y", "z"].map { PreferencePair(id: $0, prompt: .text($0), responseA: "", responseB: "", label: nil) })
    #expect(throws: PreferenceDataError.tooFewGroups(found: 3, needed: 4)) {
      try three.folds(4, using: &generator)
    }
    #expect(try three.folds(3, using: &generator).allSatisfy { $0.heldOut.count == 1 })
    #expect(throws: PreferenceDataError.tooFewFolds(1)) { try three.folds(1, using: &generator) }
    for fraction in [0, 1, -0.5, .nan, .infinity] as [Double] {
      #expect(throws: PreferenceDataError.self) { try three.split(heldOut: fraction, using: &generator) }
    }
  }

  /// Each of the 24 orders of four elements has probability 1/24: chi-square with 23 degrees of freedom, 0.1 % point
  /// 49.7.
  @Test func shufflesAreUniform() {
    var generator = PhiloxGenerator(seed: 7, stream: "shuffle")
    var counts: [[Int]: Int] = [:]
    let draws = 24_000
    for _ in 0..<draws {
      var order = [0, 1, 2, 3]
      order.shuffleReproducibly(using: &generator)
      counts[order, default: 0] += 1
    }
    #expect(counts.count == 24)
    let expected = Double(draws) / 24
    let chiSquare = counts.values.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
    #expect(chiSquare < 49.7)
  }

  @Test func theShuffleEqualsThePhiloxPermutation() {
    var first = PhiloxGenerator(seed: 3, stream: "shuffle")
    var second = first
    var order = Array(0..<50)
    order.shuffleReproducibly(using: &first)
    #expect(order == second.permutation(50))
  }
}
