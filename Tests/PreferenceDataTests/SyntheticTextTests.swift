import Foundation
import PreferenceData
import Randomness
import Testing

/// What the texts of a synthetic dataset tell about its pairs.
@Suite struct SyntheticTextTests {
  let dataset: PreferenceDataset

  init() {
    var generator = PhiloxGenerator(seed: 4, stream: "synthetic")
    dataset = SyntheticWorld(.init(pairs: 3000)).dataset(using: &generator)
  }

  func words(_ text: String) -> [String] {
    text.lowercased().split { !$0.isLetter }.map(String.init)
  }

  func sentences(_ text: String) -> Int {
    text.count { $0 == "." || $0 == "?" }
  }

  @Test func promptsAndResponsesAreAFewSentencesLong() {
    for pair in dataset.pairs {
      #expect((2...5).contains(sentences(pair.prompt.text)), "\(pair.prompt.text)")
      #expect(sentences(pair.responseA) == 3, "\(pair.responseA)")
      #expect(sentences(pair.responseB) == 3, "\(pair.responseB)")
      #expect(pair.responseA != pair.responseB)
    }
    #expect(Set(dataset.pairs.map(\.prompt)).count > 2990)
  }

  @Test func domainsShareMostOfTheirWords() {
    let vocabularies = SyntheticWorld.domains.map { name in
      Set(dataset.pairs.filter { $0.domain == name }.flatMap { words($0.prompt.text) })
    }
    for (index, vocabulary) in vocabularies.enumerated() {
      let others = Set(vocabularies.enumerated().filter { $0.offset != index }.flatMap(\.element))
      let shared = Double(vocabulary.intersection(others).count) / Double(vocabulary.count)
      #expect((0.5..<0.9).contains(shared), "\(SyntheticWorld.domains[index]): \(shared)")
    }
  }

  /// Naive Bayes on the words of the first half's prompts, tested on the second half.
  @Test func wordsOfMostPromptsTellTheDomain() {
    let half = dataset.pairs.count / 2
    var counts = [[String: Double]](repeating: [:], count: 5)
    for (index, pair) in dataset.pairs.prefix(half).enumerated() {
      for word in words(pair.prompt.text) { counts[index % 5][word, default: 0] += 1 }
    }
    let totals = counts.map { $0.values.reduce(0, +) }
    let right = (half..<dataset.pairs.count).count { index in
      let words = words(dataset.pairs[index].prompt.text)
      let evidence = (0..<5).map { domain in
        words.reduce(0.0) { $0 + log(((counts[domain][$1] ?? 0) + 1) / (totals[domain] + 1000)) }
      }
      return evidence.indices.max { evidence[$0] < evidence[$1] } == index % 5
    }
    // Far above chance, 0.2, so that a router can learn; short of certainty, so that it has something to learn.
    #expect((0.8..<0.97).contains(Double(right) / Double(half)))
  }

  @Test func longPromptsAreHarder() {
    let correctness = dataset.correctness
    let right = dataset.pairs.indices.map { pair in
      Double(correctness.rightCount(pair: pair)) / 6
    }
    func mean(_ pairs: [Int]) -> Double { pairs.reduce(0) { $0 + right[$1] } / Double(pairs.count) }
    let short = dataset.pairs.indices.filter { sentences(dataset.pairs[$0].prompt.text) == 2 }
    let long = dataset.pairs.indices.filter { sentences(dataset.pairs[$0].prompt.text) == 5 }
    // A fraction has a standard deviation of at most one half.
    let error = 0.5 * (1 / Double(short.count) + 1 / Double(long.count)).squareRoot()
    #expect(mean(short) - mean(long) > SyntheticWorldTests.width * error)
  }
}
