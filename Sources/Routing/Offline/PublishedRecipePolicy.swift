import LinearAlgebra

/// The paper's offline recipe on frozen features: heads trained by L_bt + lambda L_cls on the disagreement set, and the arm of the
/// highest comparison score h . v_n / |v_n|.
///
/// Every epoch is run and the last weights are kept: within a fold there is no data left to stop by.
///
/// Source: Wu & Lu, arXiv 2510.02850, the offline router.
public struct PublishedRecipePolicy: OfflinePolicy {
  public let name = "published recipe"
  public let training: OfflineTraining
  public let set: RouterTrainingSet.Configuration

  public init(epochs: Int = 30, seed: UInt64 = 1) {
    var training = OfflineTraining()
    (training.epochs, training.patience, training.seed) = (epochs, 0, seed)
    var set = RouterTrainingSet.Configuration()
    set.seed = seed
    self.training = training
    self.set = set
  }

  public func fit(_ evidence: OfflineEvidence) throws -> any FittedOfflinePolicy {
    let behavior = RewardModelBehavior(evidence)
    // Without a disagreement no arm is better than another, and the recipe has nothing to train on.
    guard !behavior.disagreementSet.isEmpty else { return BestSinglePolicy().fit(evidence) }
    var trainer = try OfflineTrainer(
      training, set: RouterTrainingSet(behavior, set), behavior: behavior, features: Self.features(evidence.contexts))
    while !trainer.isFinished { try trainer.runEpoch() }
    return Fitted(router: trainer.router(best: false, encoder: ""))
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
