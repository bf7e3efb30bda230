import LinearAlgebra
import PreferenceData

/// What is known before a router goes online: the contexts of some pairs, and which reward models were right on each.
public struct OfflineEvidence: Sendable {
  /// One row a pair, as an encoder gives them.
  public let contexts: Matrix<Double>
  /// Who was right on each pair.
  public let correctness: CorrectnessTable
  /// The kind of task of each pair; nil where it is not known.
  public let domains: [String?]
  /// Pairs of one number are of one group, or of one prompt: they are evidence together.
  public let groups: [Int]

  public init(contexts: Matrix<Double>, correctness: CorrectnessTable, domains: [String?], groups: [Int]) {
    precondition(
      correctness.pairCount == contexts.rows && domains.count == contexts.rows
        && groups.count == contexts.rows, "\(contexts.rows) contexts need as many judgements, domains and groups")
    self.contexts = contexts
    self.correctness = correctness
    self.domains = domains
    self.groups = groups
  }

  public var armCount: Int { correctness.armCount }
  public var pairCount: Int { contexts.rows }

  /// The evidence of these pairs alone, in this order.
  public func selecting(_ pairs: [Int]) -> OfflineEvidence {
    OfflineEvidence(
      contexts: contexts.selectingRows(pairs), correctness: correctness.selecting(pairs: pairs),
      domains: pairs.map { domains[$0] }, groups: pairs.map { groups[$0] })
  }

}

/// A way to learn from offline evidence which reward model to ask for which pair.
public protocol OfflinePolicy: Sendable {
  /// Names the method in tables.
  var name: String { get }

  /// - Throws: `RoutingError`, `LinearAlgebraError`.
  func fit(_ evidence: OfflineEvidence) throws -> any FittedOfflinePolicy
}

/// A policy that has been fitted. It sees contexts and domains, never a label.
public protocol FittedOfflinePolicy: Sendable {
  /// The arm to ask for each pair.
  ///
  /// - Throws: `RoutingError`.
  func arms(contexts: Matrix<Double>, domains: [String?]) throws -> [Int]

  /// What it expects of every arm on each pair; nil where it knows no more than whom to ask.
  ///
  /// - Throws: `RoutingError`.
  func judge(contexts: Matrix<Double>, domains: [String?]) throws -> OfflineRouter.Judgement?
}

extension FittedOfflinePolicy {
  public func judge(contexts: Matrix<Double>, domains: [String?]) -> OfflineRouter.Judgement? { nil }
}

/// The arm of the highest accuracy in the evidence, for every pair. What it expects of an arm is the arm's accuracy
/// there: what a forecast by context has to beat.
public struct BestSinglePolicy: OfflinePolicy {
  public let name = "best single (named by training)"

  public init() {}

  public func fit(_ evidence: OfflineEvidence) -> any FittedOfflinePolicy {
    Fitted(accuracies: evidence.correctness.accuracies)
  }

  private struct Fitted: FittedOfflinePolicy {
    let accuracies: [Double]

    func arms(contexts: Matrix<Double>, domains: [String?]) -> [Int] {
      [Int](repeating: accuracies[...].firstHighest, count: contexts.rows)
    }

    func judge(contexts: Matrix<Double>, domains: [String?]) -> OfflineRouter.Judgement? {
      .init(accuracies: [[Double]](repeating: accuracies, count: contexts.rows))
    }
  }
}

/// The arm of the highest accuracy in the evidence of the pair's domain; in a domain without evidence, in all of it.
public struct BestOfDomainPolicy: OfflinePolicy {
  public let name = "best of domain (named by training)"

  public init() {}

  public func fit(_ evidence: OfflineEvidence) -> any FittedOfflinePolicy {
    let pairs = Dictionary(grouping: 0..<evidence.pairCount) { evidence.domains[$0] }
    return Fitted(
      overall: evidence.correctness.accuracies,
      ofDomain: pairs.mapValues { evidence.correctness.selecting(pairs: $0).accuracies })
  }

  private struct Fitted: FittedOfflinePolicy {
    let overall: [Double]
    let ofDomain: [String?: [Double]]

    func arms(contexts: Matrix<Double>, domains: [String?]) -> [Int] {
      domains.map { (ofDomain[$0] ?? overall)[...].firstHighest }
    }

    func judge(contexts: Matrix<Double>, domains: [String?]) -> OfflineRouter.Judgement? {
      .init(accuracies: domains.map { ofDomain[$0] ?? overall })
    }
  }
}

extension OfflineRouter.Judgement {
  /// Accuracies as scores and as probabilities, one row a pair.
  fileprivate init(accuracies: [[Double]]) {
    let rows = Matrix(rows: accuracies)
    self.init(scores: rows, probabilities: rows)
  }
}
