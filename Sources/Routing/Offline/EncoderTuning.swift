import Dialogues
import Foundation
import NeuralNetwork
import Storage
import Transformers

/// What of an encoder is trained along with a router's heads.
public enum EncoderTuning: Sendable, Equatable, CustomStringConvertible {
  /// Nothing: pair features are computed once.
  case frozen
  /// The last layers and the final norm.
  case lastLayers(Int)
  case full
  /// A LoRA adapter of this rank on every linear map of the layers.
  case lowRank(Int)

  /// `frozen`, `last:K`, `full` or `lora:R`; nil for any other text.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    let count = parts.count == 2 ? Int(parts[1]).flatMap { $0 > 0 ? $0 : nil } : nil
    switch (parts.first, parts.count, count) {
    case ("frozen", 1, _): self = .frozen
    case ("full", 1, _): self = .full
    case ("last", _, let count?): self = .lastLayers(count)
    case ("lora", _, let rank?): self = .lowRank(rank)
    default: return nil
    }
  }

  public var description: String {
    switch self {
    case .frozen: "frozen"
    case .lastLayers(let count): "last:\(count)"
    case .full: "full"
    case .lowRank(let rank): "lora:\(rank)"
    }
  }
}

/// Where an encoder comes from, how it reads dialogues, and what of it is trained.
public struct TunedEncoder: Sendable {
  /// A checkpoint's folder.
  public let folder: URL
  public let tuning: EncoderTuning
  public var maxTokens = 1024
  public var cut = TextCut.end
  public var format = TextFormat.Kind.router
  /// The alpha of LoRA's scale alpha / rank; nil for twice the rank.
  public var loraAlpha: Double?
  /// See `EncoderInTraining`.
  public var tokensAtATime = DialoguePlan.tokensAtATime
  public var isCheckpointing = false
  /// The seed of fresh adapters.
  public var seed: UInt64 = 1

  /// - Precondition: something is trained.
  public init(folder: URL, tuning: EncoderTuning) {
    precondition(tuning != .frozen, "a frozen encoder is not tuned")
    self.folder = folder
    self.tuning = tuning
  }

  /// Reads the checkpoint and the tokens of the dialogues.
  ///
  /// - Parameter dialogues: of the dataset's pairs, A's and B's of each.
  /// - Throws: what the model and the tokenizer throw; `RoutingError.training`, `RoutingError.context`.
  public func load(_ dialogues: [Dialogue], training: OfflineTraining) throws -> EncoderInTraining {
    let model = try transformer()
    let reader = try dialogueEncoder(model.model, weights: Fingerprint([UInt8]()), folder: folder)
    return try EncoderInTraining(
      model, encodings: dialogues.map(reader.reader.encoding), training, tokensAtATime: tokensAtATime,
      isCheckpointing: isCheckpointing)
  }

  /// The name of the encoder before it was trained.
  public func startName(_ encoder: EncoderInTraining) throws -> String {
    try dialogueEncoder(
      encoder.model.model, weights: CheckpointTensors(folder: folder).fingerprint, folder: folder
    ).name
  }

  /// Writes a trained encoder: a checkpoint with all files that were beside the old one's weights, or an adapter as PEFT writes it.
  ///
  /// - Returns: the name of the encoder that reads it.
  /// - Throws: `StorageError`.
  public func save(_ encoder: EncoderInTraining, to folder: URL) throws -> String {
    guard let adapter = encoder.model.adapter else {
      try encoder.model.save(to: folder)
      return try dialogueEncoder(
        encoder.model.model, weights: CheckpointTensors(folder: folder).fingerprint, folder: folder
      ).name
    }
    try adapter.write(to: folder)
    return try dialogueEncoder(
      encoder.model.model, weights: DialogueEncoder.fingerprint(adapter, in: folder, base: self.folder),
      folder: self.folder
    ).name
  }

  private func dialogueEncoder(
    _ model: TransformerModel, weights: Fingerprint, folder: URL
  ) throws -> DialogueEncoder {
    try DialogueEncoder(model, weights: weights, folder: folder, maxTokens: maxTokens, cut: cut, format: format)
  }

  private func transformer() throws -> TrainableTransformer {
    guard !LoRAAdapter.exists(at: folder) else { throw RoutingError.training(.adapter(folder: folder.path)) }
    let settings = try TransformerConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
    switch tuning {
    case .lastLayers(let count) where count > settings.numHiddenLayers:
      throw RoutingError.training(.tooManyLayers(tuning, folder: folder.path, layers: settings.numHiddenLayers))
    case .lowRank(let rank) where rank > settings.hiddenSize:
      throw RoutingError.training(.rankTooHigh(tuning, folder: folder.path, hiddenSize: settings.hiddenSize))
    default: break
    }
    return switch tuning {
    case .frozen: try TrainableTransformer(folder: folder, trained: .none)
    case .lastLayers(let count): try TrainableTransformer(folder: folder, trained: .lastLayers(count))
    case .full: try TrainableTransformer(folder: folder, trained: .all)
    case .lowRank(let rank):
      try TrainableTransformer(folder: folder, trained: .lowRank(adapterConfiguration(rank, settings)), seed: seed)
    }
  }

  private func adapterConfiguration(_ rank: Int, _ settings: TransformerConfiguration) -> LoRAConfiguration {
    LoRAConfiguration(
      r: rank, loraAlpha: loraAlpha ?? 2 * Double(rank),
      targetModules: LoRAConfiguration.allLinearMaps(of: settings.modelType), taskType: "FEATURE_EXTRACTION",
      baseModelNameOrPath: folder.path)
  }
}
