import LinearAlgebra
import Randomness

/// What sets the weight of a price, kappa.
public enum CostPolicy: Sendable, Hashable, Codable {
  /// kappa itself, in units of the score.
  case fixed(kappa: Double)
  /// The mean price a pair to keep, in the unit of the prices; kappa starts at 0.
  case budget(_ price: Double, step: Double = 1)
}

/// Weighs what an arm is likely to earn against what it costs: the arm of highest utility is chosen,
///
///     utility_n = score_n - kappa price_n / p,   p = max_n price_n
///
/// where score_n is the base router's (a Thompson draw, an upper confidence bound). kappa is thus what the dearest arm must
/// earn more than a free one to be chosen. With kappa = 0 the decisions, and the draws behind them, are exactly the base
/// router's.
///
/// In budget mode kappa is the multiplier of the constraint "mean price = budget", found by dual ascent after each batch, with
/// steps that shrink as it settles:
///
///     kappa <- max(0, kappa + step / sqrt(t) (sum over the batch of (price - budget)) / p),   t pairs decided so far
///
/// so that over T pairs the mean price exceeds the budget by at most kappa_T p / (step sqrt(T)); in practice by much less. Utilities
/// of a base router that explores apart from its scores (epsilon-greedy) lose that exploration.
///
/// Sources: none of the paper, which leaves cost open; the dual update is that of online linear programs, e.g. Agrawal, Devanur,
/// "Linear Contextual Bandits with Knapsacks", NeurIPS 2016.
public struct CostAwareRouter<Base: Router>: Router {
  public private(set) var base: Base
  /// The price of a call, one an arm, in any one unit.
  public let prices: [Double]
  public let policy: CostPolicy
  /// The weight of the price now.
  public private(set) var kappa: Double
  private var decided = 0

  public var armCount: Int { base.armCount }

  /// - Throws: `RoutingError.cost` for a price below zero or not finite, prices that are all zero, a negative kappa or step, and
  ///   a budget below the cheapest arm's price, which no choice can keep.
  public init(_ base: Base, prices: [Double], policy: CostPolicy) throws(RoutingError) {
    precondition(prices.count == base.armCount, "\(prices.count) prices for \(base.armCount) arms")
    if let bad = prices.firstIndex(where: { !($0.isFinite && $0 >= 0) }) {
      throw .cost(.price(arm: bad, prices[bad]))
    }
    let cheapest = prices.min() ?? 0
    guard let dearest = prices.max(), dearest > 0 else { throw .cost(.allFree) }
    switch policy {
    case .fixed(let kappa):
      guard kappa.isFinite, kappa >= 0 else { throw .cost(.kappa(kappa)) }
      self.kappa = kappa
    case .budget(let budget, let step):
      guard budget.isFinite, budget >= cheapest else { throw .cost(.budget(budget, cheapest: cheapest)) }
      guard step.isFinite, step > 0 else { throw .cost(.step(step)) }
      kappa = 0
    }
    self.base = base
    self.prices = prices
    self.policy = policy
  }

  private var dearest: Double { prices.max() ?? 1 }

  /// The base router's decisions, its scores replaced by utilities; then, in budget mode, one dual step.
  public mutating func select(contexts: Matrix<Double>, using generator: inout PhiloxGenerator) throws -> [Decision] {
    let decisions = try base.select(contexts: contexts, using: &generator).map { decision in
      guard kappa > 0 else { return decision }
      let utilities = zip(decision.scores, prices).map { $0 - kappa * $1 / dearest }
      return Decision(arm: highestIndex(utilities, using: &generator), scores: utilities)
    }
    decided += decisions.count
    if case .budget(let budget, let step) = policy, decided > 0 {
      let excess = decisions.reduce(0) { $0 + prices[$1.arm] - budget }
      kappa = max(0, kappa + step / Double(decided).squareRoot() * excess / dearest)
    }
    return decisions
  }

  public mutating func observe(_ observations: [Observation]) throws {
    try base.observe(observations)
  }

  /// While prices weigh nothing these are the base router's. Afterwards they depend on the distribution of its scores, which it does not
  /// tell, and this is nil.
  public func propensities(contexts: Matrix<Double>) throws -> Matrix<Double>? {
    kappa == 0 ? try base.propensities(contexts: contexts) : nil
  }
}
