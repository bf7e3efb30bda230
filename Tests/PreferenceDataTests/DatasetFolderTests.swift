import Foundation
import PreferenceData
import Storage
import Testing

@Suite struct DatasetFolderTests {
  private func read(_ texts: FolderTexts, rewardModels: [String]? = nil) throws -> PreferenceDataset {
    try withTemporaryFolder { folder in
      try texts.write(to: folder)
      return try PreferenceDataset(folder: folder, rewardModels: rewardModels)
    }
  }

  /// What reading the damaged texts says, its folder written as `DATA`.
  private func message(rewardModels: [String]? = nil, _ damage: (inout FolderTexts) -> Void) throws -> String {
    var texts = FolderTexts()
    damage(&texts)
    return try withTemporaryFolder { folder in
      try texts.write(to: folder)
      let error = try #require(throws: (any Error).self) {
        try PreferenceDataset(folder: folder, rewardModels: rewardModels)
      }
      #expect(error is StorageError || error is PreferenceDataError)
      return "\(error)".replacingOccurrences(of: folder.path, with: "DATA")
    }
  }

  @Test func readsEachField() throws {
    let dataset = try read(FolderTexts())
    #expect(dataset.pairs.map(\.id) == ["p1", "p2", "p3"])
    #expect(dataset.pairs.map(\.domain) == ["math", nil, "math"])
    #expect(dataset.pairs.map(\.source) == [nil, "s", nil])
    #expect(dataset.pairs.map(\.label) == [.a, .b, nil])
    #expect(dataset.pairs[0].prompt == .text("1+1?"))
    #expect(
      dataset.pairs[1].prompt
        == .messages([
          Message(role: "user", content: "hi"), Message(role: "assistant", content: "yes?"),
          Message(role: "user", content: "bye"),
        ]))
    #expect(dataset.pairs[1].responseA.isEmpty && dataset.pairs[1].responseB == "é")
    #expect(
      dataset.rewardModels == [
        RewardModelDescription(name: "m1", huggingFaceID: "org/m1", parameters: 2e9),
        RewardModelDescription(name: "m2"),
      ])
    #expect(dataset.scores[0] == [ScorePair(a: 1, b: -0.5), ScorePair(a: 0, b: 0), ScorePair(a: 7, b: 8)])
    #expect(dataset.scores[1] == [ScorePair(a: 1e-3, b: 2), ScorePair(a: 0, b: 1), ScorePair(a: 5, b: 6)])
    #expect(dataset.domains == ["math", "(none)"])
    // The first model ties on the second pair.
    #expect(dataset.correctness.disagreementSet == [0])
    #expect(CorrectnessTable(dataset, ties: .wrong).disagreementSet == [0, 1])
  }

  @Test func writingAndReadingGiveTheDatasetBack() throws {
    let dataset = try read(FolderTexts())
    try withTemporaryFolder { folder in
      let target = folder.appendingPathComponent("copy")
      try dataset.write(to: target)
      #expect(try PreferenceDataset(folder: target) == dataset)
      #expect(throws: StorageError.exists(path: target.path)) { try dataset.write(to: target) }
      try dataset.selecting(arms: [1]).write(to: target, replacing: true)
      #expect(try PreferenceDataset(folder: target) == dataset.selecting(arms: [1]))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["copy"])
    }
  }

  @Test func whatCannotBeReadAgainIsNotWritten() throws {
    let dataset = try read(FolderTexts())
    try withTemporaryFolder { (folder: URL) throws in
      let target = folder.appendingPathComponent("copy")
      #expect(throws: PreferenceDataError.self) { try dataset.selecting(pairs: [0, 1, 0]).write(to: target) }
      #expect(throws: PreferenceDataError.self) { try dataset.selecting(pairs: []).write(to: target) }
      let infinite = PreferenceDataset(
        pairs: [dataset.pairs[0]], rewardModels: [dataset.rewardModels[0]], scores: [[ScorePair(a: 1, b: .infinity)]])
      #expect(throws: PreferenceDataError.scoreNotFinite(rewardModel: "m1", id: "p1")) {
        try infinite.write(to: target)
      }
      let twice = PreferenceDataset(
        pairs: dataset.pairs, rewardModels: [dataset.rewardModels[0], dataset.rewardModels[0]],
        scores: [dataset.scores[0], dataset.scores[0]])
      #expect(throws: PreferenceDataError.self) { try twice.write(to: target) }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }

  @Test func readsByteOrderMarksAndCarriageReturns() throws {
    var texts = FolderTexts()
    let crlf = { (text: String?) in text.map { "\u{feff}" + $0.replacingOccurrences(of: "\n", with: "\r\n") } }
    texts.pairs = crlf(texts.pairs)
    texts.scores = crlf(texts.scores)
    texts.models = crlf(texts.models)
    #expect(try read(texts) == read(FolderTexts()))
  }

  @Test func keepsTheSelectedModelsInTheOrderAsked() throws {
    let all = try read(FolderTexts())
    #expect(try read(FolderTexts(), rewardModels: ["m2", "m1"]) == all.selecting(arms: [1, 0]))
    #expect(try read(FolderTexts(), rewardModels: ["m2"]) == all.selecting(rewardModels: ["m2"]))
    // A model that is not selected may be incomplete.
    var texts = FolderTexts()
    texts.scores = texts.scores?.replacingOccurrences(
      of: "{\"id\": \"p3\", \"reward_model\": \"m1\", \"score_a\": 7, \"score_b\": 8}\n", with: "")
    #expect(try read(texts, rewardModels: ["m2"]) == all.selecting(arms: [1]))
    #expect(
      try message(rewardModels: ["m3"]) { _ in } == "there is no reward model \"m3\"; the dataset has m1, m2")
    #expect(try message(rewardModels: ["m1", "m1"]) { _ in }.contains("selected twice"))
    #expect(try message(rewardModels: []) { _ in } == "no reward model is selected")
  }

  @Test(arguments: [
    ("\"id\": \"p2\"", "\"id\": \"p1\"", "DATA/pairs.jsonl line 2: the pair id \"p1\" was given before, at line 1"),
    ("\"id\": \"p2\"", "\"id\": 2", "DATA/pairs.jsonl line 2, field \"id\": expected a text, found the number 2"),
    ("\"id\": \"p2\", ", "", "DATA/pairs.jsonl line 2: field \"id\" is missing"),
    (
      "\"label\": \"B\"", "\"label\": \"b\"",
      "DATA/pairs.jsonl line 2, field \"label\": expected \"A\", \"B\" or null, found the text \"b\""
    ),
    (
      "\"label\": \"B\"", "\"label\": 1",
      "DATA/pairs.jsonl line 2, field \"label\": expected \"A\", \"B\" or null, found the number 1"
    ),
    (", \"label\": \"B\"", "", "DATA/pairs.jsonl line 2: field \"label\" is missing"),
    (
      "\"response_b\": \"é\"", "\"response_b\": [\"é\"]",
      "DATA/pairs.jsonl line 2, field \"response_b\": expected a text, found a list of 1"
    ),
    (
      "\"source\": \"s\"", "\"source\": {}",
      "DATA/pairs.jsonl line 2, field \"source\": expected a text, found an object"
    ),
    ("\"prompt\": \"1+1?\"", "\"prompt\": []", "DATA/pairs.jsonl line 1, field \"prompt\": the list has no messages"),
    (
      "\"prompt\": \"1+1?\"", "\"prompt\": null",
      "DATA/pairs.jsonl line 1, field \"prompt\": expected a text or a list of messages, found null"
    ),
    ("\"role\": \"assistant\", ", "", "DATA/pairs.jsonl line 2, prompt[1]: field \"role\" is missing"),
    (
      "\"content\": \"bye\"", "\"content\": [\"bye\"]",
      "DATA/pairs.jsonl line 2, prompt[2], field \"content\": expected a text"
    ),
    ("\"response_a\": \"\", ", "\"response_a\": \"\" ", "DATA/pairs.jsonl line 2, column 171: expected ',' or '}'"),
    ("{\"id\": \"p3\"", "\n{\"id\": \"p3\"", "DATA/pairs.jsonl line 3: the line is blank but more lines follow"),
    ("{\"id\": \"p3\"", "[\"id\"]\n{\"id\": \"p3\"", "DATA/pairs.jsonl line 3: expected a JSON object"),
  ])
  func badPairsAreNamed(old: String, new: String, expected: String) throws {
    let text = try message { texts in
      #expect(texts.pairs?.contains(old) == true)
      texts.pairs = texts.pairs?.replacingOccurrences(of: old, with: new)
    }
    #expect(text.hasPrefix(expected))
  }

  @Test(arguments: [
    (
      "\"p2\", \"reward_model\": \"m1\"", "\"p1\", \"reward_model\": \"m1\"",
      "DATA/scores.jsonl line 3: a second score of \"m1\" for the pair \"p1\""
    ),
    (
      "\"score_b\": -0.5", "\"score_b\": NaN",
      "DATA/scores.jsonl line 1, column 61, field \"score_b\": NaN is no JSON number"
    ),
    (
      "\"score_b\": -0.5", "\"score_b\": -Infinity",
      "DATA/scores.jsonl line 1, column 62, field \"score_b\": Infinity is no JSON number"
    ),
    (
      "\"score_b\": -0.5", "\"score_b\": 1e999",
      "DATA/scores.jsonl line 1, field \"score_b\": expected a finite number, found a number beyond"
    ),
    (
      "\"score_b\": -0.5", "\"score_b\": \"-0.5\"",
      "DATA/scores.jsonl line 1, field \"score_b\": expected a finite number, found the text \"-0.5\""
    ),
    (
      "\"score_b\": -0.5", "\"score_b\": null",
      "DATA/scores.jsonl line 1, field \"score_b\": expected a finite number, found null"
    ),
    (
      "\"score_b\": -0.5", "\"score_b\": true",
      "DATA/scores.jsonl line 1, field \"score_b\": expected a finite number, found true"
    ),
    (", \"score_b\": -0.5", "", "DATA/scores.jsonl line 1: field \"score_b\" is missing"),
    (
      "\"p1\", \"reward_model\": \"m1\"", "\"p9\", \"reward_model\": \"m1\"",
      "DATA/scores.jsonl line 1, field \"id\": no pair has the id \"p9\""
    ),
    (
      "\"p1\", \"reward_model\": \"m1\"", "\"p1\", \"reward_model\": \"m9\"",
      "DATA/scores.jsonl line 1, field \"reward_model\": \"m9\" is not listed in rms.json (m1, m2)"
    ),
    (
      "{\"id\": \"p2\", \"reward_model\": \"m2\", \"score_a\": 0, \"score_b\": 1}\n", "",
      "DATA/scores.jsonl: \"m2\" lacks scores for 1 of 3 pairs, the first is \"p2\""
    ),
  ])
  func badScoresAreNamed(old: String, new: String, expected: String) throws {
    let text = try message { texts in
      #expect(texts.scores?.contains(old) == true)
      texts.scores = texts.scores?.replacingOccurrences(of: old, with: new)
    }
    #expect(text.hasPrefix(expected))
  }

  @Test(arguments: [
    ("\"index\": 1", "\"index\": 2", "DATA/rms.json, reward_models[1], field \"index\": found 2, expected 1"),
    ("\"index\": 1", "\"index\": \"1\"", "DATA/rms.json, reward_models[1], field \"index\": expected an integer"),
    ("\"index\": 1, ", "", "DATA/rms.json, reward_models[1]: field \"index\" is missing"),
    ("\"m2\"", "\"m1\"", "DATA/rms.json, reward_models[1]: the reward model \"m1\" is listed twice"),
    ("\"m2\"", "\"\"", "DATA/rms.json, reward_models[1], field \"name\": expected a name"),
    ("2e9", "0", "DATA/rms.json, reward_models[0], field \"parameters\": expected a positive number of parameters"),
    ("2e9", "\"2B\"", "DATA/rms.json, reward_models[0], field \"parameters\": expected a finite number"),
    ("reward_models", "models", "DATA/rms.json: field \"reward_models\" is missing"),
    ("\"note\": \"\"}", "\"note\": \"\"", "DATA/rms.json line 1, column"),
  ])
  func badModelListsAreNamed(old: String, new: String, expected: String) throws {
    let text = try message { texts in
      #expect(texts.models?.contains(old) == true)
      texts.models = texts.models?.replacingOccurrences(of: old, with: new)
    }
    #expect(text.hasPrefix(expected))
  }

  @Test func emptyAndMissingFilesAreNamed() throws {
    #expect(try message { $0.pairs = "" } == "DATA/pairs.jsonl holds no pairs; a dataset needs at least one")
    #expect(
      try message { $0.scores = "" }.hasPrefix(
        "DATA/scores.jsonl: \"m1\" lacks scores for 3 of 3 pairs, the first is \"p1\""))
    #expect(try message { $0.models = "" }.hasPrefix("DATA/rms.json line 1, column 1: the text ends"))
    #expect(
      try message { $0.models = "{\"reward_models\": []}" }
        == "DATA/rms.json lists zero reward models: run collect or add scores")
    #expect(try message { $0.pairs = nil } == "cannot read DATA/pairs.jsonl: No such file or directory")
    #expect(try message { $0.scores = nil } == "cannot read DATA/scores.jsonl: No such file or directory")
    #expect(try message { $0.models = nil } == "cannot read DATA/rms.json: No such file or directory")
  }

  @Test func invalidUTF8IsNamedWithItsLine() throws {
    try withTemporaryFolder { folder in
      let texts = FolderTexts()
      try texts.write(to: folder)
      var bytes = Array((texts.pairs ?? "").utf8)
      let index = try #require(bytes.firstIndex(of: 0xc3))
      bytes[index] = 0xff
      let file = folder.appendingPathComponent("pairs.jsonl")
      try Data(bytes).write(to: file)
      #expect(throws: StorageError.invalidUTF8(place: FilePlace(file: file.path, line: 2))) {
        try PreferenceDataset(folder: folder)
      }
    }
  }

  @Test func aResponseOfFiveMegabytesIsKept() throws {
    let dataset = try read(FolderTexts()).selecting(pairs: [1])
    let long = String(repeating: "line of text\n", count: 400_000)
    let pair = dataset.pairs[0]
    let big = PreferenceDataset(
      pairs: [
        PreferencePair(id: pair.id, prompt: pair.prompt, responseA: long, responseB: "b", label: .a)
      ], rewardModels: dataset.rewardModels, scores: dataset.scores)
    try withTemporaryFolder { folder in
      let target = folder.appendingPathComponent("big")
      try big.write(to: target)
      #expect(try PreferenceDataset(folder: target) == big)
    }
  }

  @Test func pairsWithoutModelsAreReadAsPairsOnly() throws {
    let pairs = try read(FolderTexts()).pairs
    try withTemporaryFolder { folder in
      let target = folder.appendingPathComponent("pool")
      try PreferenceDataset(pairs: pairs, rewardModels: [], scores: []).write(to: target)
      #expect(try DatasetFolder.readPairs(target) == pairs)
      #expect(try String(contentsOf: target.appendingPathComponent("scores.jsonl"), encoding: .utf8).isEmpty)
      let models = target.appendingPathComponent("rms.json")
      #expect(throws: PreferenceDataError.noRewardModels(file: models.path)) { try PreferenceDataset(folder: target) }
    }
  }
}
