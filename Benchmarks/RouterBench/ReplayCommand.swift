import CommandSupport
import ArgumentParser
import Foundation
import RouterKit

/// `router-bench replay`: recorded judgements, every method, one table.
struct Replay: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Stream recorded pairs past every method and compare what they choose.",
    discussion: """
      The pairs of a dataset folder (pairs.jsonl, scores.jsonl, rms.json) come in a seeded order. Each method picks one reward
      model a pair, or asks all; the label of the chosen one is judged against the gold label. Learning methods earn a reward for
      their choice alone, and it is an idealised one: whether the label was right. In training a router sees the DPO loss instead.

      Intervals are 95 % paired bootstrap intervals over groups of pairs, or prompts. RUN receives config.json,
      events.jsonl, summary.json, table.md, table.csv, shares.csv, the trained router and plots.

      EXAMPLES
        router-bench replay --data judgebench --out runs/first
        router-bench replay --data judgebench --arms 4-5 --seeds 5 --out runs/sub-pools
        router-bench replay --data judgebench --reward noisy:0.2 --delay 32 --out runs/noisy
        router-bench replay --data judgebench --prior evidence --out runs/evidence
        router-bench replay --data judgebench --prior offline:0.3 --out runs/prior
        router-bench replay --data judgebench --prior routers/hashed --sweep prior-variance --out runs/sweep
        router-bench replay --data judgebench --encoder all-MiniLM-L6-v2 --out runs/minilm
        router-bench replay --data judgebench --kappa 0,0.05,0.2,1 --budget 5,10 --out runs/frontier
      """)

  @OptionGroup var source: DataOptions
  @Option(help: "The run folder; must not exist.")
  var out: String
  @Option(help: "Reward models of the pool, separated by commas; all by default.")
  var rms: String?
  @Option(help: "Sizes of sub-pools, e.g. 4 or 4-5: every sub-pool of these sizes is replayed.")
  var arms: ArmRange?
  @Option(help: "Methods, separated by commas, out of: \(ReplayMethod.names.joined(separator: ", ")).")
  var methods: String?
  @OptionGroup var cost: CostOptions
  @Option(help: "Runs of each learning method, each with its own order of pairs.")
  var seeds = 20
  @Option(help: "The first seed.")
  var seed: UInt64 = 1
  @Option(help: "correctness, or noisy:P, flipped with probability P.")
  var reward: ReplayReward = .correctness
  @OptionGroup var judging: TieOptions
  @Option(help: "Pairs between a decision and its reward.")
  var delay = 0
  @Option(help: "Pairs routed at once, before any of their rewards is known.")
  var batch = 1
  @Option(help: "Reward normaliser: \(RewardNormalizer.Method.allCases.map(\.rawValue).joined(separator: ", ")).")
  var normalizer: RewardNormalizer.Method = .none
  @Option(
    help: """
      none; evidence or evidence:F (also spelt laplace), from a Bayesian regression of each model's correctness on a fraction F (0.3) of the pairs, which are then not \
      replayed, its variances by the evidence: mean and covariance (thompson-evidence), means alone (thompson-prior, offline-only); \
      offline:F, the same with prior means fitted at sigma_w^2 and sigma^2; DIR or offline:DIR, from a router saved by an earlier run, or \
      trained by bayesrouter train: contexts are then its h, as they are, and prior means its E_bt.
      """)
  var prior: ReplayPrior = .none
  @Option(
    help: """
      prior-variance: the prior alone, Thompson sampling from 0, and from the prior, the latter two with sigma_w^2 from 0.001 to 1, \
      instead of --methods.
      """)
  var sweep: ReplaySweep?
  @Option(help: "hashed, the n-gram context; or none, where only the intercept is left.")
  var context: ContextKind = .hashed
  @Option(
    help: """
      A Hugging Face checkpoint's folder: contexts are its pair features instead, [(a + b)/2 ; |a - b|] of the two responses' pooled states, \
      kept in the cache that bayesrouter encode uses.
      """)
  var encoder: String?
  @OptionGroup(title: "The encoder") var encoding: EncoderOptions
  @Option(help: "Coordinates of the whitened projection of the context; 0 keeps the context as it is.")
  var components = 8
  @Option(help: "sigma_w^2, the prior variance of a weight.")
  var priorVariance = ReplayConfiguration().priorVariance
  @Option(help: "Prior variance of the intercept, as a multiple of sigma_w^2; 0 leaves the intercept out.")
  var interceptScale = 1.0
  @Option(help: "sigma^2, the noise variance of a reward.")
  var noiseVariance = ThompsonSamplingRouter.Configuration().noiseVariance
  @Option(help: "What the past counts after each step, in (0, 1].")
  var discount = 1.0
  @Option(help: "Draws of a batch: independent or joint.")
  var draw: ThompsonSamplingRouter.Draw = .independent
  @Option(help: "Exploration of epsilon-greedy.")
  var epsilon = ReplayConfiguration().epsilon
  @Option(help: "Width of LinUCB's bound, in standard deviations.")
  var alpha = ReplayConfiguration().alpha
  @Option(help: "BLAS threads; equal seeds and threads give equal bits.")
  var threads = 1
  @Flag(
    help:
      "Write each decision of a learning method to events.jsonl, with its propensity where that has a closed form.")
  var logDecisions = false
  @Flag(help: "Print the summary as one JSON object instead of the table.")
  var json = false

  func validate() throws {
    guard !source.name.isEmpty else { throw ValidationError("give one of --data and --synthetic") }
    guard components >= 0, interceptScale >= 0, threads > 0 else {
      throw ValidationError("--threads is at least 1, --components and --intercept-scale at least 0")
    }
    guard encoder == nil || context == .hashed else {
      throw ValidationError("--encoder is a context of its own: leave --context away")
    }
    guard interceptScale > 0 || context == .hashed else {
      throw ValidationError("--context none needs an intercept: leave --intercept-scale above 0")
    }
  }

  var replayConfiguration: ReplayConfiguration {
    var configuration = ReplayConfiguration()
    configuration.seeds = seeds
    configuration.firstSeed = seed
    configuration.reward = reward
    configuration.ties = judging.ties
    configuration.normalizer = normalizer
    configuration.batch = batch
    configuration.delay = delay
    configuration.router = .init(noiseVariance: noiseVariance, draw: draw, discount: discount)
    configuration.priorVariance = priorVariance
    configuration.epsilon = epsilon
    configuration.alpha = alpha
    return configuration
  }

  /// What contexts are made by.
  private func pairEncoder() throws -> any PairEncoder {
    if let folder = encoder ?? prior.encoderFolder?.path { return try encoding.encoder(folder) }
    return context == .hashed ? try encoding.encoder(EncoderOptions.hashedName) : EmptyPairEncoder()
  }

  /// What is put on top of it.
  private var transform: ContextTransform {
    ContextTransform(
      components: context == .none || components == 0 ? nil : components,
      interceptVarianceScale: interceptScale == 0 ? nil : interceptScale)
  }

  /// The names of the methods, which can all be made.
  private func methodNames() throws -> [String] {
    let given = methods?.commaSeparated
    let names = try given ?? ReplayMethod.names.filter { try needs(of: $0).isSubset(of: prior.gives) }
    for name in names {
      let missing = try needs(of: name).subtracting(prior.gives)
      guard !missing.contains(.priorMeans) else { throw ValidationError("--methods \(name) needs --prior") }
      guard !missing.contains(.posteriors) else {
        throw ValidationError("--methods \(name) needs --prior evidence or offline:F, with a fraction F of the pairs")
      }
    }
    return names
  }

  private func needs(of name: String) throws -> ReplayMethod.Needs {
    guard let needs = ReplayMethod.needs(of: name) else {
      throw ValidationError(
        "--methods: there is no method '\(name)'; choose from \(ReplayMethod.names.joined(separator: ", "))")
    }
    return needs
  }

  func run() async throws {
    BLASRuntime.setThreads(threads)
    let configuration = replayConfiguration
    try configuration.validate()
    let dataset = try source.load(
      rewardModels: rms?.commaSeparated, seed: seed)
    let prices = try cost.prices(of: dataset.rewardModels)
    let pools = try subPools(of: dataset.rewardModels.count)
    for pool in pools { try cost.check(prices.map { prices in pool.map { prices[$0] } }) }
    let names = try methodNames()
    guard sweep == nil || prior != .none else { throw ValidationError("--sweep prior-variance needs --prior") }
    guard sweep == nil || pools.count == 1 else { throw ValidationError("--sweep takes one pool: leave --arms away") }
    var progress = ProgressDisplay()
    let data = try await ReplayData(
      dataset, encoder: pairEncoder(), transform: transform, prior: prior,
      rewardModels: arms == nil ? dataset.rewardModels.map(\.name) : nil, seed: seed
    ) { progress.show($0) }
    let folder = try RunFolder(
      at: URL(fileURLWithPath: out),
      configuration: ReplayRunConfiguration(
        self, data: data, pools: pools.count, prices: prices, reading: progress.reading))
    data.warnings.forEach(warn)
    let output = ReplayOutput(folder: folder, data: data, configuration: configuration, hasPrices: prices != nil)

    var results: [PoolResult] = []
    if sweep != nil {
      let meter = DecisionMeter("sweep", total: PriorVarianceSweep.runs(seeds: seeds) * data.online.pairs.count)
      results.append(
        try await PriorVarianceSweep.run(data, configuration: configuration) { trace, method, study in
          progress.show(meter.advanced(by: trace.pairs.count))
          try output.record(trace, method: method, study: study, decisions: false)
        })
    } else {
      func methods(of pool: [Int]) -> [ReplayMethod] {
        let models = pool.map { dataset.rewardModels[$0] }
        return names.flatMap { ReplayMethod.named($0, rewardModels: models) ?? [] } + cost.methods
      }
      let learning = pools.reduce(0) { sum, pool in sum + methods(of: pool).count(where: \.learns) }
      let meter = DecisionMeter("replay", total: learning * seeds * data.online.pairs.count)
      for pool in pools {
        let study = try data.study(pool: pool, configuration: configuration, prices: prices)
        var outcomes: [ReplayOutcome] = []
        for method in methods(of: pool) {
          outcomes.append(
            try await study.run(method, recordsPropensities: logDecisions) { trace, router in
              progress.show(meter.advanced(by: trace.pairs.count))
              try output.record(trace, method: method, study: study, decisions: logDecisions)
              let isLast = trace.seed == seed + UInt64(seeds) - 1
              if pools.count == 1, isLast, method.keepsRouter { try output.save(router) }
            })
        }
        results.append((study, outcomes))
      }
    }
    try output.finish(results, json: json)
  }

  private func subPools(of count: Int) throws -> [[Int]] {
    do {
      return try SubPools.all(of: count, sizes: arms?.sizes)
    } catch {
      throw ValidationError("--arms: \(error)")
    }
  }
}

/// What a replay of one pool gave.
typealias PoolResult = (study: ReplayStudy, outcomes: [ReplayOutcome])

/// Counts the decisions of all methods together.
private final class DecisionMeter {
  private let stage: String
  private let total: Int
  private var done = 0

  init(_ stage: String, total: Int) {
    self.stage = stage
    self.total = total
  }

  func advanced(by count: Int) -> WorkProgress {
    done += count
    return WorkProgress(stage, done: done, of: total, unit: "decisions")
  }
}

/// What a sweep varies.
enum ReplaySweep: String, ExpressibleByArgument, CaseIterable, Sendable {
  case priorVariance = "prior-variance"
}

enum ContextKind: String, ExpressibleByArgument, CaseIterable, Sendable, Codable {
  case hashed, none
}

/// The content of `config.json`.
struct ReplayRunConfiguration: Encodable {
  let command = "router-bench replay"
  let data: String
  let pairs: Int
  let pairsReplayed: Int
  let rewardModels: [String]
  let pools: Int
  let replay: ReplayConfiguration
  let prior: String
  let sweep: String?
  let encoder: String
  let encoding: ReadingReport?
  let contextTransform: ContextTransform?
  let contextDimension: Int
  /// The price of a call to each reward model; nil where cost plays no part.
  let prices: [Double]?
  let machine: Machine
  let blas: BLASRuntime

  init(_ command: Replay, data: ReplayData, pools: Int, prices: [Double]?, reading: ReadingReport?) {
    self.data = command.source.name
    pairs = data.dataset.pairs.count
    pairsReplayed = data.online.pairs.count
    rewardModels = data.dataset.rewardModels.map(\.name)
    self.pools = pools
    replay = command.replayConfiguration
    prior = command.prior.text
    sweep = command.sweep?.rawValue
    encoder = data.encoder.name
    encoding = reading
    contextTransform = data.encoder.transform?.configuration
    contextDimension = data.encoder.dimension
    self.prices = prices
    machine = .current
    blas = .current
  }
}
