import LinearAlgebra
import PreferenceData
import Randomness

/// The paper's offline recipe on frozen features: heads trained by L_bt + lambda L_cls on the disagreement set, and the arm of the
/// highest comparison score h . v_n / |v_n|.
///
/// Source: Wu & Lu, arXiv 2510.02850, the offline router.
public struct PublishedRecipePolicy: OfflinePolicy {
  /// When training ends.
  public enum Stopping: Sendable {
    /// After all epochs: within a fold no data is left to stop by.
    case lastEpoch
    /// After the epoch whose contexts, learnt on half of the groups, explain the judgements of the other half best: by
    /// the evidence of a Bayesian last layer, advantages regressed on the leading whitened coordinates of h with the
    /// weights integrated out. On the half that they were learnt on the evidence rises to the end. Where no epoch's
    /// evidence is `strongEvidence` above that without any context, nothing is trained, and the best single arm is
    /// asked.
    case evidence
  }

  /// A Bayes factor of 20, in nats: strong by Kass & Raftery, "Bayes Factors", 1995.
  static let strongEvidence = 3.0
  /// Coordinates of h that the last layer sees.
  private static let evidenceComponents = [1, 2, 4, 8, 16]

  public var name: String {
    switch stopping {
    case .lastEpoch: "published recipe"
    case .evidence: "published recipe, by evidence"
    }
  }
  public let stopping: Stopping
  public let training: OfflineTraining
  public let set: RouterTrainingSet.Configuration

  public init(epochs: Int = 30, stopping: Stopping = .lastEpoch, seed: UInt64 = 1) {
    self.stopping = stopping
    var training = OfflineTraining()
    (training.epochs, training.patience, training.seed) = (epochs, 0, seed)
    var set = RouterTrainingSet.Configuration()
    set.seed = seed
    self.training = training
    self.set = set
  }

  public func fit(_ evidence: OfflineEvidence) throws -> any FittedOfflinePolicy {
    let epochs = stopping == .evidence ? try epochsByEvidence(evidence) : training.epochs
    // Without a disagreement no arm is better than another, and the recipe has nothing to train on.
    guard epochs > 0, var trainer = try trainer(evidence) else { return BestSinglePolicy().fit(evidence) }
    for _ in 0..<epochs { try trainer.runEpoch() }
    return Fitted(router: trainer.router(best: false, encoder: ""))
  }

  /// nil where no two arms ever disagree.
  private func trainer(_ evidence: OfflineEvidence) throws -> OfflineTrainer? {
    let behavior = RewardModelBehavior(evidence)
    guard !behavior.correctness.disagreementSet.isEmpty else { return nil }
    return try OfflineTrainer(
      training, set: RouterTrainingSet(behavior, set), behavior: behavior, features: Self.features(evidence.contexts))
  }

  /// 0 where the evidence is against training.
  package func epochsByEvidence(_ evidence: OfflineEvidence) throws -> Int {
    let groups = Set(evidence.groups).sorted()
    var generator = PhiloxGenerator(seed: training.seed, stream: "evidence-halves")
    let chosen = Set(generator.permutation(groups.count).prefix(groups.count / 2).map { groups[$0] })
    let halves = [true, false].map { side in
      evidence.selecting((0..<evidence.pairCount).filter { chosen.contains(evidence.groups[$0]) == side })
    }
    guard halves[0].pairCount > 0, var trainer = try trainer(halves[0]) else { return 0 }
    let features = Self.features(halves[1].contexts)
    let nothing = Matrix<Double>(rows: halves[1].pairCount, columns: 0)
    var best = (
      evidence: try AdvantageRegression(contexts: nothing, correctness: halves[1].correctness).logEvidence
        + Self.strongEvidence, epochs: 0
    )
    for epoch in 1...training.epochs {
      try trainer.runEpoch()
      let contexts = try trainer.router(best: false, encoder: "").contexts(features)
      let value = try Self.logEvidence(contexts: contexts, correctness: halves[1].correctness)
      if value > best.evidence { best = (value, epoch) }
    }
    return best.epochs
  }

  /// The highest log evidence over the numbers of coordinates.
  private static func logEvidence(contexts: Matrix<Double>, correctness: CorrectnessTable) throws -> Double {
    let projection = try AdvantagePolicy.Projection(
      contexts, candidates: evidenceComponents.filter { $0 < min(contexts.rows, contexts.columns) })
    let projected = try projection.apply(contexts)
    return try projection.counts.map { count in
      try AdvantageRegression(contexts: projection.leading(count, of: projected), correctness: correctness).logEvidence
    }.max() ?? -.infinity
  }

  private static func features(_ contexts: Matrix<Double>) -> Matrix<Float> {
    Matrix(rows: contexts.rows, columns: contexts.columns, elements: contexts.elements.map { Float($0) })
  }

  private struct Fitted: FittedOfflinePolicy {
    let router: OfflineRouter

    func arms(contexts: Matrix<Double>, domains: [String?]) throws -> [Int] {
      try router.judge(PublishedRecipePolicy.features(contexts)).arms
    }

    func judge(contexts: Matrix<Double>, domains: [String?]) throws -> OfflineRouter.Judgement? {
      try router.judge(PublishedRecipePolicy.features(contexts))
    }
  }
}
