import Foundation
import PreferenceData
import Testing

/// Runs the built `bayesrouter train` and `evaluate`.
@Suite struct TrainCommandTests {
  private func withDataset<Result>(pairs: Int = 300, _ body: (URL, URL) throws -> Result) throws -> Result {
    try withTemporaryFolder { folder in
      let data = folder.appendingPathComponent("data")
      #expect(try run(["synthesize", "--pairs", "\(pairs)", "--rms", "4", "--out", data.path]).status == 0)
      return try body(data, folder.appendingPathComponent("router"))
    }
  }

  private func arguments(_ data: URL, _ out: URL, _ more: [String] = []) -> [String] {
    [
      "train", "--data", data.path, "--encoder", "hashed", "--dimension", "64", "--epochs", "4", "--patience", "0",
      "--threads", "1", "--out", out.path,
    ] + more
  }

  private func bytes(_ run: URL) throws -> [Data] {
    try ["best", "last"].flatMap { name in
      try ["router.safetensors", "manifest.json"].map {
        try Data(contentsOf: run.appendingPathComponent(name).appendingPathComponent($0))
      }
    }
      + ["state.safetensors", "state.json"].map {
        try Data(contentsOf: run.appendingPathComponent("state").appendingPathComponent($0))
      }
  }

  private struct Evaluation: Decodable {
    struct Row: Decodable {
      struct Estimate: Decodable {
        let value: Double
        let low: Double
        let high: Double
      }
      let method: String
      let all: Estimate
      let disagreement: Estimate
    }
    let pairs: Int
    let rows: [Row]
    let shares: [Double]
    let expectedCalibrationError: Double
  }

  @Test func aTrainedRouterIsEvaluated() throws {
    try withDataset { data, out in
      let trained = try run(arguments(data, out))
      #expect(trained.status == 0, "\(trained.errors)")
      #expect(trained.output.contains("comparisons") && trained.output.contains("best epoch"))
      let names = Set(try FileManager.default.contentsOfDirectory(atPath: out.path))
      #expect(names.isSuperset(of: ["best", "last", "state", "log.jsonl", "config.json", "summary.json", "loss.gp"]))
      let log = try String(contentsOf: out.appendingPathComponent("log.jsonl"), encoding: .utf8)
      #expect(log.split(separator: "\n").count == 4)

      let judged = out.appendingPathExtension("judged")
      let table = try run(["evaluate", "--router", out.path, "--data", data.path, "--out", judged.path])
      #expect(table.status == 0 && table.output.contains("oracle (hindsight)"), "\(table.errors)")
      #expect(
        Set(try FileManager.default.contentsOfDirectory(atPath: judged.path)).isSuperset(of: [
          "config.json", "summary.json", "table.txt", "reliability.gp", "forecasts.gp",
        ]))
      let result = try run(["evaluate", "--router", out.path, "--data", data.path, "--json"])
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      let evaluation = try decoder.decode(Evaluation.self, from: Data(result.output.utf8))
      #expect(evaluation.pairs == 300 && evaluation.rows.count == 8)
      #expect(abs(evaluation.shares.reduce(0, +) - 1) < 1e-12)
      #expect(evaluation.rows.allSatisfy { $0.all.low <= $0.all.value && $0.all.value <= $0.all.high })
      let router = try #require(evaluation.rows.first { $0.method == "router" })
      let random = try #require(evaluation.rows.first { $0.method == "random" })
      #expect(router.disagreement.value > random.disagreement.value)

      let other = try run(["evaluate", "--router", out.path, "--data", data.path, "--encoder", "hashed"])
      #expect(other.status != 0 && other.errors.contains("'hashed-64', not 'hashed-256'"))
    }
  }

  /// Offline-only, and online from the prior: h as contexts, E_bt as prior means.
  @Test func aTrainedRouterIsThePriorOfAReplay() throws {
    try withDataset { data, out in
      #expect(try run(arguments(data, out)).status == 0)
      let replay = ["replay", "--data", data.path, "--seeds", "2", "--dimension", "64", "--prior", out.path]
      let replayed = out.appendingPathExtension("replay")
      let both = try run(replay + ["--out", replayed.path], program: "router-bench")
      #expect(both.status == 0, "\(both.errors)")
      #expect(both.output.contains("thompson-prior") && both.output.contains("offline-only"))
      #expect(both.output.contains("behind router") && both.output.contains("to 32 coordinates"))

      let swept = out.appendingPathExtension("sweep")
      let sweep = try run(
        replay + ["--sweep", "prior-variance", "--out", swept.path, "--json"], program: "router-bench")
      #expect(sweep.status == 0, "\(sweep.errors)")
      let table = try String(contentsOf: swept.appendingPathComponent("table.csv"), encoding: .utf8)
      for row in ["offline-only", "online 0.001", "online 1.0", "both 0.001", "both 1.0"] {
        #expect(table.contains("\(row),"), "\(row)")
      }
      // What evaluate says of the router is what its offline-only row says.
      struct Evaluation: Decodable {
        struct Row: Decodable {
          struct Estimate: Decodable { let value: Double }
          let method: String
          let all: Estimate
        }
        let rows: [Row]
      }
      let evaluated = try run(["evaluate", "--router", out.path, "--data", data.path, "--json"])
      let evaluation = try JSONDecoder().decode(Evaluation.self, from: Data(evaluated.output.utf8))
      let accuracy = try #require(evaluation.rows.first { $0.method == "router" }).all.value
      #expect(table.contains("offline-only,\"\(String(format: "%.2f", accuracy * 100)) "))

      let refused = [
        (["--dimension", "128"], "'hashed-64', not 'hashed-128'"),
        (["--arms", "2", "--sweep", "prior-variance"], "one pool"),
      ]
      for (options, text) in refused {
        let result = try run(replay + options + ["--out", swept.path + "x"], program: "router-bench")
        #expect(result.status != 0 && result.errors.contains(text), "\(options): \(result.errors)")
      }
    }
  }

  /// Trained on 200 of 300 pairs: those are counted and told apart, whoever judges.
  @Test func aRouterNoticesItsOwnPairs() throws {
    try withDataset { data, out in
      let dataset = try PreferenceDataset(folder: data)
      let part = out.appendingPathExtension("part")
      try dataset.selecting(pairs: Array(0..<200)).write(to: part)
      let prompts = Set(dataset.pairs[..<200].map(\.prompt))
      let unseen = dataset.pairs[200...].count { !prompts.contains($0.prompt) }
      #expect(unseen > 50)
      #expect(try run(arguments(part, out)).status == 0)
      struct Judged: Decodable {
        struct Row: Decodable { let method: String }
        struct Overlap: Decodable {
          let trained: Int
          let validated: Int
          let unseen: Int
        }
        let pairs: Int
        let rows: [Row]
        let overlap: Overlap
      }
      let evaluate = ["evaluate", "--router", out.path, "--data", data.path, "--json"]
      let both = try run(evaluate)
      #expect(both.status == 0 && both.errors.contains("figures on them are those of memory"), "\(both.errors)")
      let judged = try JSONDecoder().decode(Judged.self, from: Data(both.output.utf8))
      #expect(judged.overlap.trained + judged.overlap.validated == 200 && judged.overlap.unseen == unseen)
      #expect(judged.overlap.validated > 20)
      #expect(judged.rows.map(\.method).contains("router, \(unseen) pairs of unseen prompts"))
      let rest = try run(evaluate + ["--unseen"])
      #expect(rest.status == 0 && rest.errors.isEmpty, "\(rest.errors)")
      let alone = try JSONDecoder().decode(Judged.self, from: Data(rest.output.utf8))
      #expect(alone.pairs == unseen && alone.overlap.unseen == unseen && alone.rows.count == judged.rows.count - 1)
      let nothing = try run(["evaluate", "--router", out.path, "--data", part.path, "--unseen"])
      #expect(nothing.status != 0 && nothing.errors.contains("all 200 pairs"), "\(nothing.errors)")

      let replayed = out.appendingPathExtension("replay")
      let replay = try run(
        [
          "replay", "--data", data.path, "--seeds", "1", "--dimension", "64", "--methods", "offline-only", "--prior",
          out.path, "--out", replayed.path,
        ], program: "router-bench")
      #expect(replay.status == 0 && replay.errors.contains("warning: --prior: the router knows"), "\(replay.errors)")
      struct Replayed: Decodable { let warnings: [String] }
      let summary = try JSONDecoder().decode(
        Replayed.self, from: Data(contentsOf: replayed.appendingPathComponent("summary.json")))
      #expect(summary.warnings.count == 1)

      // A router of before pairs were remembered is read as it was.
      for name in ["best", "last"] {
        let manifest = out.appendingPathComponent(name).appendingPathComponent("manifest.json")
        var object = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: manifest)) as? [String: Any])
        var training = try #require(object["training"] as? [String: Any])
        #expect(training.removeValue(forKey: "pairs") != nil)
        object["training"] = training
        try JSONSerialization.data(withJSONObject: object).write(to: manifest)
      }
      let old = try run(evaluate)
      #expect(old.status == 0 && old.errors.contains("does not say which pairs"), "\(old.errors)")
      let refused = try run(evaluate + ["--unseen"])
      #expect(refused.status != 0 && refused.errors.contains("train it anew"))
    }
  }

  /// Killed at some moments and resumed, the run ends in the same bytes.
  @Test(arguments: [40, 90, 160])
  func aKilledRunResumesToTheSameBytes(milliseconds: Int) throws {
    try withDataset(pairs: 500) { data, out in
      let long = ["--epochs", "12", "--batch", "2"]
      let whole = out.appendingPathExtension("whole")
      #expect(try run(arguments(data, whole, long)).status == 0)
      for attempt in 0..<4 {
        let resumes = FileManager.default.fileExists(atPath: out.path)
        let process = try start(arguments(data, out, long + (resumes ? ["--resume"] : [])))
        Thread.sleep(forTimeInterval: Double(milliseconds * (attempt + 3)) / 1000)
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
      }
      let resumes = FileManager.default.fileExists(atPath: out.path)
      let last = try run(arguments(data, out, long + (resumes ? ["--resume"] : [])))
      #expect(last.status == 0, "\(last.errors)")
      #expect(try bytes(out) == bytes(whole))
    }
  }

  @Test func wrongUseIsRefusedWithTheReason() throws {
    try withDataset(pairs: 60) { data, out in
      #expect(try run(arguments(data, out)).status == 0)
      let existing = try run(arguments(data, out))
      #expect(existing.status != 0 && existing.errors.contains("exists already"))
      let changed = try run(arguments(data, out, ["--lambda", "0.2", "--resume"]))
      #expect(
        changed.status != 0 && changed.errors.contains("loss.classificationWeight was 0.5 and is 0.2"),
        "\(changed.errors)")
      #expect(try run(arguments(data, out, ["--resume"])).status == 0)
      // As a run is that was killed before it saved anything.
      try FileManager.default.removeItem(at: out.appendingPathComponent("state"))
      let early = try run(arguments(data, out, ["--lambda", "0.2", "--resume"]))
      #expect(
        early.status != 0 && early.errors.contains("config.json")
          && early.errors.contains("loss.classificationWeight was 0.5 and is 0.2"), "\(early.errors)")
      #expect(try run(arguments(data, out, ["--resume"])).status == 0)
      let fresh = out.appendingPathExtension("fresh")
      for (options, text) in [
        (["--resume"], "no run to resume"), (["--tune", "full"], "hashed features have nothing to train"),
        (["--tune", "lora:8"], "hashed features have nothing to train"), (["--tune", "last:0"], "last:0"),
        (["--checkpointing"], "frozen encoder does not learn"),
        (["--learning-rate", "0"], "learning rate"), (["--validation", "1"], "--validation"),
        (["--learning-rate", "1e38", "--clip", "0", "--warmup", "0", "--mu", "1"], "is not finite"),
      ] {
        let result = try run(arguments(data, fresh, options))
        #expect(result.status != 0 && result.errors.contains(text), "\(options): \(result.errors)")
      }
      let nobody = try run(["evaluate", "--router", data.path, "--data", data.path])
      #expect(nobody.status != 0 && nobody.errors.contains("no offline router"))
    }
  }

  // MARK: Encoders that are trained along

  private let checkpoint = checkpointFixtures.appendingPathComponent("llama-gqa")

  private func tuning(_ data: URL, _ out: URL, _ tune: String, encoder: URL? = nil, _ more: [String] = []) -> [String] {
    [
      "train", "--data", data.path, "--encoder", (encoder ?? checkpoint).path, "--tune", tune, "--max-tokens", "48",
      "--epochs", "2", "--batch", "8", "--patience", "0", "--threads", "1", "--log-every", "2", "--out", out.path,
    ] + more
  }

  /// The folder of a training run holds all that an evaluation needs.
  @Test(arguments: ["last:1", "full", "lora:2"])
  func anEncoderThatWasTrainedAlongIsEvaluated(tune: String) throws {
    try withDataset(pairs: 80) { data, out in
      let trained = try run(tuning(data, out, tune, ["--json"]))
      #expect(trained.status == 0, "\(trained.errors)")
      let log = try String(contentsOf: out.appendingPathComponent("log.jsonl"), encoding: .utf8)
      #expect(log.contains("\"event\":\"step\"") && log.contains("\"tokens\":"))
      let weights = tune == "lora:2" ? "adapter_model.safetensors" : "model.safetensors"
      #expect(FileManager.default.fileExists(atPath: out.appendingPathComponent("best/encoder/\(weights)").path))
      let text = ["--max-tokens", "48", "--cache", "none"]
      let own = try run(["evaluate", "--router", out.path, "--data", data.path, "--json"] + text)
      #expect(own.status == 0, "\(own.errors)")
      let named = try run(
        [
          "evaluate", "--router", out.path, "--data", data.path, "--json", "--encoder",
          out.appendingPathComponent("best/encoder").path,
        ] + text)
      #expect(named.output == own.output)
      // Behind the encoder as it was before the training the router is worth nothing.
      let old = try run(
        ["evaluate", "--router", out.path, "--data", data.path, "--encoder", checkpoint.path] + text)
      #expect(old.status != 0 && old.errors.contains("its features come from encoder"))
    }
  }

  @Test func anEncoderThatChangedIsNoticedAtResumption() throws {
    try withDataset(pairs: 60) { data, out in
      let copy = data.deletingLastPathComponent().appendingPathComponent("encoder")
      try FileManager.default.copyItem(at: checkpoint, to: copy)
      for (tune, folder) in [("last:1", out), ("frozen", out.appendingPathExtension("frozen"))] {
        let trained = try run(tuning(data, folder, tune, encoder: copy, ["--cache", "none"]))
        #expect(trained.status == 0, "\(trained.errors)")
      }
      let weights = copy.appendingPathComponent("model.safetensors")
      var bytes = try Data(contentsOf: weights)
      bytes[bytes.count - 3] ^= 1
      try bytes.write(to: weights)
      for (tune, folder) in [("last:1", out), ("frozen", out.appendingPathExtension("frozen"))] {
        let resumed = try run(
          tuning(data, folder, tune, encoder: copy, ["--cache", "none", "--resume"]))
        #expect(resumed.status != 0 && resumed.errors.contains("encoder was LlamaForCausalLM-"), "\(resumed.errors)")
      }
    }
  }

  /// A disk that takes no more: the run ends with an error that names the file, and goes on when there is room again.
  @Test func aFullDiskLosesNothing() throws {
    try withDataset(pairs: 100) { data, out in
      let whole = out.appendingPathExtension("whole")
      #expect(try run(arguments(data, whole)).status == 0)
      // No file may grow beyond 16 blocks of 512 bytes: the first state does not fit.
      let limited = try run(
        ["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"", executable("bayesrouter").path] + arguments(data, out),
        program: "/bin/sh")
      #expect(limited.status != 0 && limited.errors.contains("safetensors"), "\(limited.errors)")
      let names = try FileManager.default.contentsOfDirectory(atPath: out.path)
      #expect(!names.contains { $0.contains("tmp") || $0 == "state" })
      let resumed = try run(arguments(data, out, ["--resume"]))
      #expect(resumed.status == 0, "\(resumed.errors)")
      #expect(try bytes(out) == bytes(whole))
    }
  }
}
