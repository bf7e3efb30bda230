import Foundation
import LinearAlgebra
import PreferenceData
import Storage
import Tokenization
import Transformers

/// A prompt and one response to it: the text that an encoder reads.
public struct Dialogue: Hashable, Sendable {
  public let prompt: Prompt
  public let response: String

  public init(prompt: Prompt, response: String) {
    self.prompt = prompt
    self.response = response
  }

  /// The turns before the response.
  var promptMessages: [ChatMessage] {
    switch prompt {
    case .text(let text): [ChatMessage(role: "user", content: text)]
    case .messages(let messages): messages.map { ChatMessage(role: $0.role, content: $0.content) }
    }
  }
}

/// A checkpoint with its tokenizer: turns dialogues into pooled hidden states, each distinct one once.
///
/// Dialogues with the same prompt are encoded side by side: what their tokens share at the beginning is computed once.
/// A state does not depend on the company that its dialogue was encoded in, to the bit.
public struct DialogueEncoder: Sendable {
  public let model: TransformerModel
  public let tokenizer: Tokenizer
  /// What the states depend on beside the tokens: weights, settings and precision.
  public let fingerprint: Fingerprint
  /// Which end of a text that is too long is cut off.
  public enum Cut: String, Sendable, Codable, CaseIterable {
    /// The end, as the published router does: long prompts then leave little of the response.
    case end
    /// The start: the response stays.
    case start
  }

  /// Tokens of a dialogue, special tokens included; the rest of a longer one is cut.
  public let maxTokens: Int
  public let cut: Cut
  /// How a dialogue becomes text.
  public enum Template: String, Sendable, Codable, CaseIterable {
    /// `<|user|>: prompt\n<|assistant|>: response`, that of the published router; the tokenizer's special tokens are added.
    case router
    /// The checkpoint's own chat template, which writes all special tokens itself.
    case chat
  }
  public let template: Template
  private let chatTemplate: ChatTemplate?
  /// New tokens of one forward pass: bounds the memory, and is enough to keep all threads busy.
  public static let tokensAtATime = 8192

  /// - Parameters:
  ///   - folder: of a checkpoint, or of a LoRA adapter, whose `base_model_name_or_path` then names the checkpoint's folder.
  ///   - maxTokens: never more than the model reads.
  /// - Throws: what the model and the tokenizer throw; `TransformersError.vocabularyMismatch`; `RoutingError.context` for an
  ///   adapter without its checkpoint, or in another precision than float32.
  public init(
    folder: URL, maxTokens: Int = 1024, cut: Cut = .end, template: Template = .router,
    precision: Precision = .float32, allowsNonFinite: Bool = false
  ) throws {
    if LoRAAdapter.exists(at: folder) {
      let adapter = try LoRAAdapter(folder: folder)
      let base = try Self.base(of: adapter, in: folder)
      guard precision == .float32 else {
        throw RoutingError.context(
          problem: "\(folder.path): an adapter is merged in float32, not in \(precision.rawValue)")
      }
      try self.init(
        TrainableTransformer(folder: base, adapter: adapter).model,
        weights: Self.fingerprint(adapter, in: folder, base: base), folder: base, maxTokens: maxTokens, cut: cut,
        template: template)
      return
    }
    try self.init(
      TransformerModel(folder: folder, precision: precision, allowsNonFinite: allowsNonFinite),
      weights: CheckpointTensors(folder: folder).fingerprint, folder: folder, maxTokens: maxTokens, cut: cut,
      template: template)
  }

  private static func base(of adapter: LoRAAdapter, in folder: URL) throws -> URL {
    let name = adapter.configuration.baseModelNameOrPath ?? ""
    guard !name.isEmpty, FileManager.default.fileExists(atPath: name) else {
      throw RoutingError.context(
        problem: "\(folder.path): the adapter's base_model_name_or_path, '\(name)', is no folder; put the path of its "
          + "checkpoint into adapter_config.json")
    }
    return URL(fileURLWithPath: name)
  }

  /// Names the weights of a checkpoint with an adapter: by both files of tensors and by the scales of the updates.
  static func fingerprint(_ adapter: LoRAAdapter, in folder: URL, base: URL) throws -> Fingerprint {
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
    _ model: TransformerModel, weights: Fingerprint, folder: URL, maxTokens: Int = 1024, cut: Cut = .end,
    template: Template = .router
  ) throws {
    let tokenizer = try Tokenizer(contentsOf: folder.appendingPathComponent("tokenizer.json"))
    try model.configuration.checkVocabulary(tokenizer: tokenizer.vocabularySize, folder: folder.path)
    let settings =
      "\(try AtomicFile.read(folder.appendingPathComponent("config.json"))) \(model.pooling) \(model.precision.rawValue)"
    self.init(
      model: model, tokenizer: tokenizer, fingerprint: weights.combined(with: Fingerprint(Array(settings.utf8))),
      maxTokens: maxTokens, cut: cut, chatTemplate: template == .chat ? try ChatTemplate(folder: folder) : nil)
  }

  /// An encoder of parts, e.g. of random weights to be measured.
  ///
  /// - Parameters:
  ///   - fingerprint: names model and precision in caches.
  ///   - chatTemplate: makes the text of a dialogue; nil for that of the published router.
  public init(
    model: TransformerModel, tokenizer: Tokenizer, fingerprint: Fingerprint, maxTokens: Int = 1024, cut: Cut = .end,
    chatTemplate: ChatTemplate? = nil
  ) {
    self.model = model
    self.tokenizer = tokenizer
    self.fingerprint = fingerprint
    self.maxTokens = min(maxTokens, model.configuration.longestText ?? maxTokens)
    self.cut = cut
    self.chatTemplate = chatTemplate
    template = chatTemplate == nil ? .router : .chat
  }

  /// Architecture, weights and settings in one word, as saved routers remember their encoder.
  public var name: String {
    "\(model.configuration.architecture)-\(fingerprint)-\(template.rawValue)-\(maxTokens)-\(cut.rawValue)"
  }

  /// The size of a state.
  public var size: Int { model.configuration.hiddenSize }

  /// The tokens of a dialogue, cut to `maxTokens`.
  func encoding(of dialogue: Dialogue) throws -> Encoding {
    let truncation: Truncation = cut == .end ? .keepingFirst(maxTokens) : .keepingLast(maxTokens)
    if let chatTemplate {
      let messages = dialogue.promptMessages + [ChatMessage(role: "assistant", content: dialogue.response)]
      return try tokenizer.encode(messages, template: chatTemplate, truncation: truncation)
    }
    let text = DialogueTemplate.text(prompt: dialogue.promptMessages, response: dialogue.response)
    return tokenizer.encode(text, truncation: truncation)
  }

  /// What has to be computed for these dialogues.
  ///
  /// - Throws: `RoutingError.context` for a dialogue without tokens.
  public func plan(_ dialogues: [Dialogue], cache: StateCache) throws -> EncodingPlan {
    try EncodingPlan(dialogues, encoder: self, cache: cache)
  }

  /// One forward pass; its states go to the cache.
  ///
  /// - Parameter workers: threads; by default all cores, because states do not depend on their number.
  /// - Throws: `TransformersError`.
  public func run(
    _ batch: TextBatch, of plan: EncodingPlan, cache: inout StateCache, report: inout EncodingReport,
    workers: Int = ProcessInfo.processInfo.activeProcessorCount, scratch: inout ForwardScratch
  ) throws {
    let clock = ContinuousClock()
    let start = clock.now
    let states = try model.pooled(batch.tokens, segments: batch.ends, workers: workers, scratch: &scratch)
    report.seconds += (clock.now - start) / .seconds(1)
    report.computedTokens += batch.tokens.tokens.count
    for (row, text) in batch.texts.enumerated() { cache.insert(plan.keys[text], Array(states.row(row))) }
  }

  /// The states of all dialogues of a plan whose batches have run: dialogues.count x size.
  public func states(of plan: EncodingPlan, cache: StateCache) -> Matrix<Float> {
    var elements: [Float] = []
    elements.reserveCapacity(plan.textOfDialogue.count * size)
    for text in plan.textOfDialogue {
      guard let state = cache[plan.keys[text]] else { preconditionFailure("a batch of the plan did not run") }
      elements += state
    }
    return Matrix(rows: plan.textOfDialogue.count, columns: size, elements: elements)
  }

  /// Plan, forward passes and states in one.
  public func encode(
    _ dialogues: [Dialogue], cache: inout StateCache
  ) throws -> (states: Matrix<Float>, report: EncodingReport) {
    let plan = try plan(dialogues, cache: cache)
    var report = plan.report
    var scratch = ForwardScratch()
    for batch in plan.batches { try run(batch, of: plan, cache: &cache, report: &report, scratch: &scratch) }
    return (states(of: plan, cache: cache), report)
  }
}

/// What an encoding took.
public struct EncodingReport: Sendable, Equatable, Codable {
  public var dialogues: Int
  /// Dialogues that differ in their tokens, and those of them whose states were known.
  public var distinctDialogues = 0
  public var knownDialogues = 0
  /// Tokens of the distinct dialogues; of those that were known; and those that went through the model, shared
  /// beginnings once.
  public var tokens = 0
  public var knownTokens = 0
  public var computedTokens = 0
  /// Distinct dialogues that were longer than allowed, and the tokens cut from them.
  public var truncatedDialogues = 0
  public var truncatedTokens = 0
  /// Wall time of the forward passes.
  public var seconds = 0.0

  public init(dialogues: Int) { self.dialogues = dialogues }
}
