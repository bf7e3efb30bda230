import Dialogues
import RemoteRewardModels
import RewardModels
import Testing

@Suite(.timeLimit(.minutes(1))) struct RequestSafetyTests {
  let secret = "s3cr3t/token\"x"

  @Test func theTokenIsSentAndShownNowhere() async throws {
    let token = try BearerToken(variable: "RM_TOKEN", environment: ["RM_TOKEN": secret])
    let secret = secret
    let settings = FaultyServer.Settings(
      faults: .scripted([.status(500), .garbage, .status(401), nil]), echoesToken: true)
    for dialect in ServerDialect.allCases {
      try await FaultyServer.run(dialect, settings) { server in
        let model = try Samples.model(dialect, url: server.url, token: token, retries: 0)
        for _ in 0..<3 {
          let error = try #require(await model.outcomes(Samples.requests(pairs: 1))[0].failure)
          #expect(!"\(error)".contains("s3cr3t"), "\(error)")
          #expect(!String(reflecting: error).contains("s3cr3t"))
          if case .refused(_, let refusal)? = error as? RemoteRewardModelError {
            #expect(refusal.message == "not for Bearer (token of RM_TOKEN)")
          }
        }
        _ = try await model.scores(Samples.requests(pairs: 1))
        #expect(await server.log.entries.map(\.authorization) == Array(repeating: "Bearer \(secret)", count: 4))
        var dumped = ""
        dump(model, to: &dumped)
        for shown in ["\(model)", "\(token)", String(reflecting: model.configuration), dumped] {
          #expect(!shown.contains("s3cr3t"))
        }
      }
    }
  }

  @Test func aMissingOrUnusableTokenNamesItsVariable() {
    #expect(throws: RemoteRewardModelError.missingToken(variable: "RM")) {
      try BearerToken(variable: "RM", environment: [:])
    }
    #expect(throws: RemoteRewardModelError.missingToken(variable: "RM")) {
      try BearerToken(variable: "RM", environment: ["RM": ""])
    }
    for value in ["abc\n", "a\r\nHost: x", "a b", "\u{7f}", "\u{e9}"] {
      let error = #expect(throws: RemoteRewardModelError.self) {
        try BearerToken(variable: "RM", environment: ["RM": value])
      }
      #expect(error == .unusableToken(variable: "RM"))
    }
  }

  @Test(arguments: [
    "", "127.0.0.1:8000", "ftp://host/x", "http://", "http:///classify", "http://a b/", "http://user:pass@host/",
    "http://host:70000/", "unix:///socket",
  ])
  func aURLThatCannotBeCalledIsRefused(url: String) throws {
    let error = #expect(throws: RemoteRewardModelError.self) { try Samples.model(.tei, url: url) }
    guard case .invalidURL(model: "judge", _, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(!"\(try #require(error))".contains("pass@"))
  }

  @Test func theCheckNamesTheEntryWhoseHostHasNoAddress() async throws {
    for url in ["http://127.0.0.1:1", "https://[::1]:9/x", "HTTP://localhost"] {
      try await Samples.model(.tei, url: url).check()
    }
    // The domain ".invalid" has no hosts by RFC 2606.
    let model = try Samples.model(.tei, url: "http://no-such-host.invalid/rm?key=hidden")
    let error = await #expect(throws: RemoteRewardModelError.self) { try await model.check() }
    let text = "\(try #require(error))"
    #expect(text.contains("judge") && text.contains("'no-such-host.invalid'"))
    #expect(!text.contains("hidden"))
  }

  @Test func aLongComplaintIsCutAndKeptOnOneLine() async throws {
    let token = try BearerToken(
      variable: "RM_TOKEN", environment: ["RM_TOKEN": "x\(String(repeating: "y", count: 300))"])
    let settings = FaultyServer.Settings(faults: .scripted([.status(400)]), echoesToken: true)
    try await FaultyServer.run(.tei, settings) { server in
      // The token is taken out before the text is cut, so that no half of it stays.
      let model = try Samples.model(.tei, url: server.url, token: token)
      let error = try #require(await model.outcomes(Samples.requests(pairs: 1))[0].failure)
      #expect(!"\(error)".contains("yyy"))
    }
    let answer = Array("{\u{1b}[31m\n\(String(repeating: "long ", count: 100))".utf8)
    try await FaultyServer.run(.tei, .init(answer: answer)) { server in
      let model = try Samples.model(.tei, url: server.url, retries: 0)
      let error = try #require(await model.outcomes(Samples.requests(pairs: 1))[0].failure)
      #expect("\(error)".unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
      #expect("\(error)".count < 500)
    }
  }

  @Test func aTokenThatWouldBeginTextsTwiceIsWarnedOf() throws {
    func warnings(_ dialect: ServerDialect, _ format: TextFormat) throws -> [String] {
      try Samples.model(dialect, url: "http://127.0.0.1", format: format).warnings
    }
    let once = try TextFormat.chat(Samples.template())
    let twice = try TextFormat.chat(Samples.template(beginning: "{{ bos_token }}{{ bos_token }}"))
    let never = try TextFormat.chat(Samples.template(beginning: ""))
    for dialect in ServerDialect.allCases {
      let adds = dialect == .tei || dialect == .sglang
      #expect(try warnings(dialect, once).count == (adds ? 1 : 0))
      #expect(try warnings(dialect, twice).count == (adds ? 2 : 1))
      #expect(try warnings(dialect, never).isEmpty)
      #expect(try warnings(dialect, .router).isEmpty)
    }
    #expect(try warnings(.tei, once)[0].contains("reward model 'judge'"))
    #expect(try warnings(.tei, once)[0].contains("<s>"))
  }
}
