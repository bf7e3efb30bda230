import Dialogues
import Foundation
import PreferenceData
import RewardModels
import TestSupport
import Testing
import Tokenization
import Transformers

/// Small reward models against Transformers' scores.
@Suite struct TransformerRewardModelTests {
  @Test(arguments: RewardFixture.names)
  func tokensAndScoresMatchTransformersAloneAndTogether(name: String) async throws {
    let fixture = try RewardFixture(name)
    let model = try fixture.model()
    let together = try await model.scores(fixture.requests)
    #expect(fixture.requests.count >= 11)
    for (index, request) in fixture.requests.enumerated() {
      #expect(try model.encoding(of: request).ids == fixture.ids[index])
      #expect(model.tokens(in: request) == fixture.ids[index].count)
      #expect(abs(together[index] - fixture.scores[index]) <= 1e-4, "\(request.response)")
      #expect(try await model.scores([request]) == [together[index]], "the same bits")
    }
    let reversed = try await model.scores(fixture.requests.reversed())
    #expect(reversed == together.reversed())
  }

  @Test(arguments: RewardFixture.names)
  func textsOfOnePromptShareTheirBeginning(name: String) throws {
    let fixture = try RewardFixture(name)
    // The three answers about planets, of which two stand together and one apart.
    let requests = [0, 1, 5, 4].map { fixture.requests[$0] }
    let ids = [0, 1, 5, 4].map { fixture.ids[$0] }
    let report = try fixture.model().report(for: requests)
    #expect(report.distinctDialogues == 4 && report.tokens == ids.reduce(0) { $0 + $1.count })
    let shared = (0...).first { ids[0][$0] != ids[3][$0] || ids[0][$0] != ids[1][$0] } ?? 0
    #expect(shared > 20)
    #expect(report.computedTokens == report.tokens - (name.hasPrefix("bert") ? 0 : 2 * shared))
  }

  /// "no" and "no" with an end-of-text token of its own: the scored token lies in their common beginning.
  @Test func scoredTokenMayLieInTheSharedBeginning() async throws {
    let fixture = try RewardFixture("llama-reward-pad-eos")
    let model = try fixture.model()
    let chosen = fixture.requests.indices.filter { ["no", "no</s>"].contains(fixture.requests[$0].response) }
    var batch = TokenBatch()
    let ends = batch.append(sharingPrefixOf: chosen.map { fixture.ids[$0] })
    for (end, index) in matched(ends, chosen) {
      #expect(model.model.scoredPosition(of: fixture.ids[index]) < batch.segments[end].firstPosition)
    }
    let scores = try await model.scores(chosen.map { fixture.requests[$0] })
    #expect(scores[0] == scores[1] && abs(scores[0] - fixture.scores[chosen[0]]) <= 1e-4)
  }

  @Test func equalTextsAreComputedOnceAndManyInSeveralPasses() async throws {
    let model = try RewardFixture("llama-reward").model()
    let texts = (0..<60).map { request(.text("question \($0 % 7)"), String(repeating: "\($0) words ", count: 20)) }
    let report = model.report(for: texts + texts)
    #expect(report.dialogues == 120 && report.distinctDialogues == 60 && report.tokens > 8192)
    let scores = try await model.scores(texts + texts)
    #expect(Array(scores[..<60]) == Array(scores[60...]))
    #expect(Set(scores).count == 60)
    for index in [0, 29, 59] { #expect(try await model.scores([texts[index]]) == [scores[index]]) }
  }

  @Test func momentsOfOpenRLHFAreAppliedOnRequest() async throws {
    let fixture = try RewardFixture("openrlhf-reward")
    let model = try fixture.model()
    let plain = try fixture.model(normalizesReward: false)
    #expect(model.normalizesReward && !plain.normalizesReward)
    for (score, output) in matched(try await model.scores(fixture.requests), try await plain.scores(fixture.requests)) {
      #expect(score == (output - 0.375) / 1.75)
    }
  }

  /// Its training data end with the end-of-text token, whatever the template does.
  @Test func textsOfOpenRLHFEndWithTheEndOfText() throws {
    let fixture = try RewardFixture("openrlhf-reward")
    let model = try fixture.model()
    let tokenizer = try Tokenizer(contentsOf: fixture.folder.appendingPathComponent("tokenizer.json"))
    func ids(_ template: String) throws -> [Int32] {
      let template = try ChatTemplate(template, name: "test", specialTokens: ["eos_token": "<|im_end|>"])
      return try TransformerRewardModel(
        name: "parts", model: model.model, tokenizer: tokenizer, format: .chat(template)
      )
      .encoding(of: request(.text("hi"), "there")).ids
    }
    let bare = try ids("{% for m in messages %}{{ m.content + '\\n\\n' }}{% endfor %}")
    #expect(bare == tokenizer.encode("hi\n\nthere <|im_end|>").ids)
    let ended = try ids("{% for m in messages %}{{ m.content + eos_token + '\\n' }}{% endfor %}")
    #expect(ended == tokenizer.encode("hi<|im_end|>\nthere<|im_end|>").ids)
  }

  @Test func longTextsAreCutAtTheChosenEndAndCounted() async throws {
    for name in RewardFixture.names {
      let fixture = try RewardFixture(name)
      for cut in TextCut.allCases {
        let model = try fixture.model(maxTokens: 30, cut: cut)
        for (request, full) in matched(fixture.requests, fixture.ids) where full.count > 30 {
          let ids = try model.encoding(of: request).ids
          #expect(model.tokens(in: request) == 30 && ids.count == 30)
          // BERT's first and last token are added after the cut.
          let inner = name.hasPrefix("bert") ? 1 : 0
          let expected =
            cut == .start
            ? Array(full.prefix(inner) + full.suffix(30 - inner)) : Array(full.prefix(30 - inner) + full.suffix(inner))
          #expect(ids == expected)
        }
        let report = model.report(for: [fixture.requests[0], fixture.requests[5]])
        #expect(report.truncatedDialogues == 2)
        #expect(report.truncatedTokens == fixture.ids[0].count + fixture.ids[5].count - 60)
        #expect(model.warnings(for: [fixture.requests[0]]).contains { $0.contains("cut at their \(cut.rawValue)") })
        #expect(try await model.scores(fixture.requests).allSatisfy(\.isFinite))
      }
      // Never more than the model reads, whatever is asked for.
      let model = try fixture.model(maxTokens: 1_000_000)
      #expect(model.maxTokens == model.model.configuration.maxPositionEmbeddings)
      let long = request(.text("long"), String(repeating: "word ", count: 200))
      #expect(model.tokens(in: long) == model.maxTokens)
      #expect(try await model.scores([long])[0].isFinite)
    }
  }

  @Test func theTokenThatBeginsTextsStandsOnceAndTwiceIsWarnedOf() throws {
    let fixture = try RewardFixture("llama-reward")
    let model = try fixture.model()
    let plain = Array(fixture.requests[..<8])
    #expect(model.report(for: plain).suspicions?.doubledBOS == 0 && model.warnings(for: plain).isEmpty)
    for request in plain { #expect(try model.encoding(of: request).ids.prefix(2).filter { $0 == 256 } == [256]) }

    let tokenizer = try Tokenizer(contentsOf: fixture.folder.appendingPathComponent("tokenizer.json"))
    #expect(tokenizer.encode("a").ids.first == 256, "added where a template's text is tokenized like any other")
    let dialogue = try TransformerRewardModel(name: "d", model: model.model, tokenizer: tokenizer, format: .router)
    #expect(dialogue.report(for: plain).suspicions?.doubledBOS == 0)
    #expect(try dialogue.encoding(of: plain[0]).ids.prefix(2).filter { $0 == 256 } == [256])

    let template = try ChatTemplate(
      "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}", name: "test",
      specialTokens: ["bos_token": "<s>"])
    let bare = try TransformerRewardModel(
      name: "bare", model: model.model, tokenizer: tokenizer, format: .chat(template))
    let templated = plain + [request(.text("<s>hello"), "there")]
    #expect(bare.report(for: templated).suspicions?.doubledBOS == 1)
    let warnings = bare.warnings(for: templated)
    #expect(warnings.contains { $0.contains("'bare': 1 of 9 texts begin with <s> twice") }, "\(warnings)")
    #expect(warnings.contains { $0.contains("1 of 9 dialogues spell out special tokens, e.g. <s>") }, "\(warnings)")
  }

  @Test func promptsThatWereTemplatedAreWarnedOf() throws {
    let model = try RewardFixture("llama-reward").model()
    let requests = [
      request(.text("<|im_start|>user\nhello<|im_end|>\n"), "there"), request(.text("hello"), "there<|im_end|>"),
      request(.messages([Message(role: "user", content: "hello")]), "there"),
    ]
    #expect(model.report(for: requests).suspicions?.templated == 2)
    #expect(model.warnings(for: requests).first?.contains("2 of 3 dialogues spell out special tokens") == true)
  }

  @Test func dialoguesThatTheTemplateRefusesFailByThemselves() async throws {
    let fixture = try RewardFixture("llama-reward-pad-eos")
    let model = try fixture.model()
    let system = request(.messages([Message(role: "system", content: "Be brief.")]), "yes")
    let requests = [fixture.requests[0], system, fixture.requests[1]]
    let outcomes = await model.outcomes(requests)
    #expect(
      try await model.scores([fixture.requests[0], fixture.requests[1]]) == [outcomes[0].get(), outcomes[2].get()])
    #expect(throws: DialogueError.self) { try outcomes[1].get() }
    await #expect(throws: DialogueError.self) { try await model.scores(requests) }
    #expect(model.report(for: requests).unreadable == 1 && model.tokens(in: system) == 0)
    #expect(model.warnings(for: requests).contains { $0.contains("Only user and assistant turns are known") })
  }

  @Test func modelsOfOnePoolTakeTurnsWithTheSameScores() async throws {
    let names = ["llama-reward", "llama-reward-pad-eos"]
    let pairs = (0..<24).map { pair("p\($0)", prompt: "question \($0 % 5)", "answer \($0)", "no answer to \($0)") }
    let queue = ForwardQueue()
    let pool = try MeteredPool(names.map { try RewardFixture($0).model(queue: queue) })
    let concurrent = try await withThrowingTaskGroup(of: (Int, [ScorePair]).self) { group in
      for (index, pair) in pairs.enumerated() {
        group.addTask { (index, try await pool.scores(of: pair, arms: 0..<2)) }
      }
      return try await group.reduce(into: [Int: [ScorePair]]()) { $0[$1.0] = $1.1 }
    }
    for (arm, name) in names.enumerated() {
      let model = try RewardFixture(name).model()
      var tokens = 0
      for (index, pair) in pairs.enumerated() {
        let requests = ResponseSide.allCases.map { ScoringRequest(pair, side: $0) }
        let scores = try await model.scores(requests)
        #expect(concurrent[index]?[arm] == ScorePair(a: scores[0], b: scores[1]))
        tokens += requests.reduce(0) { $0 + model.tokens(in: $1) }
      }
      #expect(await pool.usage[arm].tokens == tokens)
    }
  }

  @Test func randomWeightsMakeARewardModel() async throws {
    let fixture = try RewardFixture("llama-reward")
    var configuration = try TransformerConfiguration(contentsOf: fixture.folder.appendingPathComponent("config.json"))
    let tokenizer = try Tokenizer(contentsOf: fixture.folder.appendingPathComponent("tokenizer.json"))
    func scores(seed: UInt64) async throws -> [Double] {
      let model = try TransformerModel.random(configuration, seed: seed)
      return try await TransformerRewardModel(name: "random", model: model, tokenizer: tokenizer, format: .router)
        .scores(fixture.requests)
    }
    let first = try await scores(seed: 1)
    #expect(Set(first).count == fixture.requests.count)
    #expect(try await scores(seed: 1) == first)
    #expect(try await scores(seed: 2) != first)
    configuration.head = .causalLanguageModel
    await #expect(throws: TransformersError.self) { try await scores(seed: 1) }
  }
}
