import Dialogues
import Foundation
import PreferenceData
import RewardModelPools
import RewardModels
import Testing
import Transformers

@Suite struct PoolFileTests {
  /// Eleven lines, to be damaged one at a time.
  private static let valid = """
    reward_models:
      - name: far
        kind: vllm-classify
        url: http://127.0.0.1:8000
        template: template
      - name: near
        kind: transformer
        path: rm
      - name: old
        kind: recorded
        path: judged
    """

  private func withPool(
    _ text: String, environment: [String: String] = ["TOKEN": "secret"],
    _ body: (() throws -> PoolFile, URL) throws -> Void
  ) async throws {
    try await withTemporaryFolder { folder in
      try write("{}", to: folder.appendingPathComponent("rm/config.json"))
      try write("{}", to: folder.appendingPathComponent("template/tokenizer_config.json"))
      try write("{}", to: folder.appendingPathComponent("judged/rms.json"))
      try write("", to: folder.appendingPathComponent("empty/nothing"))
      let file = folder.appendingPathComponent("pool.yaml")
      try write(text, to: file)
      try body({ try PoolFile(contentsOf: file, environment: environment) }, folder)
    }
  }

  @Test func readsEveryKey() async throws {
    let text = """
      reward_models:
        - name: far
          kind: vllm-pooling
          url: https://rm.example:8443/base
          model: org/rm
          template: messages
          token_env: TOKEN
          price_per_1k_tokens: 0.02
          parameters: 8e9
          huggingface_id: org/RM-8B
          limits:
            {concurrency: 8, requests_per_second: 0.5, tokens_per_minute: 200000, timeout_seconds: 60, retries: 0, batch: 32}
        - {name: "12", kind: tei, url: "http://[::1]:80", template: dialogue, limits: {batch: 4}}
        - name: near
          kind: transformer
          path: ./rm
          precision: bfloat16
          max_tokens: 512
        - {name: old, kind: recorded, path: judged, reward_model: skywork}
      """
    try await withPool(text) { read, folder in
      let entries = try read().entries
      #expect(entries.map(\.name) == ["far", "12", "near", "old"])
      #expect(entries.map(\.kind) == [.vllmPooling, .tei, .transformer, .recorded])
      #expect(entries.map(\.place.line) == [2, 13, 14, 19])
      #expect(entries.map(\.pricePerThousandTokens) == [0.02, 0, 0, 0])
      #expect(entries[0].parameters == 8e9 && entries[0].huggingFaceID == "org/RM-8B")
      #expect(entries[1].parameters == nil && entries[1].huggingFaceID == nil)
      guard case .server(let far) = entries[0].source, case .server(let tei) = entries[1].source else {
        Issue.record("these are servers")
        return
      }
      #expect(far.url.absoluteString == "https://rm.example:8443/base")
      #expect(far.model == "org/rm" && far.format == nil && far.tokenVariable == "TOKEN")
      #expect(far.limits.concurrency == 8 && far.limits.requestsPerSecond == 0.5)
      #expect(far.limits.tokensPerMinute == 200_000 && far.limits.timeoutSeconds == 60)
      #expect(far.limits.retries == 0 && far.limits.batch == 32)
      #expect(tei.format == .router && tei.limits.batch == 4 && tei.limits.concurrency == nil)
      guard case .transformer(let checkpoint, .chat, let precision, let maxTokens) = entries[2].source else {
        Issue.record("this is a transformer")
        return
      }
      #expect(checkpoint.path == folder.appendingPathComponent("rm").standardizedFileURL.path)
      #expect(precision == .bfloat16 && maxTokens == 512)
      guard case .recorded(_, "skywork") = entries[3].source else {
        Issue.record("this is a recording of skywork")
        return
      }
    }
  }

  @Test func defaultsAreThoseOfTheFormat() async throws {
    try await withPool("\u{FEFF}" + Self.valid) { read, folder in
      let entries = try read().entries
      guard case .server(let server) = entries[0].source, case .chat(let template)? = server.format else {
        Issue.record("a server whose template is a folder")
        return
      }
      #expect(template.path == folder.appendingPathComponent("template").standardizedFileURL.path)
      #expect(server.model == nil && server.tokenVariable == nil)
      guard case .transformer(_, .chat, .float32, nil) = entries[1].source, case .recorded(_, "old") = entries[2].source
      else {
        Issue.record("a transformer in float32 and a recording of the entry's name")
        return
      }
    }
  }

  /// The valid file with one line replaced, what the error says, and the line it names, if that is another one.
  struct Damage: Sendable, CustomTestStringConvertible {
    let line: Int
    let text: String
    let expected: [String]
    let named: Int
    init(_ line: Int, _ text: String, _ expected: String..., named: Int? = nil) {
      self.line = line
      self.text = text
      self.expected = expected
      self.named = named ?? line
    }
    var testDescription: String { text }
  }

  private static let far = "reward model 'far'"
  private static let near = "reward model 'near'"
  private static let old = "reward model 'old'"

  static let damages: [Damage] = [
    Damage(2, "  - name: ''", "reward_models[0]", "'name'", "expected a text"),
    Damage(2, "  - name:", "reward_models[0]", "'name'", "found nothing"),
    Damage(2, "  - name: 12", "reward_models[0]", "quoted", "found 12"),
    Damage(2, "  - name: yes", "reward_models[0]", "quoted", "found yes"),
    Damage(2, "  - name: [a]", "reward_models[0]", "found a list of 1"),
    Damage(2, "  - model: x", "reward_models[0]", "'name' is missing"),
    Damage(6, "  - name: far", far, "in line 2", "unique"),
    Damage(6, "  - far\n  - name: near", "reward_models[1]", "expected a mapping", "\"far\""),
    Damage(
      3, "    kind: vllm", far, "'kind'", "\"vllm\"", "transformer, recorded, vllm-classify", "tei, openrlhf, sglang"),
    Damage(3, "    model: x", far, "'kind' is missing", named: 2),
    Damage(4, "    url: http://h\n    colour: red", far, "'colour' is unknown", "url, model, template", named: 5),
    Damage(
      4, "    url: http://h\n    max_tokens: 9", far,
      "'max_tokens' belongs to the kind transformer, not to vllm-classify",
      named: 5),
    Damage(
      8, "    path: rm\n    url: http://h", near, "'url' belongs to the kind vllm-classify, vllm-pooling", named: 9),
    Damage(8, "    path: rm\n    limits: {}", near, "'limits' belongs to", named: 9),
    Damage(8, "    path: rm\n    reward_model: x", near, "belongs to the kind recorded, not to transformer", named: 9),
    Damage(4, "    model: x", far, "'url' is missing", named: 2),
    Damage(4, "    url: 127.0.0.1:8000", far, "'url'", "http", "\"127.0.0.1:8000\""),
    Damage(4, "    url: ftp://host", far, "'url'", "http or https"),
    Damage(4, "    url: 'http://'", far, "'url'", "such as http://"),
    Damage(4, "    url: http://me:pw@host", far, "'url'", "without user"),
    Damage(5, "    model: x", far, "'template' is missing", named: 2),
    Damage(5, "    template: nowhere", far, "'template'", "nowhere does not exist"),
    Damage(5, "    template: empty", far, "no chat template", "chat_template.jinja or tokenizer_config.json"),
    Damage(
      11, "    path: judged\n  - {name: r, kind: openrlhf, url: http://h, template: messages}", "reward model 'r'",
      "'template'", "take no messages", named: 12),
    Damage(5, "    template: template\n    token_env: UNSET", far, "UNSET is not set", "export", named: 6),
    Damage(5, "    template: template\n    token_env: 7", far, "'token_env'", "found 7", named: 6),
    Damage(5, "    template: template\n    model: [x]", far, "'model'", "a list of 1", named: 6),
    Damage(7, "    kind: transformer\n    price_per_1k_tokens: -0.01", near, "at least 0", "found -0.01", named: 8),
    Damage(7, "    kind: transformer\n    price_per_1k_tokens: .inf", near, "finite", "found .inf", named: 8),
    Damage(7, "    kind: transformer\n    price_per_1k_tokens: .nan", near, "finite", "found .nan", named: 8),
    Damage(7, "    kind: transformer\n    price_per_1k_tokens: 1e999", near, "finite", "found 1e999", named: 8),
    Damage(7, "    kind: transformer\n    price_per_1k_tokens: '1'", near, "finite", "the text \"1\"", named: 8),
    Damage(7, "    kind: transformer\n    parameters: 0", near, "'parameters'", "above 0", named: 8),
    Damage(7, "    kind: transformer\n    huggingface_id: {}", near, "'huggingface_id'", "a mapping", named: 8),
    Damage(7, "    kind: transformer\n    precision: int8", near, "one of float32, bfloat16", named: 8),
    Damage(7, "    kind: transformer\n    max_tokens: 1.5", near, "'max_tokens'", "found 1.5", named: 8),
    Damage(7, "    kind: transformer\n    max_tokens: 0", near, "at least 1", named: 8),
    Damage(8, "    parameters: 1", near, "'path' is missing", named: 6),
    Damage(8, "    path: nowhere", near, "'path'", "nowhere does not exist"),
    Damage(8, "    path: empty", near, "no checkpoint", "config.json"),
    Damage(11, "    path: rm", old, "no dataset folder", "rms.json"),
    Damage(11, "    path: judged\n    reward_model: ''", old, "'reward_model'", named: 12),
    Damage(5, "    template: template\n    limits: 8", "\(far), limits", "expected a mapping", "found 8", named: 6),
    Damage(
      5, "    template: template\n    limits: {concurrency: 0}", "\(far), limits", "'concurrency'", "at least 1",
      named: 6),
    Damage(5, "    template: template\n    limits: {batch: -3}", "\(far), limits", "'batch'", "found -3", named: 6),
    Damage(5, "    template: template\n    limits: {retries: -1}", "\(far), limits", "'retries'", named: 6),
    Damage(
      5, "    template: template\n    limits: {requests_per_second: 0}", "\(far), limits", "'requests_per_second'",
      "from 0.000001", named: 6),
    Damage(
      5, "    template: template\n    limits: {tokens_per_minute: -1}", "\(far), limits", "'tokens_per_minute'",
      named: 6),
    Damage(
      5, "    template: template\n    limits: {timeout_seconds: 1e20}", "\(far), limits", "'timeout_seconds'", "86400",
      named: 6),
    Damage(5, "    template: template\n    limits: {rps: 3}", "\(far), limits", "'rps' is unknown", "batch", named: 6),
    Damage(8, "    path: rm\n    path: rm", "given twice: path"),
    Damage(8, "    path: [rm", "not valid YAML", named: 9),
    Damage(1, "models:", "'models' is unknown", "known are reward_models"),
  ]

  @Test(arguments: damages) func badEntriesAreNamedWithTheirLine(damage: Damage) async throws {
    var lines = Self.valid.split(separator: "\n").map { String($0) }
    lines[damage.line - 1] = damage.text
    try await withPool(lines.joined(separator: "\n")) { read, _ in
      let error = try #require(throws: PoolError.self) { try read() }
      #expect(error.description.contains("pool.yaml line \(damage.named)"), "\(error)")
      for text in damage.expected { #expect(error.description.contains(text), "\(error)") }
    }
  }

  @Test(arguments: [
    ("", "found nothing"), ("# only a comment\n", "found nothing"), ("- a\n", "found a list of 1"),
    ("reward_models: []", "at least one reward model, found an empty list"),
    ("reward_models: {}", "expected a list, found a mapping"), ("reward_models:", "expected a list, found nothing"),
    ("{}", "'reward_models' is missing"), ("a: 1\n---\nb: 2\n", "another document"),
    ("reward_models: \u{0}", "not valid YAML"),
  ]) func aFileWithoutModelsIsRefused(text: String, expected: String) async throws {
    try await withPool(text) { read, _ in
      let error = try #require(throws: PoolError.self) { try read() }
      #expect(error.description.contains("pool.yaml") && error.description.contains(expected), "\(error)")
    }
  }

  @Test func bytesThatAreNotUTF8AndAMissingFileAreRefused() async throws {
    try await withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("pool.yaml")
      #expect(throws: (any Error).self) { try PoolFile(contentsOf: file) }
      try Data([0x61, 0x3a, 0xff]).write(to: file)
      let error = try #require(throws: PoolError.self) { try PoolFile(contentsOf: file) }
      #expect(error.description.contains("UTF-8"))
    }
  }

  @Test func anEmptyTokenVariableCountsAsUnset() async throws {
    let text = Self.valid + "\n  - {name: b, kind: tei, url: http://h, template: dialogue, token_env: TOKEN}"
    try await withPool(text, environment: ["TOKEN": ""]) { read, _ in
      let error = try #require(throws: PoolError.self) { try read() }
      #expect(error.description.contains("TOKEN is not set"))
    }
  }

  @Test func aRecordedModelIsAnArmUnderTheEntrysName() async throws {
    let dataset = PreferenceDataset(
      pairs: [PreferencePair(id: "p", prompt: .text("q"), responseA: "a", responseB: "b", label: nil)],
      rewardModels: [RewardModelDescription(name: "x"), RewardModelDescription(name: "y")],
      scores: [[ScorePair(a: 1, b: 2)], [ScorePair(a: 3, b: 4)]])
    let text = """
      reward_models:
        - {name: mine, kind: recorded, path: data, reward_model: y}
        - {name: z, kind: recorded, path: data}
      """
    try await withTemporaryFolder { folder in
      try dataset.write(to: folder.appendingPathComponent("data"))
      try write(text, to: folder.appendingPathComponent("pool.yaml"))
      let entries = try PoolFile(contentsOf: folder.appendingPathComponent("pool.yaml")).entries
      let model = try await entries[0].makeRewardModel(queue: ForwardQueue())
      #expect(model.name == "mine")
      #expect(
        try await model.scores([.init(dataset.pairs[0], side: .a), .init(dataset.pairs[0], side: .b)]) == [3, 4])
      let error = try #require(
        await #expect(throws: PoolError.self) { try await entries[1].makeRewardModel(queue: ForwardQueue()) })
      #expect(error.description.contains("line 3, reward model 'z'") && error.description.contains("x, y"))
    }
  }
}
