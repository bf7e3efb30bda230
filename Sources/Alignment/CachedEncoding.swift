import Foundation
import LinearAlgebra
import Reporting
import Routing
import Transformers

/// Encoding of a dataset's texts as commands do it: states from the cache's file, a progress bar in tokens, and what
/// was computed kept even where the run is cut short.
public struct CachedEncoding: Sendable {
  public let encoder: DialogueEncoder
  /// The folder of caches; nil for none.
  public let folder: URL?
  /// Computed states are written this often, so that an interrupted run loses little.
  public static let secondsBetweenSaves = 30.0

  public init(_ encoder: DialogueEncoder, folder: URL?) {
    self.encoder = encoder
    self.folder = folder
  }

  /// The pooled states of the dialogues, dialogues.count x size.
  ///
  /// - Throws: what the encoder and the cache's file throw.
  public func encode(_ dialogues: [Dialogue]) throws -> (states: Matrix<Float>, report: EncodingReport) {
    var cache =
      try folder.map { try StateCache(folder: $0, encoder: encoder.fingerprint, size: encoder.size) }
      ?? StateCache(encoder: encoder.fingerprint, size: encoder.size)
    let plan = try encoder.plan(dialogues, cache: cache)
    var report = plan.report
    var scratch = ForwardScratch()
    var bar = plan.batches.isEmpty ? nil : ProgressBar("encode", total: plan.newTokens, unit: "tokens")
    let clock = ContinuousClock()
    var lastSave = clock.now
    for (index, batch) in plan.batches.enumerated() {
      try encoder.run(batch, of: plan, cache: &cache, report: &report, scratch: &scratch)
      bar?.advance(by: batch.textTokens)
      let isLast = index == plan.batches.count - 1
      if let folder, isLast || clock.now - lastSave > .seconds(Self.secondsBetweenSaves) {
        try cache.save(in: folder)
        lastSave = clock.now
      }
    }
    bar?.finish()
    return (encoder.states(of: plan, cache: cache), report)
  }
}
