import Foundation
import PreferenceData
import Storage
import Testing

/// Runs `bayesrouter collect` with recorded models.
@Suite struct CollectCommandTests {
  /// A synthetic dataset, and a pool of the models that it records.
  private func withDataset<Result>(pairs: Int, _ body: (URL, URL, URL) throws -> Result) throws -> Result {
    try withTemporaryFolder { folder in
      let data = folder.appendingPathComponent("data")
      let made = try run(["synthesize", "--pairs", "\(pairs)", "--rms", "4", "--out", data.path])
      #expect(made.status == 0, "\(made.errors)")
      let entries = try DatasetFolder.readRewardModels(data).map {
        "  - {name: \($0.name), kind: recorded, path: data, price_per_1k_tokens: 0.5}\n"
      }
      let pool = folder.appendingPathComponent("pool.yaml")
      try Data(("reward_models:\n" + entries.joined()).utf8).write(to: pool)
      return try body(data, pool, folder.appendingPathComponent("out"))
    }
  }

  private func arguments(_ data: URL, _ pool: URL, _ out: URL, _ options: [String] = []) -> [String] {
    ["collect", "--data", data.path, "--pool", pool.path, "--out", out.path] + options
  }

  private func bytes(_ folder: URL) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    return try Dictionary(
      uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: folder.appendingPathComponent($0))) })
  }

  private struct Report: Decodable {
    struct Model: Decodable {
      let name: String
      let scored: Int
      let reused: Int
      let failed: Int
      let calls: Int
      let tokens: Int
      let cost: Double
    }
    let complete: Bool
    let pairs: Int
    let rewardModels: [Model]
  }

  private func report(_ output: String) throws -> Report {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Report.self, from: Data(output.utf8))
  }

  @Test func recordedScoresComeBackAsTheyWere() throws {
    try withDataset(pairs: 60) { data, pool, out in
      let result = try run(arguments(data, pool, out))
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.output.contains("RM ") && result.output.contains("cost"))
      #expect(result.output.contains("wrote \(out.path): 60 pairs"))
      let (source, files) = (try bytes(data), try bytes(out))
      #expect(Set(files.keys) == ["pairs.jsonl", "scores.jsonl", "rms.json"])
      #expect(files["pairs.jsonl"] == source["pairs.jsonl"] && files["scores.jsonl"] == source["scores.jsonl"])

      let again = try run(arguments(data, pool, out, ["--json"]))
      #expect(again.status == 0 && again.errors.contains("nothing to do"))
      let report = try report(again.output)
      #expect(report.complete && report.rewardModels.allSatisfy { $0.reused == 60 && $0.calls == 0 && $0.cost == 0 })
      #expect(try bytes(out) == files)

      let other = try run(["synthesize", "--pairs", "61", "--rms", "4", "--out", data.path, "--replace"])
      #expect(other.status == 0)
      let refused = try run(arguments(data, pool, out))
      #expect(refused.status != 0 && refused.errors.contains("it has 60 pairs, not 61"), "\(refused.errors)")
      #expect(try bytes(out) == files)
    }
  }

  @Test func costsAreTokensTimesPrice() throws {
    try withDataset(pairs: 20) { data, pool, out in
      let result = try run(arguments(data, pool, out, ["--json"]))
      let report = try report(result.output)
      #expect(report.pairs == 20 && report.rewardModels.count == 4)
      for model in report.rewardModels {
        #expect(model.scored == 20 && model.failed == 0 && model.calls == 20 && model.tokens > 0)
        #expect(model.cost == Double(model.tokens) / 1000 * 0.5)
      }
    }
  }

  /// A pair that a recording lacks is said so, nothing is made up, and the run can be completed later.
  @Test func missingScoresAreReportedWithExitStatus() throws {
    try withDataset(pairs: 30) { data, pool, out in
      let all = try PreferenceDataset(folder: data)
      let part = pool.deletingLastPathComponent().appendingPathComponent("part")
      try all.selecting(pairs: Array(0..<30).filter { $0 != 4 && $0 != 17 }).write(to: part)
      let name = all.rewardModels[2].name
      let text = try String(contentsOf: pool, encoding: .utf8)
      try Data(
        text.replacingOccurrences(
          of: "\(name), kind: recorded, path: data", with: "\(name), kind: recorded, path: part"
        ).utf8
      )
      .write(to: pool)
      let result = try run(arguments(data, pool, out, ["--json"]))
      #expect(result.status == 1)
      #expect(result.errors.contains("'\(name)' failed 2 of 30 pairs, the first is '\(all.pairs[4].id)'"))
      #expect(result.errors.contains("run the same command again"))
      let report = try report(result.output)
      #expect(!report.complete && report.rewardModels.map(\.failed) == [0, 0, 2, 0])

      // The recording is completed.
      try all.write(to: part, replacing: true)
      let again = try run(arguments(data, pool, out, ["--json"]))
      #expect(again.status == 0 && again.errors.contains("118 of 120 scores are there"), "\(again.errors)")
      #expect(try self.report(again.output).rewardModels.map(\.scored) == [0, 0, 2, 0])
      #expect(try bytes(out)["scores.jsonl"] == bytes(data)["scores.jsonl"])
    }
  }

  /// `kill -9` as soon as some scores are on the disk; the next run adds the rest, and the bytes are those of one run.
  @Test func aKilledRunGoesOnWhereItWas() throws {
    try withDataset(pairs: 3000) { data, pool, out in
      let process = try start(arguments(data, pool, out, ["--chunk", "1"]))
      let journal = out.appendingPathComponent("scores.journal.jsonl")
      func size() -> Int {
        ((try? FileManager.default.attributesOfItem(atPath: journal.path))?[.size] as? Int) ?? 0
      }
      while process.isRunning, size() < 2000 { usleep(200) }
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      let lines = ((try? Data(contentsOf: journal)) ?? Data()).count { $0 == UInt8(ascii: "\n") }
      let wasKilled = process.terminationReason == .uncaughtSignal
      #expect(wasKilled ? lines > 0 && lines < 12000 : lines == 0)

      let result = try run(arguments(data, pool, out, ["--json"]))
      #expect(result.status == 0, "\(result.errors)")
      let report = try report(result.output)
      #expect(report.complete)
      #expect(report.rewardModels.reduce(0) { $0 + $1.reused } == (wasKilled ? lines : 12000))
      #expect(report.rewardModels.allSatisfy { $0.reused + $0.scored == 3000 && $0.calls <= $0.scored })
      let files = try bytes(out)
      #expect(Set(files.keys) == ["pairs.jsonl", "scores.jsonl", "rms.json"])
      #expect(try files["scores.jsonl"] == bytes(data)["scores.jsonl"])
    }
  }

  @Test func aBadPoolIsRefusedBeforeAnythingIsWritten() throws {
    try withDataset(pairs: 10) { data, pool, out in
      for (text, expected) in [
        ("reward_models:\n  - {name: a, kind: transformer, path: nowhere}", "line 2, reward model 'a'"),
        ("reward_models: []", "at least one reward model"), ("reward_models: [", "not valid YAML"),
      ] {
        try Data(text.utf8).write(to: pool)
        let result = try run(arguments(data, pool, out))
        #expect(result.status != 0 && result.errors.contains(expected), "\(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: out.path))
      }
      let result = try run(arguments(data, pool, out, ["--chunk", "0"]))
      #expect(result.status != 0 && result.errors.contains("--chunk"))
    }
  }

  @Test func helpShowsAPoolFile() throws {
    let result = try run(["collect", "--help"])
    #expect(result.status == 0)
    for text in ["reward_models:", "kind: vllm-classify", "EXAMPLES", "--in-flight"] {
      #expect(result.output.contains(text))
    }
  }
}
