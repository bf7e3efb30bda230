import CommandSupport
import ArgumentParser
import Foundation
import RouterKit

/// `router-bench train`: how fast a router is fine-tuned together with its transformer, against what the machine can do.
struct TrainSpeed: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Time steps of fine-tuning a transformer under router heads: seconds, tokens/s, GFLOP/s, memory.",
    discussion: """
      One step: the packed forward pass over both texts of each pair, pair features, the heads of four reward models, the \
      backward pass, the norm of all gradients and its clipping, AdamW over all trained parameters, a check that these are \
      finite, and the model packed anew.

      Work BxL is B pairs of two texts of L tokens; with --prompt P the first P tokens of a pair's texts are the same, and go \
      through the model once, as in `bayesrouter train`. Tokens/s count the texts' tokens either way. Each step takes turns \
      with an sgemm of OpenBLAS, so that whatever else the machine does meets both; figures are medians after a warm-up. \
      GFLOP/s count the operations that are carried out: no masked half of attention, the last layer for the pooled tokens \
      alone.

      EXAMPLES
        router-bench train --shape smollm2-135m
        router-bench train --shape smollm2-135m --prompt 78
        router-bench train --model SmolLM2-135M --tune last:4 --checkpointing --json
      """)

  @Option(help: "A checkpoint's folder.")
  var model: String?
  @Option(help: "Random weights of a shape instead: smollm2-135m, small, tiny, or LAYERSxHIDDEN.")
  var shape: ModelShape?
  @Option(help: "Pairs x tokens of a text.")
  var work = Work(pairs: 8, tokens: 256)
  @Option(help: "Tokens at the start of a text that are those of the pair's other text.")
  var prompt = 0
  @Option(help: "full, or last:K for the last K layers and the final norm. The heads always are.")
  var tune = EncoderTuning.full
  @Flag(help: "Keep only each layer's input, and compute the rest anew in the backward pass.")
  var checkpointing = false
  @Option(help: "Timed steps.")
  var repetitions = 3
  @Option(help: "Threads; 0 leaves the library's own choice.")
  var threads = 0
  @Option(help: "Seed of tokens, targets and random weights.")
  var seed: UInt64 = 1
  @Flag(help: "Print one JSON object.")
  var json = false

  struct Work: ExpressibleByArgument {
    let pairs: Int
    let tokens: Int

    init(pairs: Int, tokens: Int) { (self.pairs, self.tokens) = (pairs, tokens) }

    init?(argument: String) {
      let sizes = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
      guard sizes.count == 2, sizes.allSatisfy({ (1...1 << 16).contains($0) }) else { return nil }
      self.init(pairs: sizes[0], tokens: sizes[1])
    }

    var defaultValueDescription: String { "\(pairs)x\(tokens)" }
  }

  /// What is trained, and how many layers of `count` that is; nil for what is not measured here.
  private func trained(of count: Int) -> (part: TrainedPart, layers: Int)? {
    switch tune {
    case .full: (.all, count)
    case .lastLayers(let last): (.lastLayers(last), min(last, count))
    case .frozen, .lowRank: nil
    }
  }

  struct Report: Encodable {
    let work: String
    let prompt: Int
    let tune: String
    let checkpointing: Bool
    let tokens: Int
    /// Those that go through the model.
    let computedTokens: Int
    let trainedParameters: Int
    let seconds: [Double]
    let medianSeconds: Double
    let tokensPerSecond: Double
    let gigaflops: Double
    let sgemmGigaflops: Double
    let shareOfSgemm: Double
    /// Medians of the parts of a step.
    let forwardSeconds: Double
    let headsSeconds: Double
    let backwardSeconds: Double
    let optimizerSeconds: Double
    let packingSeconds: Double
    let peakMemoryBytes: Int
    let threads: Int
    let kernels: String
    let blasCore: String
    let seed: UInt64
    /// Before each step, the warm-up first.
    let losses: [Double]
    let gradientNorms: [Double]
  }

  static let arms = 4

  func validate() throws {
    guard (model == nil) != (shape == nil) else { throw ValidationError("give one of --model and --shape") }
    guard trained(of: 1) != nil else { throw ValidationError("--tune \(tune) is not measured: full or last:K") }
    guard (0..<work.tokens).contains(prompt) else {
      throw ValidationError("--prompt \(prompt) leaves nothing of a text of \(work.tokens) tokens")
    }
    guard repetitions > 0, threads >= 0 else {
      throw ValidationError("--repetitions is at least 1, --threads at least 0")
    }
  }

  func run() throws {
    if threads > 0 { BLASRuntime.setThreads(threads) }
    let report = try measure()
    if json {
      print(String(decoding: try JSONText.line(report, keys: .snakeCase), as: UTF8.self))
    } else {
      printTable(report)
    }
  }

  private func load() throws -> TrainableTransformer {
    let part = trained(of: 1)?.part ?? .all
    if let model { return try TrainableTransformer(folder: URL(fileURLWithPath: model), trained: part) }
    let shape = shape ?? .smolLM2
    let configuration = shape.configuration(vocabulary: TransformerConfiguration.smolLM2.vocabSize, head: .none)
    return TrainableTransformer(configuration, seed: seed, trained: part)
  }

  private func measure() throws -> Report {
    let workers = BLASRuntime.usableThreads
    // Nothing else holds the model, or its parameters would be copied at the first step.
    var run = TimedTraining(
      try load(), arms: Self.arms, isCheckpointing: checkpointing, threads: workers, seed: seed)
    let configuration = run.transformer.configuration
    let work = TrainingWork(
      pairs: work.pairs, length: work.tokens, prompt: prompt, arms: Self.arms, vocabulary: configuration.vocabSize,
      seed: seed)
    let size = 1536
    let ones = Matrix<Float>(rows: size, columns: size, repeating: 1)
    var product = ones
    var steps: [TimedTraining.Phases] = []
    var sgemm: [Double] = []
    var losses: [Double] = []
    var norms: [Double] = []
    let clock = ContinuousClock()
    var bar = ProgressBar("train", total: repetitions, unit: "steps")
    for repetition in 0...repetitions {
      let matrixTime = clock.measure { gemm(1, ones, .asIs, ones, .asIs, 0, into: &product) }
      let (loss, norm, phases) = try run.step(work)
      losses.append(loss)
      norms.append(norm)
      guard repetition > 0 else { continue }
      steps.append(phases)
      sgemm.append(2 * pow(Double(size), 3) / matrixTime.seconds / 1e9)
      bar.advance()
    }
    bar.finish()
    func median(_ value: (TimedTraining.Phases) -> Double) -> Double { steps.map(value).sorted()[steps.count / 2] }
    let seconds = median(\.total)
    let peak = sgemm.sorted()[sgemm.count / 2]
    let rows = run.transformer.pooling.kind.isOneRow ? work.rows : nil
    let trained = trained(of: configuration.numHiddenLayers)?.layers ?? 0
    let operations = configuration.trainingOperations(
      work.batch, rows: rows, trained: trained, isCheckpointing: checkpointing)
    return Report(
      work: self.work.defaultValueDescription, prompt: prompt, tune: tune.description, checkpointing: checkpointing,
      tokens: work.textTokens, computedTokens: work.batch.tokens.count, trainedParameters: run.trainedParameters,
      seconds: steps.map(\.total), medianSeconds: seconds, tokensPerSecond: Double(work.textTokens) / seconds,
      gigaflops: operations / seconds / 1e9, sgemmGigaflops: peak, shareOfSgemm: operations / seconds / 1e9 / peak,
      forwardSeconds: median(\.forward), headsSeconds: median(\.heads), backwardSeconds: median(\.backward),
      optimizerSeconds: median(\.optimizer), packingSeconds: median(\.packing),
      peakMemoryBytes: ProcessMemory.peakResidentBytes ?? 0, threads: workers, kernels: BLASRuntime.kernelLevel,
      blasCore: BLASRuntime.current.coreAfter, seed: seed, losses: losses, gradientNorms: norms)
  }

  private func printTable(_ report: Report) {
    func seconds(_ value: Double) -> String { String(format: "%.3f", value) }
    print(
      """
      \(Machine.current.summary)
      \(model ?? shape?.name ?? "") in float32, \(report.trainedParameters) parameters trained; kernels \(report.kernels), \
      \(report.threads) threads, seed \(seed), \(repetitions) steps after one warm-up; sgemm of OpenBLAS on \(report.blasCore)

      """)
    var table = Table([
      .init("work"), .init("tune"), .init("tokens", .right), .init("computed", .right), .init("median s", .right),
      .init("tokens/s", .right), .init("GFLOP/s", .right), .init("sgemm GFLOP/s", .right), .init("share", .right),
      .init("peak memory", .right),
    ])
    table.append([
      report.work, report.tune, "\(report.tokens)", "\(report.computedTokens)", seconds(report.medianSeconds),
      String(format: "%.0f", report.tokensPerSecond), String(format: "%.0f", report.gigaflops),
      String(format: "%.0f", report.sgemmGigaflops), String(format: "%.0f %%", 100 * report.shareOfSgemm),
      String(format: "%.0f MiB", Double(report.peakMemoryBytes) / 1_048_576),
    ])
    print(table.terminal())
    print(
      """

      forward \(seconds(report.forwardSeconds)) s, heads \(seconds(report.headsSeconds)) s, backward \
      \(seconds(report.backwardSeconds)) s, optimizer \(seconds(report.optimizerSeconds)) s, packing \
      \(seconds(report.packingSeconds)) s
      loss before each step: \(report.losses.map { String(format: "%.6f", $0) }.joined(separator: ", "))
      """)
  }
}
