import ArgumentParser
import Foundation
import RouterKit

/// Where a study's pairs and judgements come from.
public struct DataOptions: ParsableArguments {
  @Option(help: "The dataset folder: pairs.jsonl, scores.jsonl, rms.json.")
  public var data: String?
  @Option(
    help: """
      Pairs x reward models, e.g. 2000x6: a SYNTHETIC dataset of this size instead of a folder, made by the formula of bayesrouter \
      synthesize. It says nothing about real reward models.
      """)
  public var synthetic: SyntheticSize?

  public init() {}

  public func validate() throws {
    guard data == nil || synthetic == nil else { throw ValidationError("give one of --data and --synthetic") }
  }

  /// What files and reports call the data.
  public var name: String { data ?? synthetic.map { "synthetic \($0.pairs)x\($0.rewardModels)" } ?? "" }

  /// - Parameter rewardModels: the names of those to keep; all if nil.
  public func load(rewardModels names: [String]? = nil, seed: UInt64) throws -> PreferenceDataset {
    if let data { return try PreferenceDataset(folder: URL(fileURLWithPath: data), rewardModels: names) }
    let size = synthetic ?? SyntheticSize(pairs: 1, rewardModels: 1)
    var generator = PhiloxGenerator(seed: seed, stream: SyntheticWorld.source)
    let dataset = SyntheticWorld(.init(pairs: size.pairs, rewardModels: size.rewardModels)).dataset(using: &generator)
    return try names.map { try dataset.selecting(rewardModels: $0) } ?? dataset
  }
}

/// `PAIRSxRMS`.
public struct SyntheticSize: ExpressibleByArgument, Sendable {
  public let pairs: Int
  public let rewardModels: Int

  public init(pairs: Int, rewardModels: Int) {
    self.pairs = pairs
    self.rewardModels = rewardModels
  }

  public init?(argument: String) {
    let sizes = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard sizes.count == 2, SyntheticWorld.Configuration.pairRange.contains(sizes[0]),
      SyntheticWorld.Configuration.rewardModelRange.contains(sizes[1])
    else { return nil }
    self.init(pairs: sizes[0], rewardModels: sizes[1])
  }
}

/// What calls cost, and how a router is to weigh it.
public struct CostOptions: ParsableArguments {
  @Option(
    help: """
      The price of a call: parameters (billions of them, from rms.json), or NAME=PRICE for each reward model, separated by \
      commas. Adds a column of cost.
      """)
  public var prices: Prices?
  @Option(
    help: """
      Weights of the price, separated by commas, e.g. 0,0.05,0.2: a row of cost-aware Thompson sampling each, and a plot of the \
      accuracy-cost frontier. 0 is the plain router.
      """)
  public var kappa: NumberList?
  @Option(help: "Mean prices a pair to keep, separated by commas: a row each.")
  public var budget: NumberList?

  public init() {}

  public enum Prices: ExpressibleByArgument, Sendable {
    case parameters
    case named([String: Double])

    public init?(argument: String) {
      if argument == "parameters" {
        self = .parameters
        return
      }
      var named: [String: Double] = [:]
      for part in argument.commaSeparated {
        let sides = part.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
        guard sides.count == 2, let price = Double(sides[1]), named.updateValue(price, forKey: sides[0]) == nil else {
          return nil
        }
      }
      self = .named(named)
    }
  }

  private var policies: [CostPolicy] {
    (kappa?.values ?? []).map { .fixed(kappa: $0) } + (budget?.values ?? []).map { .budget($0) }
  }

  /// - Throws: `RoutingError.cost` where a policy cannot be followed at these prices.
  public func check(_ prices: [Double]?) throws {
    guard let prices else { return }
    for policy in policies {
      _ = try CostAwareRouter(UniformRouter(armCount: prices.count), prices: prices, policy: policy)
    }
  }

  public var methods: [ReplayMethod] {
    policies.map { .costAware($0) }
  }

  /// One element a reward model; nil where cost plays no part.
  ///
  /// - Throws: an error that names the reward model whose price is missing or wrong.
  public func prices(of models: [RewardModelDescription]) throws -> [Double]? {
    guard let prices = self.prices ?? (policies.isEmpty ? nil : .parameters) else { return nil }
    switch prices {
    case .parameters:
      return try models.map { model in
        guard let parameters = model.parameters else {
          throw ValidationError(
            "--prices: rms.json says no parameters for reward model '\(model.name)'; give --prices NAME=PRICE,…")
        }
        return parameters / 1e9
      }
    case .named(let named):
      if let unknown = named.keys.sorted().first(where: { name in !models.contains { $0.name == name } }) {
        throw ValidationError(
          "--prices: there is no reward model '\(unknown)'; there are \(models.map(\.name).joined(separator: ", "))")
      }
      return try models.map { model in
        guard let price = named[model.name] else {
          throw ValidationError("--prices: the price of reward model '\(model.name)' is missing")
        }
        guard price.isFinite, price >= 0 else {
          throw ValidationError("--prices: the price of reward model '\(model.name)' is \(price); it is at least 0")
        }
        return price
      }
    }
  }
}
