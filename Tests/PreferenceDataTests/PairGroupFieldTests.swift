import Foundation
import PreferenceData
import Randomness
import Storage
import Testing

/// Pairs whose data name a group, and splits of them.
@Suite struct PairGroupFieldTests {
  private func pair(_ id: Int, group: String?, prompt: Prompt) -> PreferencePair {
    PreferencePair(id: "\(id)", group: group, prompt: prompt, responseA: "a", responseB: "b", label: .a)
  }

  /// Six aspects of each story, so six prompts in a group; of some stories the group is not named.
  private func aspects(stories: Int, naming isNamed: (Int) -> Bool) -> [PreferencePair] {
    (0..<stories).flatMap { story in
      (0..<6).map { aspect in
        pair(
          6 * story + aspect, group: isNamed(story) ? "story \(story)" : nil,
          prompt: .text("\(story): aspect \(aspect)"))
      }
    }
  }

  @Test func theGroupCountsWhereThereIsOneAndElseThePrompt() {
    let pairs = [
      pair(0, group: "g", prompt: .text("p")), pair(1, group: nil, prompt: .text("q")),
      pair(2, group: "g", prompt: .text("r")), pair(3, group: nil, prompt: .text("q")),
      pair(4, group: "h", prompt: .text("s")),
    ]
    #expect(PairGroups(pairs).groups == [[0, 2], [1, 3], [4]])
    #expect(PairGroups(pairs).groupOfPair == [0, 1, 0, 1, 2])
    // A group is not its name's prompt.
    #expect(
      PairGroups([pair(0, group: "g", prompt: .text("p")), pair(1, group: nil, prompt: .text("g"))]).groups.count == 2)
  }

  @Test func aPairWithoutAGroupJoinsThatOfItsPrompt() {
    let conversation = Prompt.messages([Message(role: "user", content: "p")])
    // Wherever the grouped pair stands, and however its prompt is written.
    for pairs in [
      [
        pair(0, group: nil, prompt: .text("p")), pair(1, group: "g", prompt: conversation),
        pair(2, group: "g", prompt: .text("q")),
      ],
      [
        pair(0, group: "g", prompt: .text("p")), pair(1, group: "g", prompt: .text("q")),
        pair(2, group: nil, prompt: conversation),
      ],
    ] { #expect(PairGroups(pairs).groups == [[0, 1, 2]]) }
    // Two groups that share a prompt stay two; the pair without one joins the first.
    let two = [
      pair(0, group: "g", prompt: .text("p")), pair(1, group: "h", prompt: .text("p")),
      pair(2, group: nil, prompt: .text("p")),
    ]
    #expect(PairGroups(two).groups == [[0, 2], [1]])
  }

  @Test(arguments: [5, 10], [0, 1, 2, 3])
  func foldsAndSplitsNeverPartAGroup(folds: Int, unnamed: Int) throws {
    let pairs = aspects(stories: 30) { unnamed == 0 || $0 % 4 >= unnamed }
    for seed in 0..<20 as Range<UInt64> {
      var generator = PhiloxGenerator(seed: seed, stream: "groups")
      let groups = PairGroups(pairs)
      let splits = try groups.folds(folds, using: &generator) + [try groups.split(heldOut: 0.3, using: &generator)]
      for split in splits {
        #expect((split.training + split.heldOut).sorted() == Array(pairs.indices))
        let training = Set(split.training.compactMap { pairs[$0].group })
        #expect(training.isDisjoint(with: split.heldOut.compactMap { pairs[$0].group }))
      }
    }
  }

  @Test func tooFewGroupsAreSaidToBeGroups() throws {
    var generator = PhiloxGenerator(seed: 1, stream: "groups")
    let error = try #require(throws: PreferenceDataError.self) {
      try PairGroups(aspects(stories: 3) { _ in true }).folds(4, using: &generator)
    }
    #expect(error == .tooFewGroups(found: 3, needed: 4))
    #expect("\(error)".contains("3 different prompts or groups"))
  }

  @Test func anIdentityHasItsGroup() {
    let one = PairIdentity(pair(0, group: "g", prompt: .text("p")))
    let other = PairIdentity(pair(1, group: "g", prompt: .text("q")))
    #expect(one.group == other.group && one.group != nil && one.prompt != other.prompt)
    let ungrouped = PairIdentity(pair(0, group: nil, prompt: .text("p")))
    #expect(ungrouped.group == nil && ungrouped.prompt == one.prompt && ungrouped.pair == one.pair)
  }

  @Test func aGroupIsReadAndWrittenWhereThereIsOne() throws {
    try withTemporaryFolder { folder in
      var texts = FolderTexts()
      texts.pairs = texts.pairs?.replacingOccurrences(
        of: "\"source\": \"s\"", with: "\"source\": \"s\", \"group\": \"story 1\"")
      try texts.write(to: folder)
      let dataset = try PreferenceDataset(folder: folder)
      #expect(dataset.pairs.map(\.group) == [nil, "story 1", nil])
      let copy = folder.appendingPathComponent("copy")
      try dataset.write(to: copy)
      #expect(try PreferenceDataset(folder: copy) == dataset)
      let lines = try String(contentsOf: copy.appendingPathComponent("pairs.jsonl"), encoding: .utf8).split(
        separator: "\n")
      #expect(lines.map { $0.contains("\"group\"") } == [false, true, false])
      #expect(lines[1].contains("\"source\":\"s\",\"group\":\"story 1\",\"prompt\""))
      texts.pairs = texts.pairs?.replacingOccurrences(of: "\"story 1\"", with: "1")
      try texts.write(to: folder)
      let error = try #require(throws: StorageError.self) { try PreferenceDataset(folder: folder) }
      #expect("\(error)".contains("line 2, field \"group\": expected a text, found the number 1"))
    }
  }
}
