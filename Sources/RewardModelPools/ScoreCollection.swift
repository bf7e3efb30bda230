import Foundation
import PreferenceData
import RewardModels
import Storage

/// Scores the pairs of a dataset with all models of a pool, and leaves a dataset folder.
///
/// The models run concurrently. What a model says of a chunk of pairs is on the disk before the chunk counts as done,
/// so a run may be killed at any moment: the next one for the same pairs and models scores what is missing, and no text
/// of a pair that has its scores. The files at the end depend on neither interruptions nor timing.
///
/// A pair that a model fails is left out and reported. The folder stays unfinished, and the next run tries it again.
public struct ScoreCollection: Sendable {
  /// A reward model of the pool.
  public struct Member: Sendable {
    public let description: RewardModelDescription
    /// What tells the model from another one of its name, by keys other than `name`: scores are only added to those
    /// of a run that had the same.
    public let identity: JSONObject
    public let pricePerThousandTokens: Double
    /// Chunks of pairs that the model is asked about at one time.
    public let chunksInFlight: Int
    /// Makes the model, if it has pairs to score.
    public let makeModel: @Sendable () async throws -> any RewardModel

    public init(
      _ description: RewardModelDescription, identity: JSONObject, pricePerThousandTokens: Double = 0,
      chunksInFlight: Int = 1, makeModel: @escaping @Sendable () async throws -> any RewardModel
    ) {
      precondition(chunksInFlight > 0, "\(chunksInFlight) chunks in flight score nothing")
      self.description = description
      self.identity = identity
      self.pricePerThousandTokens = pricePerThousandTokens
      self.chunksInFlight = chunksInFlight
      self.makeModel = makeModel
    }
  }

  private let pairs: [PreferencePair]
  private let members: [Member]
  private let chunkSize: Int
  /// nil where the folder held everything already.
  private let folder: CollectionFolder?
  /// `known[arm][pair]`: what an earlier run left.
  private let known: [[ScorePair?]]
  /// Bytes at the journal's end that a crash had cut short, and that were removed.
  public let droppedBytes: Int

  /// Opens and locks the folder, which is made where it is missing, and reads what an earlier run left there.
  ///
  /// - Parameters:
  ///   - members: the pool in arm order, no name twice.
  ///   - chunkSize: pairs that a model is asked about at once.
  /// - Throws: `PoolError` where the folder holds something else or another run is at work; `StorageError` or
  ///   `PreferenceDataError` where what it holds is broken.
  public init(_ pairs: [PreferencePair], members: [Member], folder: URL, chunkSize: Int = 32) throws {
    precondition(chunkSize > 0, "chunks of \(chunkSize) pairs hold nothing")
    precondition(Set(members.map(\.description.name)).count == members.count, "two reward models have one name")
    self.pairs = pairs
    self.members = members
    self.chunkSize = chunkSize
    switch try CollectionFolder.open(folder, pairs: pairs, members: members) {
    case .finished:
      self.folder = nil
      known = []
      droppedBytes = 0
    case .open(let folder, let scores, let droppedBytes):
      self.folder = folder
      known = scores
      self.droppedBytes = droppedBytes
    }
  }

  /// Whether the folder held everything before, as a dataset folder: there is nothing to do.
  public var isFinished: Bool { folder == nil }

  /// Scores that are missing, pairs x models.
  public var missing: Int { known.reduce(0) { sum, row in sum + row.count { $0 == nil } } }

  /// Scores what is missing, and writes the dataset folder if no model fails.
  ///
  /// All models are made before the first is asked. To be called once; open the folder again for another try.
  ///
  /// - Parameters:
  ///   - progress: told how many pairs x models more are done with, failed ones too.
  ///   - warn: told what seems wrong with how a model reads the pairs, before the first is asked.
  /// - Throws: what keeps a model from being made; `StorageError`; `CancellationError` where the task is cancelled,
  ///   once the calls under way have returned and their scores are kept.
  public func run(
    progress: @escaping @Sendable (Int) async -> Void = { _ in }, warn: (String) -> Void = { _ in }
  ) async throws -> CollectionReport {
    guard let folder else { return report(usage: [:], failures: [:]) }
    let arms = members.indices.filter { known[$0].contains { $0 == nil } }
    var models: [any RewardModel] = []
    for arm in arms {
      let model = try await members[arm].makeModel()
      let missing = pairs.indices.lazy.filter { known[arm][$0] == nil }
      for warning in model.warnings(for: missing.flatMap { ScoringRequest.both(of: pairs[$0]) }) { warn(warning) }
      models.append(model)
    }
    try folder.begin()
    let ledger = ScoreLedger(
      pairs: pairs, rewardModels: members.map(\.description), known: known, journal: folder.journal,
      chunkSize: chunkSize)
    var usage: [Int: Usage] = [:]
    if !models.isEmpty {
      // Nothing is asked twice, however many pairs there are: all their texts are remembered.
      let pool = try MeteredPool(models, capacity: max(MeteredPool.defaultCapacity, 4 * pairs.count))
      try await score(arms, pool, ledger, progress)
      usage = Dictionary(uniqueKeysWithValues: zip(arms, await pool.usage))
    }
    let report = report(usage: usage, failures: await ledger.failures)
    if report.isComplete {
      let scores = await ledger.scores.map { $0.compactMap(\.self) }
      try folder.finish(
        PreferenceDataset(pairs: pairs, rewardModels: members.map(\.description), scores: scores))
    }
    return report
  }

  /// Asks each of `arms`, in whose order `pool` has the models, for its missing pairs.
  private func score(
    _ arms: [Int], _ pool: MeteredPool, _ ledger: ScoreLedger, _ progress: @escaping @Sendable (Int) async -> Void
  ) async throws {
    for (index, arm) in arms.enumerated() {
      let scored = pairs.indices.filter { known[arm][$0] != nil }
      await pool.remember(known[arm].compactMap(\.self), of: scored.map { pairs[$0] }, arm: index)
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, arm) in arms.enumerated() {
        for _ in 0..<members[arm].chunksInFlight {
          group.addTask {
            while let chunk = try await ledger.nextChunk(arm: arm) {
              let outcomes = await pool.outcomes(of: chunk.map { pairs[$0] }, arm: index)
              try await ledger.record(outcomes, of: chunk, arm: arm)
              await progress(chunk.count)
            }
          }
        }
      }
      try await group.waitForAll()
    }
  }

  private func report(usage: [Int: Usage], failures: [Int: [Int: String]]) -> CollectionReport {
    let models = members.indices.map { arm in
      let failed = failures[arm] ?? [:]
      let reused = isFinished ? pairs.count : known[arm].count { $0 != nil }
      let used = usage[arm] ?? Usage()
      return CollectionReport.Model(
        name: members[arm].description.name, scored: pairs.count - reused - failed.count, reused: reused,
        failed: failed.count,
        firstFailure: failed.min { $0.key < $1.key }.map { .init(pairID: pairs[$0.key].id, message: $0.value) },
        usage: used, cost: Double(used.tokens) / 1000 * members[arm].pricePerThousandTokens)
    }
    return CollectionReport(models: models, pairs: pairs.count)
  }
}

/// What is known, what was begun and what failed, while models run.
private actor ScoreLedger {
  private let pairs: [PreferencePair]
  private let rewardModels: [RewardModelDescription]
  private let journal: Journal
  private let chunkSize: Int
  /// The pairs that nobody was asked about yet, for each arm.
  private var queues: [ArraySlice<Int>]
  /// Why the journal takes no more.
  private var broken: (any Error)?

  /// `scores[arm][pair]`.
  private(set) var scores: [[ScorePair?]]
  /// `failures[arm][pair]`: what the model said.
  private(set) var failures: [Int: [Int: String]] = [:]

  init(
    pairs: [PreferencePair], rewardModels: [RewardModelDescription], known: [[ScorePair?]], journal: Journal,
    chunkSize: Int
  ) {
    self.pairs = pairs
    self.rewardModels = rewardModels
    self.journal = journal
    self.chunkSize = chunkSize
    scores = known
    queues = known.map { row in row.indices.filter { row[$0] == nil }[...] }
  }

  /// The next pairs for an arm; nil where it has none.
  ///
  /// - Throws: `CancellationError`.
  func nextChunk(arm: Int) throws -> ArraySlice<Int>? {
    try Task.checkCancellation()
    let chunk = queues[arm].prefix(chunkSize)
    queues[arm] = queues[arm].dropFirst(chunkSize)
    return chunk.isEmpty ? nil : chunk
  }

  /// Keeps what a model made of a chunk; its scores are on the disk when the call returns.
  func record(_ outcomes: [Result<ScorePair, any Error>], of chunk: ArraySlice<Int>, arm: Int) throws {
    // After a failed write the file may end in half a line.
    if let broken { throw broken }
    var scored: [(pair: PreferencePair, rewardModel: RewardModelDescription, score: ScorePair)] = []
    for (pair, outcome) in zip(chunk, outcomes) {
      switch outcome {
      case .success(let score):
        scored.append((pairs[pair], rewardModels[arm], score))
        scores[arm][pair] = score
      case .failure(let error): failures[arm, default: [:]][pair] = "\(error)"
      }
    }
    guard !scored.isEmpty else { return }
    do {
      try journal.append(DatasetFolder.scoreLines(scored))
    } catch {
      broken = error
      throw error
    }
  }
}
