import Foundation
import LinearAlgebra
import Transformers

/// What happens while many dialogues are encoded.
public enum EncodingEvent: Sendable {
  /// So many of the tokens that have to go through the model are done.
  case progress(tokens: Int, of: Int)
  /// The work is done, and this is what it took.
  case finished(ReadingReport)
}

/// Encodes dialogues as programs do it: states come from the cache's file where it has them, what is computed is kept even where the
/// work is cut short, and forward passes take turns with those of other models in this process.
public struct CachedEncoder: Sendable {
  public let encoder: DialogueEncoder
  /// The folder of caches; nil for none.
  public let cacheFolder: URL?
  /// Shared with the reward models that compute in this process.
  private let queue: ForwardQueue
  /// Threads of a forward pass.
  private let workers: Int
  /// Computed states are written this often, so that an interrupted run loses little.
  public static let secondsBetweenSaves = 30.0

  public init(
    _ encoder: DialogueEncoder, cacheFolder: URL? = nil, queue: ForwardQueue = ForwardQueue(),
    workers: Int = ProcessInfo.processInfo.activeProcessorCount
  ) {
    self.encoder = encoder
    self.cacheFolder = cacheFolder
    self.queue = queue
    self.workers = workers
  }

  /// The pooled states of the dialogues, dialogues.count x size.
  ///
  /// - Parameter onEvent: told how far the work is, and what it took.
  /// - Throws: `DialogueError`, `TransformersError`, `StorageError` for a cache that cannot be read or written, and `CancellationError`.
  public func states(
    of dialogues: [Dialogue], onEvent: (EncodingEvent) -> Void = { _ in }
  ) async throws -> Matrix<Float> {
    var cache =
      try cacheFolder.map { try StateCache(folder: $0, encoder: encoder.fingerprint, size: encoder.size) }
      ?? StateCache(encoder: encoder.fingerprint, size: encoder.size)
    let plan = try encoder.plan(dialogues, cache: cache)
    var report = plan.report
    var (done, saved) = (0, 0)
    let clock = ContinuousClock()
    var lastSave = clock.now
    // Whatever ends the work early, what was computed is kept.
    defer {
      if let cacheFolder, done > saved { try? cache.save(in: cacheFolder) }
    }
    for (index, batch) in plan.batches.enumerated() {
      try Task.checkCancellation()
      let (states, seconds) = try await queue.run { [encoder, workers] scratch in
        let start = clock.now
        let states = try encoder.states(of: batch, workers: workers, scratch: &scratch)
        return (states, (clock.now - start) / .seconds(1))
      }
      cache.insert(states, of: batch, plan)
      report.count(batch, seconds: seconds)
      done += batch.textTokens
      onEvent(.progress(tokens: done, of: plan.newTokens))
      let isLast = index == plan.batches.count - 1
      if let cacheFolder, isLast || clock.now - lastSave > .seconds(Self.secondsBetweenSaves) {
        try cache.save(in: cacheFolder)
        (saved, lastSave) = (done, clock.now)
      }
    }
    onEvent(.finished(report))
    return try encoder.states(of: plan, cache: cache)
  }
}
