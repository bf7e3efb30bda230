import CommandSupport
import ArgumentParser
import Foundation
import RouterKit

/// `router-bench scaling`: O(1) routing against O(N) voting, measured.
struct Scaling: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure what labelling a pair costs as the pool grows: one reward model a pair against all of them.",
    discussion: """
      For each number N of reward models the same pairs go through the Bayesian router, LinUCB, majority vote, the \
      uncertainty-weighted ensemble, a random and a single reward model. The reward models are transformers of the given shape that \
      run in this process (random weights: they cost what trained ones cost and know nothing), and so is the encoder unless \
      --encoder names a checkpoint. Batches are the outer loop, sizes and methods the inner one in turning order.

      Accuracies are those of a replay over ALL pairs of the data with the judgements that it records (means over the sub-pools of N, \
      at most 12 of them; routers see hashed contexts, pair by pair); without --data the data is synthetic, and its accuracies say nothing about real reward models.

      RUN receives config.json, events.jsonl (a line a batch), summary.json (rows: one a method and N, seconds summed over its \
      pairs), table.md, table.csv and plots.

      EXAMPLES
        router-bench scaling --rms 4-8 --out runs/scaling
        router-bench scaling --rms 4-8 --rm-shape 30x1152 --pairs 16 --out runs/four-times
        router-bench scaling --rms 4-5 --data judgebench --max-tokens 256 --out runs/judgebench
        router-bench scaling --rms 4-8 --up-to 64 --rm-shape tiny --encoder-shape tiny --out runs/quick
      """)

  @Option(help: "Numbers of reward models, e.g. 4-8.")
  var rms: ArmRange
  @Option(help: "Also the router's own cost, without reward models, at 8, 16, 32, … arms up to this many.")
  var upTo: Int?
  @Option(help: "The reward models' shape: smollm2-135m, small (12x384), tiny (4x128), or LAYERSxHIDDEN.")
  var rmShape = ModelShape.smolLM2
  @Option(help: "The encoder's shape.")
  var encoderShape = ModelShape.smolLM2
  @Option(help: "A Hugging Face checkpoint's folder as the encoder, instead of a shape.")
  var encoder: String?
  @OptionGroup var source: DataOptions
  @Option(
    help: """
      Widen a recorded pool by SYNTHETIC copies of its models, whose score differences get noise of this many times their usual size.
      """)
  var replicaNoise: Double?
  @Option(help: "Pairs that each method labels at each N.")
  var pairs = 24
  @Option(
    help: "Pairs a step, separated by commas; the first is measured at every N, others at the least and the most.")
  var batch = "4,1"
  @Option(help: "Tokens of a text; the start of a longer one is cut.")
  var maxTokens = 1024
  @Option(help: "A tokenizer.json for texts; by default one is made of the texts' own words.")
  var tokenizer: String?
  @Option(help: "float32 or bfloat16.")
  var precision = Precision.float32
  @Option(
    help: "SYNTHETIC seconds that each call of a reward model waits before it computes, as for a server elsewhere.")
  var rmLatency = 0.0
  @OptionGroup var judging: TieOptions
  @Option(help: "Runs of each learning method behind the accuracies.")
  var seeds = 5
  @Option(help: "The seed of everything.")
  var seed: UInt64 = 1
  @Option(help: "Threads; 0 leaves the library's own choice.")
  var threads = 0
  @Option(help: "The run folder; must not exist.")
  var out: String
  @Flag(help: "Print the summary as one JSON object instead of the tables.")
  var json = false

  func validate() throws {
    guard pairs > 0, threads >= 0, maxTokens >= 8, seeds > 0 else {
      throw ValidationError("--pairs and --seeds are at least 1, --threads at least 0, --max-tokens at least 8")
    }
    guard rmLatency >= 0, rmLatency.isFinite else { throw ValidationError("--rm-latency is at least 0 seconds") }
    if let upTo, !(8...1024).contains(upTo) { throw ValidationError("--up-to is a number of arms from 8 to 1024") }
    if let replicaNoise, !(replicaNoise >= 0 && replicaNoise.isFinite) {
      throw ValidationError("--replica-noise is a number from 0 on")
    }
    let sizes = batchSizes
    guard sizes.allSatisfy({ $0 > 0 && $0 <= pairs }), Set(sizes).count == sizes.count else {
      throw ValidationError("--batch takes different numbers from 1 to --pairs, separated by commas")
    }
  }

  var batchSizes: [Int] { batch.commaSeparated.map { Int($0) ?? 0 } }

  func run() async throws {
    if threads > 0 { BLASRuntime.setThreads(threads) }
    var progress = ProgressDisplay()
    let inputs = try setup { progress.show($0) }
    let folder = try RunFolder(
      at: URL(fileURLWithPath: out), configuration: ScalingRunConfiguration(command: self, inputs: inputs))
    let accuracy = try await ScalingAccuracy(inputs, seeds: seeds) { progress.show($0) }
    let bench = try await ScalingBench(inputs) { progress.show($0) }

    var generator = PhiloxGenerator(seed: seed, stream: "scaling-intervals")
    var reports: [(batch: Int, report: ScalingReport)] = []
    for (index, size) in batchSizes.enumerated() {
      let sizes = index == 0 ? Array(rms.sizes) : Array(Set([rms.sizes.lowerBound, rms.sizes.upperBound])).sorted()
      let samples = try await bench.measure(
        sizes: sizes, batch: size, onProgress: { progress.show($0) }, record: { try folder.record($0) })
      reports.append((size, ScalingReport(samples, using: &generator)))
    }
    let overlap = try await bench.overlap(rms: rms.sizes.upperBound, batch: batchSizes[0]) { progress.show($0) }
    let routing = try routingCosts(dimension: bench.study.encoder.dimension)
    let results = ScalingResults(
      reports: reports, accuracy: accuracy, coldCalls: bench.coldCalls, overlap: overlap, routing: routing,
      projection: CostProjection(), inputs: inputs)
    try ScalingOutput(results, folder: folder).finish(json: json)
  }

  /// All that can be wrong with the input is found here, before the run folder exists.
  private func setup(onProgress: (WorkProgress) -> Void) throws -> ScalingSetup {
    var source = source
    if source.data == nil, source.synthetic == nil {
      source.synthetic = SyntheticSize(pairs: 2000, rewardModels: min(rms.sizes.upperBound, 64))
    }
    var configuration = ScalingConfiguration(sizes: rms.sizes)
    configuration.rewardModelShape = rmShape
    configuration.encoderShape = encoderShape
    configuration.encoderFolder = encoder.map { URL(fileURLWithPath: $0) }
    configuration.pairs = pairs
    configuration.maxTokens = maxTokens
    configuration.tokenizer = tokenizer.map { URL(fileURLWithPath: $0) }
    configuration.precision = precision
    configuration.latencySeconds = rmLatency
    configuration.replicaNoise = replicaNoise
    configuration.seed = seed
    configuration.ties = judging.ties
    configuration.dataName = source.name
    configuration.isSynthetic = source.data == nil
    do {
      return try ScalingSetup(configuration, recorded: source.load(seed: seed), onProgress: onProgress)
    } catch let error as StudyError {
      throw ValidationError(text(of: error))
    }
  }

  /// An error in the words of the options that can mend it.
  private func text(of error: StudyError) -> String {
    switch error {
    case .poolTooNarrow: "--rms: \(error) with --replica-noise 1"
    case .tooFewDistinctPairs:
      "--pairs \(pairs): with \(ScalingSetup.calibrationCount) more to calibrate by, \(error)"
    case .tooLarge: "--rm-shape: \(error)"
    default: "\(error)"
    }
  }

  /// 8, 16, 32, … and `upTo` itself.
  private func routingCosts(dimension: Int) throws -> [RoutingCost] {
    guard let upTo else { return [] }
    var arms = [8]
    while let last = arms.last, last * 2 < upTo { arms.append(last * 2) }
    if upTo > 8 { arms.append(upTo) }
    return try arms.map { try RoutingCost(arms: $0, dimension: dimension, batch: 32, seed: seed) }
  }
}

/// The content of `config.json`.
struct ScalingRunConfiguration: Encodable {
  let command = "router-bench scaling"
  let data: String
  let rms: [Int]
  let rmShape: String
  let rmParameters: Int
  let encoder: String
  let pairs: Int
  let batch: [Int]
  let maxTokens: Int
  let precision: Precision
  let rmLatencySeconds: Double
  let replicaNoise: Double?
  let ties: TieRule
  let seeds: Int
  let seed: UInt64
  let contextDimension: Int
  let machine: Machine
  let blas: BLASRuntime
  let kernels: String

  init(command: Scaling, inputs: ScalingSetup) {
    data = inputs.configuration.dataName
    rms = Array(command.rms.sizes)
    rmShape = command.rmShape.name
    rmParameters = inputs.rewardModelConfiguration.layerParameterCount
    encoder = command.encoder ?? command.encoderShape.name
    pairs = command.pairs
    batch = command.batchSizes
    maxTokens = command.maxTokens
    precision = command.precision
    rmLatencySeconds = command.rmLatency
    replicaNoise = command.replicaNoise
    ties = command.judging.ties
    seeds = command.seeds
    seed = command.seed
    contextDimension = inputs.encoder.dimension
    machine = .current
    blas = .current
    kernels = BLASRuntime.kernelLevel
  }
}
