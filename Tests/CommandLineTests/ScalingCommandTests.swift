import Foundation
import Storage
import Testing

/// Runs the built `router-bench scaling` with tiny models.
@Suite struct ScalingCommandTests {
  private static let tiny = [
    "--rm-shape", "1x64", "--encoder-shape", "1x64", "--pairs", "6", "--seeds", "1", "--synthetic", "60x4",
  ]

  private func scaling(_ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
    try run(["scaling"] + arguments, program: "router-bench")
  }

  /// One call and two scores a used pair at every N for each method that asks one model; N calls for those that ask all.
  @Test func callsAreCountedExactly() throws {
    try withTemporaryFolder { folder in
      let out = folder.appendingPathComponent("run")
      let result = try scaling(
        Self.tiny + ["--rms", "2-4", "--batch", "3,1", "--up-to", "16", "--out", out.path])
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.output.contains("SYNTHETIC") && result.output.contains("PROJECTION, not measured"))
      let summary = try JSONRecord(contentsOf: out.appendingPathComponent("summary.json"))
      let rows = try summary.records("rows")
      #expect(rows.count == 3 * 6)
      for row in rows {
        let method = try row.string("method")
        let rms = try row.integer("rms")
        let asksAll = method == "majority" || method == "uncertainty"
        #expect(try row.finite("rm_calls_per_pair") == (asksAll ? Double(rms) : 1), "\(method) \(rms)")
        #expect(try row.finite("rm_scores_per_pair") == (asksAll ? Double(2 * rms) : 2), "\(method) \(rms)")
        #expect(try row.integer("pairs") == 6)
        let stages = try ["rm_seconds", "encoder_seconds", "routing_seconds", "update_seconds"].map {
          try row.finite($0)
        }
        let wall = try row.finite("wall_seconds")
        #expect(stages[0] > 0 && stages.reduce(0, +) <= wall)
        let encodes = method == "bayesian-router" || method == "linucb"
        #expect((stages[1] > 0) == encodes, "\(method) \(stages)")
      }
      // The same texts for everybody: tokens go with calls.
      let tokens = try rows.map { try $0.finite("rm_tokens") / $0.finite("rm_calls_per_pair") }
      #expect(Set(tokens).count == 1)
      #expect(try summary.records("fits").count == 6)
      #expect(try summary.records("routing").map { try $0.integer("arms") } == [8, 16])
      #expect(try summary.records("other_batches").map { try $0.integer("batch") } == [1])
      let text = try String(contentsOf: out.appendingPathComponent("summary.json"), encoding: .utf8)
      #expect(text.contains("\"note\" : \"projection:"))
      let names = Set(try FileManager.default.contentsOfDirectory(atPath: out.path))
      #expect(
        names.isSuperset(of: [
          "config.json", "events.jsonl", "table.md", "table.csv", "wall-time.gp", "calls.gp", "pareto.gp",
        ]))
      let events = try String(contentsOf: out.appendingPathComponent("events.jsonl"), encoding: .utf8)
      // Two steps of three at three sizes and six of one at two, six methods each.
      #expect(events.split(separator: "\n").count == (2 * 3 + 6 * 2) * 6)
    }
  }

  @Test func aPoolThatIsTooSmallIsSaidBeforeAnythingIsWritten() throws {
    try withTemporaryFolder { folder in
      let out = folder.appendingPathComponent("run").path
      for (options, text) in [
        (["--rms", "4-8"], "N = 8 is larger than the pool of 4"),
        (["--rms", "2", "--pairs", "58"], "without a common text"),
        (["--rms", "2", "--rm-shape", "3x100"], "rm-shape"), (["--rms", "2", "--batch", "0"], "--batch"),
        (["--rms", "2", "--rm-shape", "512x16384"], "GiB"),
      ] {
        let result = try scaling(Self.tiny + ["--out", out] + options)
        #expect(result.status != 0 && result.errors.contains(text), "\(options): \(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: out))
      }
      let wide = try scaling(Self.tiny + ["--rms", "5", "--replica-noise", "1", "--out", out])
      #expect(wide.status == 0, "\(wide.errors)")
    }
  }
}
