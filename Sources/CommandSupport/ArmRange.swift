import ArgumentParser

/// `4` or `4-5`.
public struct ArmRange: ExpressibleByArgument, Sendable {
  public let sizes: ClosedRange<Int>

  public init?(argument: String) {
    let ends = argument.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(ends.count), let low = ends[0], let high = ends[ends.count - 1], low >= 1, low <= high else {
      return nil
    }
    sizes = low...high
  }
}
