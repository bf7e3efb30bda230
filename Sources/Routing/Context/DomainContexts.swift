import LinearAlgebra
import PreferenceData

/// Contexts that say of a pair only which domain it is of: x = [1, e_k] where domain k of the list is the pair's, and [1, 0, …, 0] for a
/// pair of another domain or of none.
///
/// A linear model of such contexts has what an arm is worth on average as its first weight and what it is worth more in a domain as
/// another; in a domain that was not foreseen it falls back on the average. Rows have norm 1 or sqrt 2, unlike an encoder's.
public struct DomainContexts: Sendable, Equatable {
  /// The domains, in the order of the coordinates behind the intercept.
  public let domains: [String]

  /// The length of a context.
  public var dimension: Int { 1 + domains.count }

  /// - Precondition: no domain is there twice.
  public init(domains: [String]) {
    precondition(Set(domains).count == domains.count, "a domain is named twice in \(domains)")
    self.domains = domains
  }

  /// The domains of some pairs, in alphabetical order; none where no pair has one, which leaves the intercept.
  public init(of pairs: [PreferencePair]) {
    self.init(domains: Set(pairs.compactMap(\.domain)).sorted())
  }

  /// One row for each pair, of whose domain it is: domainsOfPairs.count x dimension.
  public func contexts(_ domainsOfPairs: [String?]) -> Matrix<Double> {
    let columns = Dictionary(uniqueKeysWithValues: zip(domains, 1...))
    var contexts = Matrix<Double>(rows: domainsOfPairs.count, columns: dimension)
    for (row, domain) in domainsOfPairs.enumerated() {
      contexts[row, 0] = 1
      if let column = domain.flatMap({ columns[$0] }) { contexts[row, column] = 1 }
    }
    return contexts
  }
}
