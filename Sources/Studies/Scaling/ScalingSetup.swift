import Dialogues
import Foundation
import LinearAlgebra
import PreferenceData
import Randomness
import Reporting
import RewardModels
import Routing
import Storage
import Tokenization
import Transformers

/// How a scaling study is set up.
public struct ScalingConfiguration: Sendable {
  /// Numbers of reward models.
  public var sizes: ClosedRange<Int>
  public var rewardModelShape = ModelShape.smolLM2
  public var encoderShape = ModelShape.smolLM2
  /// A Hugging Face checkpoint's folder as the encoder, instead of a shape.
  public var encoderFolder: URL?
  /// Pairs that each method labels at each size.
  public var pairs = 24
  /// Tokens of a text; the start of a longer one is cut.
  public var maxTokens = 1024
  /// A tokenizer.json for texts; nil makes one of the texts' own words.
  public var tokenizer: URL?
  public var precision = Precision.float32
  /// SYNTHETIC seconds that each call of a reward model waits before it computes, as for a server elsewhere.
  public var latencySeconds = 0.0
  /// Widens a recorded pool by SYNTHETIC copies of its models, whose score differences get noise of this many times their usual size; nil
  /// widens none.
  public var replicaNoise: Double?
  public var seed: UInt64 = 1
  /// What reports call the data, and whether its judgements are SYNTHETIC.
  public var dataName = "the data"
  public var isSynthetic = false

  public init(sizes: ClosedRange<Int>) { self.sizes = sizes }
}

/// What a scaling study prepares: all that can be wrong with the input is found here.
public struct ScalingSetup: Sendable {
  /// Pairs by which ensembles bring the models' scores to one scale.
  public static let calibrationCount = 4

  public let configuration: ScalingConfiguration
  /// The pairs and judgements, of at least as many reward models as the largest pool has.
  public let dataset: PreferenceDataset
  /// Reward models whose judgements were recorded; the others are synthetic copies.
  public let recordedCount: Int
  /// The pairs that are timed, no two of them with a common text, and further ones for calibration.
  public let pairs: [PreferencePair]
  public let calibrationPairs: [PreferencePair]
  public let models: [any RewardModel]
  /// A transformer over both responses with a head as a trained router has it: the head's weights are random, and its price is the
  /// full one.
  public let encoder: ContextEncoder
  public let encoderModel: TransformerModel
  public let rewardModelConfiguration: TransformerConfiguration
  public let rewardModelWeightBytes: Int
  public let loadSeconds: Double

  /// - Parameters:
  ///   - recorded: pairs with the judgements of its models.
  ///   - onProgress: told as models are made.
  /// - Throws: `StudyError`; what tokenizer and checkpoint throw.
  public init(
    _ configuration: ScalingConfiguration, recorded: PreferenceDataset, onProgress: (WorkProgress) -> Void = { _ in }
  ) throws {
    self.configuration = configuration
    let largest = configuration.sizes.upperBound
    dataset = try Self.widened(recorded, configuration)
    recordedCount = recorded.rewardModels.count
    let wanted = configuration.pairs + Self.calibrationCount
    let distinct = Self.distinctPairs(dataset.pairs, count: wanted, seed: configuration.seed)
    guard distinct.count == wanted else {
      throw StudyError.tooFewDistinctPairs(found: distinct.count, needed: wanted)
    }
    pairs = Array(distinct.prefix(configuration.pairs))
    calibrationPairs = Array(distinct.suffix(Self.calibrationCount))

    let tokenizer =
      try configuration.tokenizer.map { try Tokenizer(contentsOf: $0) }
      ?? WordTokenizer.make(
        distinct.flatMap { [$0.prompt.text, $0.responseA, $0.responseB] } + [
          RouterTemplate.text(of: Dialogue(prompt: .text(""), response: ""))
        ])
    let queue = ForwardQueue()
    let clock = ContinuousClock()
    let start = clock.now
    let shape = configuration.rewardModelShape.configuration(
      vocabulary: tokenizer.vocabularySize, head: .sequenceClassification)
    rewardModelConfiguration = shape
    try Self.checkMemory(shape, count: largest, precision: configuration.precision)
    let dialogues = try Self.dialogueEncoder(configuration, tokenizer)
    encoderModel = dialogues.model
    encoder = try Self.contextEncoder(dialogues, queue: queue, seed: configuration.seed)
    let networks = try (0..<largest).map { arm in
      defer { onProgress(WorkProgress("make reward models", done: arm + 1, of: largest, unit: "models")) }
      return try TransformerModel.random(
        shape, seed: configuration.seed &+ 1000 &+ UInt64(arm), precision: configuration.precision)
    }
    rewardModelWeightBytes = networks[0].weightByteCount
    models = try networks.enumerated().map { arm, network in
      let model = try TransformerRewardModel(
        name: "random-\(arm + 1)", model: network, tokenizer: tokenizer, format: .router,
        maxTokens: configuration.maxTokens, queue: queue)
      return configuration.latencySeconds > 0
        ? DelayedRewardModel(model, seconds: configuration.latencySeconds) : model
    }
    loadSeconds = (clock.now - start) / .seconds(1)
  }

  private static func widened(
    _ recorded: PreferenceDataset, _ configuration: ScalingConfiguration
  ) throws(StudyError) -> PreferenceDataset {
    let (largest, count) = (configuration.sizes.upperBound, recorded.rewardModels.count)
    guard largest > count else { return recorded }
    guard let noise = configuration.replicaNoise else { throw .poolTooNarrow(wanted: largest, recorded: count) }
    var generator = PhiloxGenerator(seed: configuration.seed, stream: "synthetic-copies")
    return recorded.replicated(to: largest, noise: noise, using: &generator)
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

  private static func dialogueEncoder(
    _ configuration: ScalingConfiguration, _ tokenizer: Tokenizer
  ) throws -> DialogueEncoder {
    if let folder = configuration.encoderFolder {
      return try DialogueEncoder(folder: folder, maxTokens: configuration.maxTokens)
    }
    let shape = configuration.encoderShape.configuration(vocabulary: tokenizer.vocabularySize, head: .none)
    return DialogueEncoder(
      model: try .random(shape, seed: configuration.seed, precision: configuration.precision), tokenizer: tokenizer,
      fingerprint: Fingerprint(Array("random weights \(configuration.seed)".utf8)), maxTokens: configuration.maxTokens)
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

  private static func checkMemory(
    _ configuration: TransformerConfiguration, count: Int, precision: Precision
  ) throws(StudyError) {
    let each =
      configuration.layerParameterCount * (precision == .bfloat16 ? 2 : 4) + configuration.embeddingParameterCount * 4
    let available = Int(ProcessInfo.processInfo.physicalMemory)
    guard Double(each * count) < 0.8 * Double(available) else {
      throw .tooLarge(models: count, neededBytes: each * count, availableBytes: available)
    }
  }
}
