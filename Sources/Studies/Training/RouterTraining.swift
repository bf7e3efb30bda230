import Dialogues
import Foundation
import LinearAlgebra
import PreferenceData
import Randomness
import Routing
import Storage

/// How an offline router is trained from recorded judgements.
///
///     let prepared = try await RouterTraining().prepare(dataset, encoder: .frozen(HashedPairEncoder()))
///     let folder = try TrainingFolder(url, settings: prepared.settings(threads: 1))
///     let summary = try TrainingRun(prepared, folder: folder).finish()
public struct RouterTraining: Sendable {
  public var training = OfflineTraining()
  public var set = RouterTrainingSet.Configuration()
  /// The share of the pairs, whole groups of them, that decides which epoch is best; 0 for none.
  public var validation = 0.2
  /// What a reward model's exact tie is: by `half` neither right nor wrong, so that nothing is learnt from it; by
  /// `wrong`, wrong.
  public var ties = TieRule.half

  public init() {}

  /// The encoder behind a router.
  public enum Encoder: Sendable {
    /// Its weights stay as they are: pair features are computed once.
    case frozen(any PairEncoder)
    /// It learns along with the heads.
    case tuned(TunedEncoder)
  }

  /// Splits the pairs, makes the training set, and encodes or reads the pairs.
  ///
  /// - Parameter onEvent: told how far a frozen encoder is.
  /// - Throws: `RoutingError`, `PreferenceDataError`; what the encoder throws.
  public func prepare(
    _ dataset: PreferenceDataset, encoder: Encoder, onEvent: (EncodingEvent) -> Void = { _ in }
  ) async throws -> PreparedTraining {
    var generator = PhiloxGenerator(seed: training.seed, stream: "offline-validation-split")
    let split = try validation > 0 ? PairGroups(dataset.pairs).split(heldOut: validation, using: &generator) : nil
    let behavior = try RewardModelBehavior(dataset, pairs: split?.training ?? Array(dataset.pairs.indices), ties: ties)
    let heldOut = try split.map { try RewardModelBehavior(dataset, pairs: $0.heldOut, ties: ties) }
    let samples = try RouterTrainingSet(behavior, set)
    var settings = try Self.leaves(of: training)
    for (name, value) in try Self.leaves(of: set) { settings["training set " + name] = value }
    settings["pairs and scores"] = Self.fingerprint(dataset).description
    settings["reward models"] = dataset.rewardModels.map(\.name).joined(separator: ", ")
    settings["validation"] = "\(validation)"
    settings[OfflineTrainer.tiesSetting] = ties.rawValue
    switch encoder {
    case .frozen(let encoder):
      let features = try await encoder.features(dataset.pairs, onEvent: onEvent)
      settings["features"] = Fingerprint(Safetensors.Tensor(features.elements).bytes).description
      settings["tune"] = "\(EncoderTuning.frozen)"
      return PreparedTraining(
        trainer: try OfflineTrainer(
          training, set: samples, behavior: behavior, features: features, validation: heldOut),
        encoderName: encoder.name, tuned: nil, settings: settings)
    case .tuned(let tuned):
      let encoder = try tuned.load(Dialogue.both(of: dataset.pairs), training: training)
      settings["tokens"] = encoder.textFingerprint.description
      settings["tune"] = "\(tuned.tuning)"
      settings["tokens a pass"] = "\(tuned.tokensAtATime)"
      settings["checkpointing"] = "\(tuned.isCheckpointing)"
      settings["LoRA alpha"] = tuned.loraAlpha.map { "\($0)" }
      let name = try tuned.startName(encoder)
      return PreparedTraining(
        trainer: try OfflineTrainer(
          training, set: samples, behavior: behavior, encoder: encoder, validation: heldOut),
        encoderName: name, tuned: tuned, settings: settings)
    }
  }

  private static func fingerprint(_ dataset: PreferenceDataset) -> Fingerprint {
    dataset.pairs.enumerated().reduce(Fingerprint([UInt8]())) { hash, entry in
      let (index, pair) = entry
      let scores = dataset.scores.map { "\($0[index].a) \($0[index].b)" }.joined(separator: " ")
      // Groups decide about the split; without them the fingerprint is that of the time before there were groups.
      let group = pair.group.map { " group \($0)" } ?? ""
      return hash.combined(with: Fingerprint(Array("\(pair.id) \(pair.label?.rawValue ?? "") \(scores)\(group)".utf8)))
    }
  }

  /// The leaves of a configuration by name.
  private static func leaves(of value: some Encodable) throws -> [String: String] {
    var leaves: [String: String] = [:]
    func visit(_ value: JSONValue, _ name: String) {
      guard case .object(let object) = value else {
        leaves[name] = value.text()
        return
      }
      for member in object.members { visit(member.value, name.isEmpty ? member.key : "\(name).\(member.key)") }
    }
    visit(try JSONDocument.read(Array(JSONText.line(value)), file: "settings"), "")
    return leaves
  }
}

/// A trainer ready for its first step, with all that names the run.
public struct PreparedTraining: Sendable {
  public var trainer: OfflineTrainer
  /// The name of a frozen encoder, or of that which training begins with.
  public let encoderName: String
  /// The encoder that is trained along; nil for a frozen one.
  public let tuned: TunedEncoder?
  private let settings: [String: String]

  init(trainer: OfflineTrainer, encoderName: String, tuned: TunedEncoder?, settings: [String: String]) {
    self.trainer = trainer
    self.encoderName = encoderName
    self.tuned = tuned
    self.settings = settings
  }

  /// All that a run depends on, as texts: what must be equal for it to be resumed.
  public func settings(threads: Int) -> [String: String] {
    settings.merging(["encoder": encoderName, "threads": "\(threads)"]) { $1 }
  }
}
