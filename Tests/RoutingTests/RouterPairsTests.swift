import Foundation
import PreferenceData
import Routing
import Testing

@Suite struct RouterPairsTests {
  private func pair(_ prompt: Prompt, _ a: String, _ b: String, label: ResponseSide? = .a) -> PreferencePair {
    PreferencePair(id: "any", prompt: prompt, responseA: a, responseB: b, label: label)
  }

  private func behavior(_ pairs: [PreferencePair]) throws -> RewardModelBehavior {
    let scores = pairs.map { _ in ScorePair(a: 1, b: 0) }
    return try RewardModelBehavior(
      PreferenceDataset(
        pairs: pairs, rewardModels: [RewardModelDescription(name: "one"), RewardModelDescription(name: "two")],
        scores: [scores, scores]))
  }

  private func known() throws -> RouterPairs {
    RouterPairs(
      training: try behavior([pair(.text("p"), "x", "y"), pair(.text("q"), "x", "y")]),
      validation: try behavior([pair(.text("v"), "x", "y")]))
  }

  @Test func knownPairsAreRecognisedInOtherDress() throws {
    let overlap = try known().overlap(with: [
      pair(.text("p"), "x", "y", label: nil),
      // The other order, and the prompt as a conversation of one message.
      pair(.text("p"), "y", "x", label: .b), pair(.messages([Message(role: "user", content: "q")]), "x", "y"),
      pair(.text("v"), "x", "y"), pair(.text("p"), "x", "z"), pair(.text("n"), "x", "y"),
    ])
    #expect(overlap.trained == 3 && overlap.validated == 1 && overlap.samePrompt == 1 && overlap.unseen == 1)
    let warning = try #require(overlap.warning)
    #expect(warning.contains("knows 5 of these 6 pairs (3 it was trained on, 1 its best epoch was chosen by, 1 share"))
    #expect(try known().haveSeen(pair(.text("v"), "other", "responses")))
    let new = try known().overlap(with: [pair(.text("n"), "x", "y")])
    #expect(new.warning == nil && new.seen == 0)
  }

  @Test func anOnlineRouterKnowsItsPriorsPairsToo() throws {
    let online = RouterPairs(training: [pair(.text("o"), "x", "y")], prior: try known())
    let overlap = online.overlap(with: [
      pair(.text("o"), "y", "x"), pair(.text("q"), "x", "y"), pair(.text("v"), "x", "y"), pair(.text("n"), "x", "y"),
    ])
    #expect(overlap.trained == 2 && overlap.validated == 1 && overlap.unseen == 1)
    #expect(RouterPairs(training: [pair(.text("o"), "x", "y")]).overlap(with: [pair(.text("q"), "x", "y")]).seen == 0)
  }

  /// Two aspects of one story have two prompts, and are known together.
  @Test func pairsOfOneGroupAreKnownTogether() throws {
    func aspect(_ name: String, group: String?) -> PreferencePair {
      PreferencePair(id: name, group: group, prompt: .text(name), responseA: "x", responseB: "y", label: .a)
    }
    let known = RouterPairs(
      training: try behavior([aspect("first", group: "story 1"), pair(.text("p"), "x", "y")]),
      validation: try behavior([aspect("first", group: "story 2")]))
    let overlap = known.overlap(with: [
      aspect("first", group: "story 1"), aspect("second", group: "story 1"), aspect("third", group: "story 2"),
      aspect("second", group: "story 3"), aspect("second", group: nil), aspect("p", group: "story 4"),
    ])
    #expect(overlap.trained == 2 && overlap.samePrompt == 2 && overlap.unseen == 2)
    #expect(try #require(overlap.warning).contains("2 share a prompt or a group with those"))
    #expect(known.haveSeen(aspect("second", group: "story 2")) && !known.haveSeen(aspect("second", group: "story 3")))
    let online = RouterPairs(training: [aspect("o", group: "story 5")], prior: known)
    #expect(online.haveSeen(aspect("any", group: "story 5")) && online.haveSeen(aspect("any", group: "story 1")))
    #expect(try JSONDecoder().decode(RouterPairs.self, from: JSONEncoder().encode(online)) == online)
  }

  /// A manifest from before there were groups has no list of them, and what has no groups writes none.
  @Test func manifestsWithoutGroupsCanBeRead() throws {
    let known = try known()
    let encoded = try JSONEncoder().encode(known)
    #expect(!String(decoding: encoded, as: UTF8.self).contains("groups"))
    let old = #"{"training":"00000000000000ff","validation":"","prompts":"00000000000000fe"}"#
    #expect(try JSONDecoder().decode(RouterPairs.self, from: Data(old.utf8)).overlap(with: []).seen == 0)
    let damaged = #"{"training":"","validation":"","prompts":"","groups":"12"}"#
    #expect(throws: DecodingError.self) { try JSONDecoder().decode(RouterPairs.self, from: Data(damaged.utf8)) }
  }

  @Test func savedPairsAreTheSame() throws {
    let known = try known()
    let encoded = try JSONEncoder().encode(known)
    #expect(try JSONDecoder().decode(RouterPairs.self, from: encoded) == known)
    // Two training pairs, one validation pair and three prompts of 16 digits each.
    #expect(String(decoding: encoded, as: UTF8.self).filter(\.isHexDigit).count >= 6 * 16)
    for text in [#"{"training":"12","validation":"","prompts":""}"#, #"{"training":"","validation":""}"#] {
      #expect(throws: DecodingError.self) { try JSONDecoder().decode(RouterPairs.self, from: Data(text.utf8)) }
    }
  }
}
