import Foundation
import LinearAlgebra
import PreferenceData
import Storage
import Tokenization
import Transformers

/// A checkpoint with its tokenizer: turns dialogues into pooled hidden states, each distinct one once.
///
/// Dialogues with the same prompt are encoded side by side: what their tokens share at the beginning is computed once.
/// A state does not depend on the company that its dialogue was encoded in, to the bit.
public struct DialogueEncoder: Sendable {
  public let model: TransformerModel
  public let reader: DialogueReader
  /// What the states depend on beside the tokens: weights, settings and precision.
  public let fingerprint: Fingerprint

  public var tokenizer: Tokenizer { reader.tokenizer }
  public var maxTokens: Int { reader.maxTokens }

  /// - Parameters:
  ///   - folder: of a checkpoint, or of a LoRA adapter, whose `base_model_name_or_path` then names the checkpoint's folder.
  ///   - maxTokens: never more than the model reads.
  /// - Throws: what the model and the tokenizer throw; `TransformersError.vocabularyMismatch`; `DialogueError` for an
  ///   adapter without its checkpoint, or in another precision than float32.
  public init(
    folder: URL, maxTokens: Int = 1024, cut: TextCut = .end, format: TextFormat.Kind = .router,
    precision: Precision = .float32, allowsNonFinite: Bool = false
  ) throws {
    if LoRAAdapter.exists(at: folder) {
      let adapter = try LoRAAdapter(folder: folder)
      let base = try Self.base(of: adapter, in: folder)
      guard precision == .float32 else {
        throw DialogueError.adapterPrecision(folder: folder.path, precision: precision)
      }
      try self.init(
        TrainableTransformer(folder: base, adapter: adapter).model,
        weights: Self.fingerprint(adapter, in: folder, base: base), folder: base, maxTokens: maxTokens, cut: cut,
        format: format)
      return
    }
    try self.init(
      TransformerModel(folder: folder, precision: precision, allowsNonFinite: allowsNonFinite),
      weights: CheckpointTensors(folder: folder).fingerprint, folder: folder, maxTokens: maxTokens, cut: cut,
      format: format)
  }

  private static func base(of adapter: LoRAAdapter, in folder: URL) throws -> URL {
    let name = adapter.configuration.baseModelNameOrPath ?? ""
    guard !name.isEmpty, FileManager.default.fileExists(atPath: name) else {
      throw DialogueError.adapterWithoutCheckpoint(folder: folder.path, checkpoint: name)
    }
    return URL(fileURLWithPath: name)
  }

  /// Names the weights of a checkpoint with an adapter: by both files of tensors and by the scales of the updates.
  package static func fingerprint(_ adapter: LoRAAdapter, in folder: URL, base: URL) throws -> Fingerprint {
    let scales = adapter.modules.map { "\($0.path) \(adapter.configuration.scale(of: $0.path))" }.sorted().joined(
      separator: "\n")
    return try CheckpointTensors(folder: base).fingerprint
      .combined(with: CheckpointTensors(folder: folder, name: LoRAAdapter.tensorsFile).fingerprint)
      .combined(with: Fingerprint(Array(scales.utf8)))
  }

  /// An encoder whose weights are in memory, with the tokenizer and the settings of the folder that it was read from.
  ///
  /// - Parameter weights: names the weights.
  /// - Throws: what the tokenizer throws; `TransformersError.vocabularyMismatch`.
  public init(
    _ model: TransformerModel, weights: Fingerprint, folder: URL, maxTokens: Int = 1024, cut: TextCut = .end,
    format: TextFormat.Kind = .router
  ) throws {
    let tokenizer = try Tokenizer(contentsOf: folder.appendingPathComponent("tokenizer.json"))
    try model.configuration.checkVocabulary(tokenizer: tokenizer.vocabularySize, folder: folder.path)
    let settings =
      "\(try AtomicFile.read(folder.appendingPathComponent("config.json"))) \(model.pooling) \(model.precision.rawValue)"
    self.init(
      model: model, tokenizer: tokenizer, fingerprint: weights.combined(with: Fingerprint(Array(settings.utf8))),
      maxTokens: maxTokens, cut: cut, format: try TextFormat(format, folder: folder))
  }

  /// An encoder of parts, e.g. of random weights to be measured.
  ///
  /// - Parameter fingerprint: names model and precision in caches.
  public init(
    model: TransformerModel, tokenizer: Tokenizer, fingerprint: Fingerprint, maxTokens: Int = 1024,
    cut: TextCut = .end, format: TextFormat = .router
  ) {
    self.model = model
    self.fingerprint = fingerprint
    reader = DialogueReader(
      tokenizer: tokenizer, format: format, maxTokens: min(maxTokens, model.configuration.longestText ?? maxTokens),
      cut: cut)
  }

  /// Architecture, weights and settings in one word, as saved routers remember their encoder.
  public var name: String {
    "\(model.configuration.architecture)-\(fingerprint)-\(reader.format.kind.rawValue)-\(maxTokens)-\(reader.cut.rawValue)"
  }

  /// The size of a state.
  public var size: Int { model.configuration.hiddenSize }

  /// What has to be computed for these dialogues: texts whose states the cache has are in no batch.
  ///
  /// - Throws: `DialogueError` for a dialogue that cannot be read.
  public func plan(_ dialogues: [Dialogue], cache: StateCache) throws -> DialoguePlan {
    let plan = DialoguePlan(dialogues, reader: reader, model: model) { cache[StateCache.key($0)] != nil }
    _ = try plan.texts()
    return plan
  }

  /// The pooled states of one batch's texts, a row each, by one forward pass.
  ///
  /// - Parameter workers: threads; by default all cores, because states do not depend on their number.
  /// - Throws: `TransformersError`.
  public func states(
    of batch: TextBatch, workers: Int = ProcessInfo.processInfo.activeProcessorCount, scratch: inout ForwardScratch
  ) throws -> Matrix<Float> {
    try model.pooled(batch.tokens, segments: batch.ends, workers: workers, scratch: &scratch)
  }

  /// The states of all dialogues of a plan, from a cache that has those of its batches: dialogues.count x size.
  public func states(of plan: DialoguePlan, cache: StateCache) throws -> Matrix<Float> {
    let keys = plan.ids.map(StateCache.key)
    var elements: [Float] = []
    elements.reserveCapacity(plan.textOfDialogue.count * size)
    for text in try plan.texts() {
      guard let state = cache[keys[text]] else { preconditionFailure("a batch of the plan did not run") }
      elements += state
    }
    return Matrix(rows: plan.textOfDialogue.count, columns: size, elements: elements)
  }

  /// Plan, forward passes and states in one; what is computed goes to the cache.
  ///
  /// - Throws: `DialogueError`, `TransformersError`.
  public func encode(
    _ dialogues: [Dialogue], cache: inout StateCache
  ) throws -> (states: Matrix<Float>, report: ReadingReport) {
    let plan = try plan(dialogues, cache: cache)
    var report = plan.report
    var scratch = ForwardScratch()
    let clock = ContinuousClock()
    for batch in plan.batches {
      let start = clock.now
      cache.insert(try states(of: batch, scratch: &scratch), of: batch, plan)
      report.count(batch, seconds: (clock.now - start) / .seconds(1))
    }
    return (try states(of: plan, cache: cache), report)
  }
}
