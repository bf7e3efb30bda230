import Dialogues
import PreferenceData
import RemoteRewardModels
import RewardModels
import Storage
import Testing

@Suite(.timeLimit(.minutes(1))) struct ServerDialectTests {
  /// One conversation and one text, each with an answer, as the fixtures hold them.
  let requests = [
    ScoringRequest(
      pairID: "p", side: .a,
      dialogue: Dialogue(
        prompt: .messages([Message(role: "system", content: "Be brief."), Message(role: "user", content: "Hi")]),
        response: "Hello")),
    ScoringRequest(
      pairID: "q", side: .b, dialogue: Dialogue(prompt: .text("2+2?"), response: "4 \"four\"\u{e9}")),
  ]

  @Test(arguments: ServerDialect.allCases)
  func requestAndAnswerAreThoseOfTheFixtures(dialect: ServerDialect) async throws {
    let requests = requests
    let answer = try Samples.fixture("\(dialect.rawValue)-response")
    try await FaultyServer.run(dialect, .init(answer: answer)) { server in
      let model = try Samples.model(dialect, url: server.url, format: .chat(Samples.template()))
      #expect(try await model.scores(requests) == [-3.5, 12.25])
      try await expectRequest("\(dialect.rawValue)-request", at: server)
    }
  }

  @Test(arguments: [ServerDialect.vllmClassify, .vllmPooling])
  func messagesGoOneConversationACall(dialect: ServerDialect) async throws {
    let requests = requests
    try await FaultyServer.run(dialect) { server in
      let model = try Samples.model(dialect, url: server.url, format: nil)
      _ = try await model.scores([requests[0]])
      try await expectRequest("\(dialect.rawValue)-messages-request", at: server)
      #expect(try await model.scores(requests + requests).count == 4)
      #expect(await server.log.entries.count == 5)
    }
  }

  @Test(arguments: ServerDialect.allCases)
  func scoresBelongToTheirTexts(dialect: ServerDialect) async throws {
    let requests = Samples.requests(pairs: 20)
    try await FaultyServer.run(dialect) { server in
      let model = try Samples.model(
        dialect, url: server.url, limits: CallLimits(concurrentCalls: 3, textsPerCall: 5, timeout: .seconds(20)))
      #expect(try await model.scores(requests) == Samples.scores(requests))
    }
  }

  @Test func aURLWithAPathIsUsedAsGiven() async throws {
    try await FaultyServer.run(.openRLHF) { server in
      for path in ["/", "/rewards/v2?x=1"] {
        _ = try await Samples.model(.openRLHF, url: server.url + path).scores(Samples.requests(pairs: 1))
      }
      #expect(await server.log.entries.map(\.path) == ["/get_reward", "/rewards/v2"])
    }
  }

  @Test func aBareNumberIsTheRewardOfOneText() async throws {
    let one = [Samples.requests(pairs: 1)[0]]
    try await FaultyServer.run(.openRLHF, .init(answer: Array(#"{"rewards": -2}"#.utf8))) { server in
      let model = try Samples.model(.openRLHF, url: server.url, retries: 0)
      #expect(try await model.scores(one) == [-2])
      await #expect(throws: RemoteRewardModelError.self) { try await model.scores(Samples.requests(pairs: 1)) }
    }
  }

  @Test func aPoolingAnswerMayBeFlat() async throws {
    let answer = #"{"data": [{"index": 0, "data": [1.5]}]}"#
    try await FaultyServer.run(.vllmPooling, .init(answer: Array(answer.utf8))) { server in
      let model = try Samples.model(.vllmPooling, url: server.url)
      #expect(try await model.scores([Samples.requests(pairs: 1)[0]]) == [1.5])
    }
  }

  @Test(arguments: [
    (ServerDialect.vllmClassify, #"{"data": [{"index": 0, "probs": [1]}, {"index": 0, "probs": [2]}]}"#),
    (.vllmClassify, #"{"data": [{"index": 0, "probs": [1]}, {"index": 2, "probs": [2]}]}"#),
    (.vllmClassify, #"{"data": [{"index": 0, "probs": [0.1, 0.9]}, {"index": 1, "probs": [0.2, 0.8]}]}"#),
    (.vllmClassify, #"{"data": [{"index": 0, "probs": [null]}, {"index": 1, "probs": [1]}]}"#),
    (.tei, #"[{"score": 1, "label": "a"}, {"score": 2, "label": "b"}]"#),
    (.tei, #"[[{"score": 1, "label": "a"}, {"score": 2, "label": "b"}], [{"score": 1, "label": "a"}]]"#),
    (.openRLHF, #"{"scores": [1, 2]}"#),
    (.openRLHF, #"{"rewards": ["1", "2"]}"#),
    (.sglang, #"[{"embedding": [1, 2]}, {"embedding": [1, 2]}]"#),
    (.sglang, "[]"),
  ])
  func answersWithoutOneScoreATextFail(dialect: ServerDialect, answer: String) async throws {
    try await FaultyServer.run(dialect, .init(answer: Array(answer.utf8))) { server in
      let model = try Samples.model(dialect, url: server.url, retries: 1)
      for outcome in await model.outcomes(Samples.requests(pairs: 1)) {
        guard case .unusableAnswer(let endpoint, _)? = outcome.failure as? RemoteRewardModelError else {
          Issue.record("\(outcome)")
          continue
        }
        #expect(endpoint.model == "judge")
      }
      #expect(await server.log.entries.count == 2)
    }
  }

  @Test func messagesAreRefusedWhereTheServerTakesTexts() {
    for dialect in [ServerDialect.tei, .openRLHF, .sglang] {
      #expect(throws: RemoteRewardModelError.self) {
        try Samples.model(dialect, url: "http://127.0.0.1:1", format: nil)
      }
    }
  }

  @Test func aTruncatingModelSaysSo() async throws {
    for (dialect, field, value) in [
      (ServerDialect.tei, "truncate", JSONValue.boolean(true)), (.vllmClassify, "truncate_prompt_tokens", .integer(-1)),
    ] {
      try await FaultyServer.run(dialect) { server in
        let model = try HTTPRewardModel(
          name: "judge",
          configuration: HTTPRewardModel.Configuration(
            url: server.url, dialect: dialect, format: .router, truncates: true))
        _ = try await model.scores(Samples.requests(pairs: 1))
        let body = try JSONRecord(await server.log.entries[0].body, at: FilePlace(file: "request"))
        #expect(body.object[field] == value)
        #expect(body.object["model"] == nil)
        // The server's tokenizer adds the special tokens of a plain text.
        if dialect == .vllmClassify { #expect(body.object["add_special_tokens"] == .boolean(true)) }
      }
    }
  }
}

/// Compares the only request that a server received with a fixture, field by field.
private func expectRequest(_ fixture: String, at server: FaultyServer) async throws {
  let entries = await server.log.entries
  try #require(entries.count == 1)
  let received = try JSONRecord(entries[0].body, at: FilePlace(file: "the request"))
  let expected = try JSONRecord(
    JSONDocument.read(Samples.fixture(fixture), file: fixture), at: FilePlace(file: fixture))
  #expect(Set(received.object.members.map(\.key)) == Set(expected.object.members.map(\.key)))
  for member in expected.object.members {
    #expect(received.object[member.key] == member.value, "\(member.key)")
  }
}
