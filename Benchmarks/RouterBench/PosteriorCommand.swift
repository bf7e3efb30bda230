import CommandSupport
import ArgumentParser
import Foundation
import RouterKit

/// `router-bench posterior`: what one decision and one update cost.
struct Posterior: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time decisions and updates of the online router against the limits of this machine.",
    discussion: """
      Medians over repetitions after a warm-up. `read_write_factor` is the time that one read and one write of the factor's
      triangle take at the measured one-thread bandwidth; `refactorize` makes the factor anew from the summed precision.

      EXAMPLES
        router-bench posterior
        router-bench posterior --dimension 64,384,576,2048 --arms 4 --json
      """)

  @Option(help: "Sizes d of the context, separated by commas.")
  var dimension = "576"
  @Option(help: "Number of arms.")
  var arms = 8
  @Option(help: "Timed runs of each work.")
  var repetitions = 31
  @Option(help: "Seed of contexts and draws.")
  var seed: UInt64 = 1
  @Option(help: "BLAS threads; 0 leaves the library's own choice.")
  var threads = 0
  @Flag(help: "Print one JSON object.")
  var json = false

  struct Row: Encodable {
    let work: String
    let dimension: Int
    let arms: Int
    let medianMicroseconds: Double
    let p95Microseconds: Double
    /// Useful operations a second, where the work is one of arithmetic.
    let gigaflops: Double?

    enum CodingKeys: String, CodingKey {
      case work, dimension, arms, gigaflops
      case medianMicroseconds = "median_microseconds"
      case p95Microseconds = "p95_microseconds"
    }
  }

  private struct Report: Encodable {
    let blas: BLASRuntime
    let seed: UInt64
    let repetitions: Int
    let speed: MachineSpeed
    let rows: [Row]
  }

  func validate() throws {
    guard arms > 0, repetitions > 0, threads >= 0 else {
      throw ValidationError("--arms and --repetitions are at least 1, --threads at least 0")
    }
    _ = try dimensions()
  }

  private func dimensions() throws -> [Int] {
    let sizes = dimension.commaSeparated.map { Int($0) ?? 0 }
    guard sizes.allSatisfy({ $0 > 0 }) else {
      throw ValidationError("--dimension takes positive whole numbers separated by commas, not '\(dimension)'")
    }
    return sizes
  }

  func run() throws {
    if threads > 0 { BLASRuntime.setThreads(threads) }
    let speed = MachineSpeed.measure()
    let rows = try dimensions().flatMap { try measure(dimension: $0, speed: speed) }
    let report = Report(blas: .current, seed: seed, repetitions: repetitions, speed: speed, rows: rows)
    if json { return try printJSON(report, keys: .asDeclared) }
    print(
      "BLAS core \(report.blas.coreAfter), \(report.blas.threads) threads, seed \(seed), \(repetitions) repetitions; "
        + String(format: "dgemm %.0f GFLOP/s, %.1f GB/s", speed.dgemmGigaflops, speed.bandwidthOneThread))
    var table = Table([
      .init("work"), .init("d", .right), .init("arms", .right), .init("median us", .right), .init("p95 us", .right),
      .init("GFLOP/s", .right),
    ])
    for row in rows {
      table.append([
        row.work, String(row.dimension), String(row.arms), String(format: "%.1f", row.medianMicroseconds),
        String(format: "%.1f", row.p95Microseconds), row.gigaflops.map { String(format: "%.1f", $0) } ?? "",
      ])
    }
    print(table.terminal())
  }

  private func measure(dimension d: Int, speed: MachineSpeed) throws -> [Row] {
    var generator = PhiloxGenerator(seed: seed, stream: "posterior-benchmark")
    func contexts(_ count: Int) -> Matrix<Double> {
      let scale = 1 / Double(d).squareRoot()
      return Matrix(rows: count, columns: d, elements: generator.normals(count * d).map { $0 * scale })
    }
    let prior = GaussianPrior(dimension: d, variance: 1)
    var router = ThompsonSamplingRouter(
      armNames: (0..<arms).map { "arm \($0)" }, priors: [GaussianPrior](repeating: prior, count: arms))
    let history = contexts(64)
    for arm in 0..<arms {
      try router.observe(
        (0..<64).map { Observation(arm: arm, context: Array(history.row($0)), reward: Double($0 % 2)) })
    }

    let batch = contexts(480)
    let few = contexts(32)
    let one = Array(batch.row(0))
    let oneOfBatch = (0..<few.rows).map { Observation(arm: 0, context: Array(few.row($0)), reward: Double($0 % 2)) }
    var failure: (any Error)?
    func attempt(_ work: () throws -> Void) {
      do { try work() } catch { failure = error }
    }
    func row(_ work: String, operations: Double? = nil, _ body: () -> Void) -> Row {
      let seconds = wallSeconds(repetitions: repetitions, body)
      return Row(
        work: work, dimension: d, arms: arms, medianMicroseconds: seconds.median * 1e6,
        p95Microseconds: seconds.p95 * 1e6,
        gigaflops: operations.map { $0 / seconds.median / 1e9 })
    }
    let size = Double(d)
    var solved = batch
    let factors = router.arms.map(\.posterior.factor.factor)
    let factor = factors[0]
    var posterior = router.arms[0].posterior
    var rows = [
      row("decision") { attempt { _ = try router.select(context: one, using: &generator) } },
      row("decision_batch_480") { attempt { _ = try router.select(contexts: batch, using: &generator) } },
      row("triangular_solve_480", operations: size * size * 480) {
        // In place: a fresh copy would pay for new pages, which a decision pays elsewhere.
        solved.elements.replaceSubrange(solved.elements.indices, with: batch.elements)
        trsm(factor, right: &solved)
      },
      row("all_triangular_solves_480", operations: size * size * 480 * Double(arms)) {
        _ = concurrentMap(arms) { arm in
          var solved = batch
          trsm(factors[arm], right: &solved)
          return solved
        }
      },
      row("update") { attempt { try router.observe(arm: 0, context: one, reward: 1) } },
      row("update_batch_32") { attempt { try router.observe(oneOfBatch) } },
      row("refactorize") { attempt { try posterior.refactorize() } },
    ]
    var product = Matrix<Double>(rows: 480, columns: d)
    rows.append(
      row("dgemm_480", operations: 2 * size * size * 480) { gemm(1, batch, .asIs, factor, .asIs, 0, into: &product) })
    let microseconds = size * (size + 1) / 2 * 8 * 2 / speed.bandwidthOneThread / 1e3
    rows.append(
      Row(
        work: "read_write_factor", dimension: d, arms: arms, medianMicroseconds: microseconds,
        p95Microseconds: microseconds, gigaflops: nil))
    if let failure { throw failure }
    return rows
  }
}
