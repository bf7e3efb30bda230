import Foundation
import PreferenceData
import Testing

private let judgeBench = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  .appendingPathComponent("shared/data/judgebench")

/// Runs the built `router-bench replay`.
@Suite struct ReplayCommandTests {
  struct Summary: Decodable {
    struct Method: Decodable {
      let method: String
      let accuracyAll: Double
      let rmCallsPerPair: Double
      let costPerPair: Double?
      let intervalAll: [Double]
    }
    let pairs: Int
    let disagreementPairs: Int
    let rewardModels: [String]
    let methods: [Method]
  }

  private func replay(_ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
    try run(["replay"] + arguments, program: "router-bench")
  }

  private func withDataset<Result>(_ body: (URL, URL) throws -> Result) throws -> Result {
    try withTemporaryFolder { folder in
      let data = folder.appendingPathComponent("data")
      #expect(try run(["synthesize", "--pairs", "60", "--rms", "4", "--out", data.path]).status == 0)
      return try body(data, folder.appendingPathComponent("run"))
    }
  }

  private func summary(_ run: URL) throws -> Summary {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Summary.self, from: Data(contentsOf: run.appendingPathComponent("summary.json")))
  }

  /// The figures of the data's own README and of JudgeBench's metric.
  @Test(.enabled(if: FileManager.default.fileExists(atPath: judgeBench.path), "no ../shared/data/judgebench here"))
  func judgeBenchHasItsPublishedAccuracies() throws {
    try withTemporaryFolder { folder in
      let run = folder.appendingPathComponent("run")
      let result = try replay(["--data", judgeBench.path, "--out", run.path, "--seeds", "2"])
      #expect(result.status == 0, "\(result.errors)")
      let summary = try summary(run)
      #expect(summary.pairs == 350 && summary.disagreementPairs == 187)
      let expected = [
        "Skywork-Reward-Gemma-2-27B": 64.29, "internlm2-20b-reward": 63.43, "Skywork-Reward-Llama-3.1-8B": 62.29,
        "internlm2-7b-reward": 59.43, "GRM-Gemma-2B-rewardmodel-ft": 59.43, "majority": 61.29, "random": 61.77,
        "oracle (hindsight)": 88.29,
      ]
      for (name, percent) in expected {
        let method = try #require(summary.methods.first { $0.method == name })
        #expect((method.accuracyAll * 1e4).rounded() / 100 == percent, "\(name)")
        #expect(method.rmCallsPerPair == (name == "majority" ? 5 : 1), "\(name)")
        #expect(result.output.contains(name) && result.output.contains(String(format: "%.2f", percent)))
      }
    }
  }

  @Test func aRunLeavesItsWholeFolder() throws {
    try withDataset { data, run in
      let result = try replay(["--data", data.path, "--out", run.path, "--seeds", "2", "--log-decisions"])
      #expect(result.status == 0, "\(result.errors)")
      let names = Set(try FileManager.default.contentsOfDirectory(atPath: run.path))
      let expected = [
        "config.json", "events.jsonl", "summary.json", "table.md", "table.csv", "shares.csv", "router", "regret.gp",
      ]
      #expect(names.isSuperset(of: expected))
      let summary = try summary(run)
      #expect(
        summary.methods.allSatisfy { $0.intervalAll[0] <= $0.accuracyAll && $0.accuracyAll <= $0.intervalAll[1] })
      // Three learning methods, two seeds: a line a decision and one a run.
      let events = try String(contentsOf: run.appendingPathComponent("events.jsonl"), encoding: .utf8)
      #expect(events.split(separator: "\n").count == 3 * 2 * 61)
    }
  }

  @Test func equalSeedsWriteEqualDecisions() throws {
    try withDataset { data, run in
      let arguments = ["--data", data.path, "--seeds", "2", "--methods", "thompson", "--log-decisions"]
      let texts = try ["1", "2"].map { suffix in
        let out = run.path + suffix
        #expect(try replay(arguments + ["--out", out]).status == 0)
        let events = try String(contentsOfFile: out + "/events.jsonl", encoding: .utf8)
        return events.split(separator: "\n").filter { $0.contains("\"decision\"") }
      }
      #expect(texts[0] == texts[1] && texts[0].count == 120)
    }
  }

  @Test func subPoolsAndPriorsWork() throws {
    try withDataset { data, run in
      let pools = try replay(["--data", data.path, "--out", run.path, "--seeds", "1", "--arms", "2-3"])
      #expect(
        pools.status == 0 && pools.output.contains("mean over 6 pools") && pools.output.contains("mean over 4 pools"))
      let fraction = try replay([
        "--data", data.path, "--out", run.path + "b", "--seeds", "1", "--prior", "offline:0.3",
      ])
      #expect(fraction.status == 0 && fraction.output.contains("thompson-prior"))
      // Of the same pairs: the whole posteriors are the same, their means alone are not those of --prior offline.
      let laplace = try replay(["--data", data.path, "--out", run.path + "l", "--seeds", "1", "--prior", "laplace"])
      #expect(laplace.status == 0 && laplace.output.contains("(18 more give the offline prior)"), "\(laplace.errors)")
      func accuracy(_ method: String, _ suffix: String) throws -> Double? {
        try summary(URL(fileURLWithPath: run.path + suffix)).methods.first { $0.method == method }?.accuracyAll
      }
      let posterior = try #require(try accuracy("thompson-evidence", "l"))
      #expect(try accuracy("thompson-evidence", "b") == posterior)
      #expect(try accuracy("thompson-prior", "l") != nil && accuracy("offline-only", "l") != nil)
      let router = run.path + "b/router"
      let folder = try replay([
        "--data", data.path, "--out", run.path + "c", "--seeds", "1", "--prior", "offline:\(router)",
      ])
      // A router of an earlier run has learnt from the very pairs.
      #expect(
        folder.status == 0 && folder.errors.contains("the router knows 60 of these 60 pairs"), "\(folder.errors)")
      let other = try replay([
        "--data", data.path, "--out", run.path + "d", "--seeds", "1", "--prior", "offline:\(router)", "--dimension",
        "64",
      ])
      #expect(other.status != 0 && other.errors.contains("'hashed-256', not 'hashed-64'"))
      #expect(!FileManager.default.fileExists(atPath: run.path + "d"))
    }
  }

  /// kappa 0 is the plain router: the same accuracy to the last digit. A large kappa asks the cheapest model alone.
  @Test func costAwareRowsStandBesideThePlainOnes() throws {
    try withTemporaryFolder { folder in
      let run = folder.appendingPathComponent("run")
      let prices = (0..<4).map { "synthetic-\(["math", "code", "science", "reasoning"][$0])-rm=\($0 + 1)" }
      let result = try replay([
        "--synthetic", "200x4", "--seeds", "2", "--methods", "majority,thompson", "--kappa", "0,100", "--budget", "2",
        "--prices", prices.joined(separator: ","), "--out", run.path,
      ])
      #expect(result.status == 0, "\(result.errors)")
      let rows = Dictionary(uniqueKeysWithValues: try summary(run).methods.map { ($0.method, $0) })
      #expect(rows["thompson kappa 0.0"]?.accuracyAll == rows["thompson"]?.accuracyAll)
      #expect(rows["thompson kappa 0.0"]?.costPerPair == rows["thompson"]?.costPerPair)
      #expect(rows["thompson kappa 100.0"]?.costPerPair == 1)
      #expect(rows["majority"]?.costPerPair == 10)
      let budget = try #require(rows["thompson budget 2.0"]?.costPerPair)
      #expect(budget > 1 && budget < 2.5)
      #expect(FileManager.default.fileExists(atPath: run.appendingPathComponent("frontier.gp").path))

      for (options, text) in [
        (["--kappa", "1"], "no parameters for reward model"), (["--prices", "x=1"], "no reward model 'x'"),
        (["--prices", prices[0]], "is missing"),
        (["--budget", "0.5", "--prices", prices.joined(separator: ",")], "budget"),
      ] {
        let refused = try replay(["--synthetic", "200x4", "--out", run.path + "x"] + options)
        #expect(refused.status != 0 && refused.errors.contains(text), "\(options): \(refused.errors)")
        #expect(!FileManager.default.fileExists(atPath: run.path + "x"))
      }
    }
  }

  @Test func badSettingsAreRefusedBeforeAnythingIsWritten() throws {
    try withDataset { data, run in
      let wrong: [([String], String)] = [
        (["--rms", "nobody"], "nobody"), (["--arms", "9"], "9"), (["--arms", "3-2"], "--arms"),
        (["--methods", "magic"], "magic"), (["--seeds", "0"], "seeds"), (["--reward", "noisy:0.9"], "flip"),
        (["--reward", "loud"], "--reward"), (["--prior", "offline:0"], "fraction"),
        (["--prior", "offline:"], "--prior"), (["--prior", "laplace:1.5"], "fraction"),
        (["--prior", "laplace:x"], "--prior"),
        (["--prior", "offline:/nowhere"], "/nowhere"), (["--normalizer", "batch"], "batch"),
        (["--methods", "thompson-prior"], "--prior"), (["--components", "400"], "400"), (["--delay", "-1"], "delay"),
      ]
      for (arguments, text) in wrong {
        let result = try replay(["--data", data.path, "--out", run.path] + arguments)
        #expect(result.status != 0, "\(arguments)")
        #expect(result.errors.contains(text), "\(arguments): \(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: run.path), "\(arguments)")
      }
    }
  }

  @Test func anExistingOrUnwritableRunFolderIsRefused() throws {
    try withDataset { data, run in
      try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
      let existing = try replay(["--data", data.path, "--out", run.path])
      #expect(existing.status != 0 && existing.errors.contains("exists already"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: run.path).isEmpty)
      let file = data.appendingPathComponent("pairs.jsonl").path
      let unwritable = try replay(["--data", data.path, "--out", file + "/run"])
      #expect(unwritable.status != 0 && unwritable.errors.contains(file))
    }
  }

  /// Killed at some moment, a run has no summary or all of it, and its saved router loads or is not there.
  @Test(arguments: [30, 80, 150, 250, 400])
  func aKilledReplayLeavesOldOrNew(milliseconds: Int) throws {
    try withDataset { data, run in
      let process = try start(
        ["replay", "--data", data.path, "--out", run.path, "--seeds", "200"], program: "router-bench")
      Thread.sleep(forTimeInterval: Double(milliseconds) / 1000)
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      let manager = FileManager.default
      if manager.fileExists(atPath: run.appendingPathComponent("summary.json").path) { _ = try summary(run) }
      let config = run.appendingPathComponent("config.json")
      if manager.fileExists(atPath: config.path) {
        _ = try JSONSerialization.jsonObject(with: Data(contentsOf: config))
      }
      let router = run.appendingPathComponent("router")
      if manager.fileExists(atPath: router.path) {
        let again = try replay([
          "--data", data.path, "--out", run.path + "-again", "--seeds", "1", "--prior", "offline:\(router.path)",
        ])
        #expect(again.status == 0, "\(again.errors)")
      }
    }
  }
}
