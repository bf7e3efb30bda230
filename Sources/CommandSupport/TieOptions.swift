import ArgumentParser
import RouterKit

/// How judgements are counted.
public struct TieOptions: ParsableArguments {
  @Option(
    name: .long,
    help:
      "What a reward model's exact tie counts: half, one half, as an abstention; wrong, nothing, as in JudgeBench's metric."
  )
  public var ties = TieRule.half

  public init() {}
}

extension TieRule: ExpressibleByArgument {}

extension TieRule {
  /// What a table's legend says of ties.
  public var legend: String {
    switch self {
    case .half: "An exact tie counts one half."
    case .wrong: "A single model's exact tie is wrong, a tied vote counts one half."
    }
  }
}
