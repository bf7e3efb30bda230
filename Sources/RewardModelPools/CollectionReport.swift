import RewardModels

/// What a collection of scores came to.
public struct CollectionReport: Sendable {
  public struct Model: Sendable {
    public let name: String
    /// Pairs that were scored now.
    public let scored: Int
    /// Pairs whose scores an earlier run had left.
    public let reused: Int
    /// Pairs that have no score yet, because the model failed.
    public let failed: Int
    /// The first of these in the order of the dataset, with what the model said; nil where none failed.
    public let firstFailure: Failure?
    /// What the model was made to do now.
    public let usage: Usage
    /// tokens / 1000 x price, in the pool file's currency.
    public let cost: Double
  }

  public struct Failure: Hashable, Sendable {
    public let pairID: String
    public let message: String
  }

  /// The reward models, in arm order.
  public let models: [Model]
  /// Pairs of the dataset.
  public let pairs: Int

  /// Whether each model has scored each pair: the folder then is a dataset folder.
  public var isComplete: Bool { models.allSatisfy { $0.failed == 0 } }
}
