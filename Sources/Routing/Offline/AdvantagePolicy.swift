import LinearAlgebra

/// Asks the arm of the highest expected advantage, and leaves the best overall arm only where the evidence for another one is
/// strong enough:
///
///     n = argmax_n a_n(x),   taken if a_n(x) - a_b(x) > caution sd(a_n(x) - a_b(x)),   else b = argmax_n alpha_n
///
/// Contexts are projected to their first whitened principal coordinates; how many of them, none included, the evidence decides.
public struct AdvantagePolicy: OfflinePolicy {
  /// Standard deviations by which another arm must be ahead; 0 follows the mean.
  public let caution: Double
  /// The numbers of coordinates to choose among; 0 is always among them, and all of a short context.
  public let components: [Int]
  static let shortContext = 64

  public var name: String { "advantage, caution \(caution)" }

  public init(caution: Double, components: [Int] = [1, 2, 4, 8, 16, 32]) {
    precondition(caution >= 0 && components.allSatisfy { $0 > 0 }, "caution \(caution), components \(components)")
    self.caution = caution
    self.components = components
  }

  public func fit(_ evidence: OfflineEvidence) throws -> any FittedOfflinePolicy {
    let projection = try Projection(evidence.contexts, candidates: candidates(evidence))
    let projected = try projection.apply(evidence.contexts)
    var best: Fitted?
    for count in [0] + projection.counts {
      let regression = try AdvantageRegression(
        contexts: projection.leading(count, of: projected), correctness: evidence.correctness)
      if regression.logEvidence > best?.regression.logEvidence ?? -.infinity {
        best = Fitted(
          caution: caution, projection: projection, count: count, regression: regression,
          poolAccuracy: evidence.correctness.accuracies.reduce(0, +) / Double(evidence.armCount))
      }
    }
    guard let best else { preconditionFailure("no coordinates at all are always a candidate") }
    return best
  }

  private func candidates(_ evidence: OfflineEvidence) -> [Int] {
    let dimension = evidence.contexts.columns
    let all = components.filter { $0 < dimension } + (1...Self.shortContext ~= dimension ? [dimension] : [])
    return all.filter { $0 < evidence.pairCount }.sorted()
  }

  /// The whitened principal coordinates of contexts, decomposed once for all numbers of them.
  struct Projection: Sendable {
    /// Nil where no coordinate can be had.
    private let transform: FittedContextTransform?
    /// The numbers of coordinates that the contexts span, ascending.
    let counts: [Int]

    init(_ contexts: Matrix<Double>, candidates: [Int]) throws {
      var candidates = candidates
      while let most = candidates.last {
        do {
          transform = try ContextTransform(components: most, interceptVarianceScale: nil).fit(contexts)
          counts = candidates
          return
        } catch RoutingError.context {
          // The contexts do not differ in so many directions.
          candidates.removeLast()
        }
      }
      transform = nil
      counts = []
    }

    func apply(_ contexts: Matrix<Double>) throws -> Matrix<Double> {
      try transform?.apply(contexts) ?? Matrix(rows: contexts.rows, columns: 0)
    }

    /// The first `count` coordinates of projected contexts, scaled so that E|x|^2 stays 1.
    func leading(_ count: Int, of projected: Matrix<Double>) -> Matrix<Double> {
      guard count > 0 else { return Matrix(rows: projected.rows, columns: 0) }
      let scale = (Double(projected.columns) / Double(count)).squareRoot()
      return Matrix(
        rows: projected.rows, columns: count,
        elements: (0..<projected.rows).flatMap { projected.row($0).prefix(count).map { $0 * scale } })
    }
  }

  struct Fitted: FittedOfflinePolicy {
    let caution: Double
    let projection: Projection
    /// The coordinates that the evidence is for.
    let count: Int
    let regression: AdvantageRegression
    /// The mean over pairs and arms.
    let poolAccuracy: Double

    /// Scores are advantages. How hard a pair is for all arms the regression leaves out, so a probability is the pool's accuracy plus
    /// the advantage.
    func judge(contexts: Matrix<Double>, domains: [String?]) throws -> OfflineRouter.Judgement? {
      let projected = projection.leading(count, of: try projection.apply(contexts))
      let advantages = (0..<contexts.rows).map { regression.prediction(projected.row($0)).advantages }
      return OfflineRouter.Judgement(
        scores: Matrix(rows: advantages),
        probabilities: Matrix(rows: advantages.map { $0.map { min(max(poolAccuracy + $0, 0), 1) } }))
    }

    func arms(contexts: Matrix<Double>, domains: [String?]) throws -> [Int] {
      let offsets = regression.means.map { $0[0] }
      let overall = offsets[...].firstHighest
      let projected = projection.leading(count, of: try projection.apply(contexts))
      return (0..<contexts.rows).map { row in
        let (advantages, deviation) = regression.prediction(projected.row(row))
        let arm = advantages[...].firstHighest
        return advantages[arm] - advantages[overall] > caution * deviation ? arm : overall
      }
    }
  }
}
