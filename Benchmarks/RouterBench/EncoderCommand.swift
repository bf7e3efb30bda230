import CommandSupport
import ArgumentParser
import Foundation
import RouterKit

/// `router-bench encoder`: how fast a checkpoint encodes, against what the machine can do.
struct EncoderSpeed: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "encoder",
    abstract: "Time the encoder by batch and length: tokens/s, GFLOP/s, memory.",
    discussion: """
      Works: BxL encodes B texts of L tokens; ragged, 16 texts of 40 to 900; pairs, the texts behind one query of the published \
      pair pipeline (6 responses of 256 tokens to a prompt of 64, 15 pairs). Each repetition takes turns with an sgemm of OpenBLAS, \
      so that whatever else the machine does meets both; figures are medians after a warm-up. GFLOP/s count the operations \
      that are carried out: no masked half of attention, the last layer for the pooled tokens alone.

      EXAMPLES
        router-bench encoder --shape smollm2-135m
        router-bench encoder --model SmolLM2-135M --work 8x256,8x1024 --precision bfloat16 --repetitions 9
      """)

  @Option(help: "A checkpoint's folder.")
  var model: String?
  @Option(help: "Random weights of a shape instead: smollm2-135m.")
  var shape: Shape?
  @Option(help: "Works, separated by commas.")
  var work = EncoderWork.allNames.joined(separator: ",")
  @Option(help: "float32 or bfloat16.")
  var precision = Precision.float32
  @Option(help: "Timed runs of each work.")
  var repetitions = 5
  @Option(help: "Threads; 0 leaves the library's own choice.")
  var threads = 0
  @Option(help: "Seed of tokens and random weights.")
  var seed: UInt64 = 1
  @Flag(help: "Print one JSON object a line, one for each work.")
  var json = false

  enum Shape: String, ExpressibleByArgument, CaseIterable {
    case smolLM2 = "smollm2-135m"
  }

  struct Row: Encodable {
    let work: String
    let precision: Precision
    let tokens: Int
    let texts: Int
    let seconds: [Double]
    let medianSeconds: Double
    let p95Seconds: Double
    let tokensPerSecond: Double
    let gigaflops: Double
    let sgemmGigaflops: Double
    let shareOfSgemm: Double
    let readySeconds: Double
    let weightBytes: Int
    let scratchBytes: Int
    let peakMemoryBytes: Int
    let threads: Int
    let kernels: String
    let blasCore: String
    let seed: UInt64
    /// The sum of all pooled elements: equal for equal seeds.
    let checksum: Double
  }

  func validate() throws {
    guard (model == nil) != (shape == nil) else { throw ValidationError("give one of --model and --shape") }
    guard repetitions > 0, threads >= 0 else {
      throw ValidationError("--repetitions is at least 1, --threads at least 0")
    }
  }

  func run() throws {
    if threads > 0 { BLASRuntime.setThreads(threads) }
    let clock = ContinuousClock()
    let start = clock.now
    let network = try load()
    let ready = (clock.now - start).seconds
    let works = try work.commaSeparated.map { name in
      guard
        let work = EncoderWork(
          name, vocabulary: network.configuration.vocabSize,
          sharesPrefix: network.canSharePrefix(length: 320), seed: seed)
      else { throw ValidationError("--work: '\(name)' is none of BxL, ragged, pairs") }
      return work
    }
    var scratch = ForwardScratch()
    var bar = ProgressBar("encoder", total: works.count * repetitions, unit: "runs")
    var rows: [Row] = []
    for work in works {
      rows.append(try measure(work, network, ready: ready, scratch: &scratch) { bar.advance() })
    }
    bar.finish()
    if json {
      for row in rows { print(String(decoding: try JSONText.line(row, keys: .snakeCase), as: UTF8.self)) }
    } else {
      printTable(rows, network)
    }
  }

  private func load() throws -> TransformerModel {
    if let model { return try TransformerModel(folder: URL(fileURLWithPath: model), precision: precision) }
    return try .random(.smolLM2, seed: seed, precision: precision)
  }

  private func measure(
    _ work: EncoderWork, _ network: TransformerModel, ready: Double, scratch: inout ForwardScratch,
    each: () -> Void
  ) throws -> Row {
    let size = 1536
    let ones = Matrix<Float>(rows: size, columns: size, repeating: 1)
    var product = ones
    var checksum = 0.0
    var seconds: [Double] = []
    var sgemm: [Double] = []
    let clock = ContinuousClock()
    for repetition in 0...repetitions {
      let matrixTime = clock.measure { gemm(1, ones, .asIs, ones, .asIs, 0, into: &product) }
      let start = clock.now
      let pooled = try network.pooled(work.batch, segments: work.ends, scratch: &scratch)
      let elapsed = (clock.now - start).seconds
      checksum = pooled.elements.reduce(0) { $0 + Double($1) }
      guard repetition > 0 else { continue }
      seconds.append(elapsed)
      sgemm.append(2 * pow(Double(size), 3) / matrixTime.seconds / 1e9)
      each()
    }
    let sorted = seconds.sorted()
    let median = sorted[sorted.count / 2]
    let peak = sgemm.sorted()[sgemm.count / 2]
    let rows = network.pooling.kind.isOneRow ? work.ends.map { work.batch.lastRow(of: $0) } : nil
    let gigaflops = network.configuration.operations(work.batch, rows: rows) / median / 1e9
    return Row(
      work: work.name, precision: precision, tokens: work.batch.tokens.count, texts: work.ends.count, seconds: seconds,
      medianSeconds: median, p95Seconds: sorted[min(sorted.count - 1, sorted.count * 95 / 100)],
      tokensPerSecond: Double(work.batch.tokens.count) / median, gigaflops: gigaflops, sgemmGigaflops: peak,
      shareOfSgemm: gigaflops / peak, readySeconds: ready, weightBytes: network.weightByteCount,
      scratchBytes: scratch.byteCount, peakMemoryBytes: ProcessMemory.peakResidentBytes ?? 0,
      threads: BLASRuntime.usableThreads, kernels: BLASRuntime.kernelLevel, blasCore: BLASRuntime.current.coreAfter,
      seed: seed, checksum: checksum)
  }

  private func printTable(_ rows: [Row], _ network: TransformerModel) {
    guard let first = rows.first else { return }
    func mebibytes(_ bytes: Int) -> String { String(format: "%.0f MiB", Double(bytes) / 1_048_576) }
    print(
      """
      \(Machine.current.summary)
      \(network.name): \(network.configuration.architecture), \(first.precision.rawValue); kernels \(first.kernels), \
      \(first.threads) threads, seed \(seed), \(repetitions) repetitions after one warm-up
      ready in \(String(format: "%.2f s", first.readySeconds)), weights \(mebibytes(first.weightBytes)), \
      sgemm of OpenBLAS on \(first.blasCore)

      """)
    var table = Table([
      .init("work"), .init("tokens", .right), .init("median s", .right), .init("p95 s", .right),
      .init("tokens/s", .right), .init("GFLOP/s", .right), .init("sgemm GFLOP/s", .right), .init("share", .right),
      .init("scratch", .right), .init("peak memory", .right),
    ])
    for row in rows {
      table.append([
        row.work, "\(row.tokens)", String(format: "%.3f", row.medianSeconds), String(format: "%.3f", row.p95Seconds),
        String(format: "%.0f", row.tokensPerSecond), String(format: "%.0f", row.gigaflops),
        String(format: "%.0f", row.sgemmGigaflops), String(format: "%.0f %%", 100 * row.shareOfSgemm),
        mebibytes(row.scratchBytes), mebibytes(row.peakMemoryBytes),
      ])
    }
    print(table.terminal())
  }
}

extension Duration {
  /// The duration in seconds.
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
