import ArgumentParser
import Foundation

extension StringProtocol {
  /// The parts between the commas, without spaces around them; an empty part stays, so that it can be refused.
  public var commaSeparated: [String] {
    split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
  }
}

/// Finite numbers from 0 on, separated by commas.
public struct NumberList: ExpressibleByArgument, Sendable {
  public let values: [Double]

  public init?(argument: String) {
    let values = argument.commaSeparated.map { Double($0) ?? .nan }
    guard values.allSatisfy({ $0.isFinite && $0 >= 0 }) else { return nil }
    self.values = values
  }
}
