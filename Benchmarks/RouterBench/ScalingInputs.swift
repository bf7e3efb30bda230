import CommandSupport
import ArgumentParser
import Foundation
import RouterKit

/// What a scaling study reads and prepares: all that can be wrong with the input is found here, before the run folder exists.
struct ScalingInputs {
  /// With at least as many reward models as the largest pool.
  let dataset: PreferenceDataset
  let dataName: String
  let isSynthetic: Bool
  /// Reward models whose judgements were recorded; the others are synthetic copies.
  let recordedCount: Int
  /// The pairs that are timed, no two of them with a common text, and further ones for calibration.
  let pairs: [PreferencePair]
  let calibrationPairs: [PreferencePair]
  let models: [any RewardModel]
  /// A transformer over both responses with a head as a trained router has it: its weights are random, and its price is the full one.
  let encoder: ContextEncoder
  let encoderModel: TransformerModel
  let rmConfiguration: TransformerConfiguration
  let rmWeightBytes: Int
  let rmLatency: Double
  let loadSeconds: Double

  static let calibrationCount = 4

  init(_ command: Scaling) throws {
    let largest = command.rms.sizes.upperBound
    let wide = try Self.dataset(command, largest: largest)
    (dataset, recordedCount) = wide
    isSynthetic = command.source.data == nil
    dataName = command.source.name.isEmpty ? "synthetic \(dataset.pairs.count)x\(recordedCount)" : command.source.name
    rmLatency = command.rmLatency
    let wanted = command.pairs + Self.calibrationCount
    let distinct = Self.distinctPairs(dataset.pairs, count: wanted, seed: command.seed)
    guard distinct.count == wanted else {
      throw ValidationError(
        "--pairs \(command.pairs): with \(Self.calibrationCount) more to calibrate by, \(wanted) pairs without a common text "
          + "are needed, and \(dataName) has \(distinct.count)")
    }
    pairs = Array(distinct.prefix(command.pairs))
    calibrationPairs = Array(distinct.suffix(Self.calibrationCount))

    let tokenizer =
      try command.tokenizer.map { try Tokenizer(contentsOf: URL(fileURLWithPath: $0)) }
      ?? WordTokenizer.make(
        distinct.flatMap { [$0.prompt.text, $0.responseA, $0.responseB] } + ["<|user|>: \n<|assistant|>: "])
    let queue = ForwardQueue()
    let clock = ContinuousClock()
    let start = clock.now
    let vocabulary = tokenizer.vocabularySize
    let configuration = command.rmShape.configuration(vocabulary: vocabulary, head: .sequenceClassification)
    rmConfiguration = configuration
    try Self.checkMemory(configuration, count: largest, precision: command.precision)
    let encoding =
      try command.encoder.map { try DialogueEncoder(folder: URL(fileURLWithPath: $0), maxTokens: command.maxTokens) }
      ?? DialogueEncoder(
        model: .random(
          command.encoderShape.configuration(vocabulary: vocabulary, head: .none), seed: command.seed,
          precision: command.precision), tokenizer: tokenizer,
        fingerprint: Fingerprint(Array("random weights \(command.seed)".utf8)), maxTokens: command.maxTokens)
    encoder = try Self.contextEncoder(encoding, queue: queue, seed: command.seed)
    encoderModel = encoding.model
    var bar = ProgressBar("make reward models", total: largest, unit: "models")
    let networks = try (0..<largest).map { arm in
      defer { bar.advance() }
      return try TransformerModel.random(
        configuration, seed: command.seed &+ 1000 &+ UInt64(arm), precision: command.precision)
    }
    bar.finish()
    rmWeightBytes = networks[0].weightByteCount
    models = try networks.enumerated().map { arm, network in
      let model = try TransformerRewardModel(
        name: "random-\(arm + 1)", model: network, tokenizer: tokenizer, format: .router, maxTokens: command.maxTokens,
        queue: queue)
      return command.rmLatency > 0 ? DelayedRewardModel(base: model, seconds: command.rmLatency) : model
    }
    loadSeconds = (clock.now - start).seconds
  }

  private static func dataset(_ command: Scaling, largest: Int) throws -> (PreferenceDataset, recordedCount: Int) {
    var source = command.source
    if source.data == nil, source.synthetic == nil {
      source.synthetic = SyntheticSize(pairs: 2000, rewardModels: min(largest, 64))
    }
    let dataset = try source.load(seed: command.seed)
    let recorded = dataset.rewardModels.count
    guard largest > recorded else { return (dataset, recorded) }
    guard let noise = command.replicaNoise else {
      throw ValidationError(
        "--rms: N = \(largest) is larger than the pool of \(recorded) reward models; choose at most \(recorded), or widen the pool "
          + "by synthetic copies with --replica-noise 1")
    }
    var generator = PhiloxGenerator(seed: command.seed, stream: "synthetic-copies")
    return (dataset.replicated(to: largest, noise: noise, using: &generator), recorded)
  }

  /// Labelled pairs in seeded order, each of which shares no text with those before: a score must not be known already.
  private static func distinctPairs(_ pairs: [PreferencePair], count: Int, seed: UInt64) -> [PreferencePair] {
    var generator = PhiloxGenerator(seed: seed, stream: "scaling-pairs")
    var texts: Set<Dialogue> = []
    var chosen: [PreferencePair] = []
    for index in generator.permutation(pairs.count) where chosen.count < count && pairs[index].label != nil {
      let own = Dialogue.both(of: [pairs[index]])
      guard own[0] != own[1], texts.isDisjoint(with: own) else { continue }
      texts.formUnion(own)
      chosen.append(pairs[index])
    }
    return chosen
  }

  private static func contextEncoder(
    _ encoder: DialogueEncoder, queue: ForwardQueue, seed: UInt64
  ) throws -> ContextEncoder {
    let router = OfflineRouter.random(
      featureCount: 2 * encoder.size, dimension: encoder.size, rewardModels: ["none"], encoder: encoder.name, seed: seed
    )
    // Without a cache each call computes all of its texts.
    let cached = CachedEncoder(encoder, queue: queue, workers: BLASRuntime.usableThreads)
    return try ContextEncoder(TransformerPairEncoder(cached), head: .trained(router))
  }

  private static func checkMemory(_ configuration: TransformerConfiguration, count: Int, precision: Precision) throws {
    let each =
      configuration.layerParameterCount * (precision == .bfloat16 ? 2 : 4) + configuration.embeddingParameterCount * 4
    let available = Double(ProcessInfo.processInfo.physicalMemory)
    guard Double(each * count) < 0.8 * available else {
      throw ValidationError(
        String(
          format:
            "--rm-shape: %d reward models of this shape take %.1f GiB, and this machine has %.1f; take a smaller shape, "
            + "fewer, or --precision bfloat16", count, Double(each * count) / 1_073_741_824, available / 1_073_741_824))
    }
  }
}

/// The content of `config.json`.
struct ScalingConfiguration: Encodable {
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
  let seeds: Int
  let seed: UInt64
  let contextDimension: Int
  let machine: Machine
  let blas: BLASRuntime
  let kernels: String

  init(command: Scaling, inputs: ScalingInputs) {
    data = inputs.dataName
    rms = Array(command.rms.sizes)
    rmShape = command.rmShape.name
    rmParameters = inputs.rmConfiguration.layerParameterCount
    encoder = command.encoder ?? command.encoderShape.name
    pairs = command.pairs
    batch = command.batchSizes
    maxTokens = command.maxTokens
    precision = command.precision
    rmLatencySeconds = command.rmLatency
    replicaNoise = command.replicaNoise
    seeds = command.seeds
    seed = command.seed
    contextDimension = inputs.encoder.dimension
    machine = .current
    blas = .current
    kernels = BLASRuntime.kernelLevel
  }
}
