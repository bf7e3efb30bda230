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

      Intervals are 95 % paired bootstrap intervals over prompts. RUN receives config.json, events.jsonl, summary.json, table.md,
      table.csv, shares.csv, the trained router and plots.

      EXAMPLES
        router-bench replay --data judgebench --out runs/first
        router-bench replay --data judgebench --arms 4-5 --seeds 5 --out runs/sub-pools
        router-bench replay --data judgebench --reward noisy:0.2 --delay 32 --out runs/noisy
        router-bench replay --data judgebench --prior laplace --out runs/laplace
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
  @Option(help: "Pairs between a decision and its reward.")
  var delay = 0
  @Option(help: "Pairs routed at once, before any of their rewards is known.")
  var batch = 1
  @Option(help: "Reward normaliser: \(RewardNormalizer.Method.allCases.map(\.rawValue).joined(separator: ", ")).")
  var normalizer: RewardNormalizer.Method = .none
  @Option(
    help: """
      none; laplace or laplace:F, from a Bayesian fit of each model's correctness on a fraction F (0.3) of the pairs, which are then not \
      replayed, its variances by the evidence: mean and covariance (thompson-laplace), means alone (thompson-prior, offline-only); \
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
      "Write each decision of a learning method to events.jsonl, with the propensity where Thompson sampling made it.")
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
    configuration.normalizer = normalizer
    configuration.batch = batch
    configuration.delay = delay
    configuration.router = .init(noiseVariance: noiseVariance, draw: draw, discount: discount)
    configuration.priorVariance = priorVariance
    configuration.epsilon = epsilon
    configuration.alpha = alpha
    return configuration
  }

  func run() async throws {
    BLASRuntime.setThreads(threads)
    let configuration = replayConfiguration
    try configuration.validate()
    let inputs = try await ReplayInputs(self)
    let folder = try RunFolder(
      at: URL(fileURLWithPath: out), configuration: RunConfiguration(command: self, inputs: inputs))
    inputs.warnings.forEach(warn)
    let output = ReplayOutput(folder: folder, inputs: inputs, configuration: configuration)

    if let sweep {
      try output.finish([try await sweep.run(inputs, configuration: configuration, output)], json: json)
      return
    }
    let learning = inputs.pools.reduce(0) { sum, pool in sum + inputs.methods(of: pool).count(where: \.learns) }
    var progress = ProgressBar(
      "replay", total: learning * seeds * inputs.online.pairs.count, unit: "decisions")
    var results: [PoolResult] = []
    for pool in inputs.pools {
      let study = try inputs.study(pool: pool, configuration: configuration)
      var outcomes: [ReplayOutcome] = []
      for method in inputs.methods(of: pool) {
        outcomes.append(
          try await study.run(method, recordsPropensities: logDecisions) { trace, router in
            progress.advance(by: trace.pairs.count)
            try output.record(trace, method: method, study: study, decisions: logDecisions)
            if inputs.pools.count == 1, trace.seed == seed + UInt64(seeds) - 1 {
              try output.save(router, method: method)
            }
          })
      }
      results.append(PoolResult(study: study, outcomes: outcomes))
    }
    progress.finish()
    try output.finish(results, json: json)
  }
}

/// `4` or `4-5`.
struct ArmRange: ExpressibleByArgument, Sendable {
  let sizes: ClosedRange<Int>

  init?(argument: String) {
    let ends = argument.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(ends.count), let low = ends[0], let high = ends[ends.count - 1], low >= 1, low <= high else {
      return nil
    }
    sizes = low...high
  }
}

/// Where the prior means of `thompson-prior` come from.
enum ReplayPrior: ExpressibleByArgument, Sendable, Equatable {
  case none
  /// Prior means fitted at the settings' variances on this fraction of the pairs.
  case fraction(Double)
  /// Whole posteriors by the evidence on this fraction of the pairs.
  case laplace(Double)
  case folder(String)

  /// The part of the pairs that gives the prior and is not replayed; nil where none does.
  var fraction: Double? {
    switch self {
    case .fraction(let fraction), .laplace(let fraction): fraction
    case .none, .folder: nil
    }
  }

  init?(argument: String) {
    if argument == "none" {
      self = .none
      return
    }
    if argument == "laplace" {
      self = .laplace(0.3)
      return
    }
    if argument.hasPrefix("laplace:") {
      guard let fraction = Double(argument.dropFirst("laplace:".count)) else { return nil }
      self = .laplace(fraction)
      return
    }
    guard argument.hasPrefix("offline:") else {
      self = .folder(argument)
      return
    }
    let value = String(argument.dropFirst("offline:".count))
    guard !value.isEmpty else { return nil }
    self = Double(value).map(ReplayPrior.fraction) ?? .folder(value)
  }

  var defaultValueDescription: String { "none" }
}

enum ContextKind: String, ExpressibleByArgument, CaseIterable, Sendable, Codable {
  case hashed, none
}
