import Foundation
import PreferenceData
import Storage

/// The calibrations of a pool of reward models, one each, found by name.
public struct PoolCalibration: Sendable, Equatable {
  /// One calibration a model, in the order of the pool that it was made for.
  public private(set) var arms: [MarginCalibration]

  /// Calibrations made one by one.
  ///
  /// - Throws: `RoutingError.duplicateArm` where two have the same name.
  public init(_ arms: [MarginCalibration]) throws(RoutingError) {
    var names: Set<String> = []
    for arm in arms where !names.insert(arm.rewardModel).inserted { throw .duplicateArm(name: arm.rewardModel) }
    self.arms = arms
  }

  /// The prior alone for each model: a start without offline data.
  ///
  /// - Throws: `RoutingError.duplicateArm` where a name is there twice.
  public init(rewardModels: [String]) throws(RoutingError) {
    try self.init(rewardModels.map { MarginCalibration(rewardModel: $0) })
  }

  /// The calibration by the labelled pairs of a dataset. Pairs without label are left out, and so are a model's ties.
  ///
  /// - Throws: `RoutingError.calibration` where no pair has a label, and for a margin that is NaN or infinite.
  public init(fitting dataset: PreferenceDataset) throws(RoutingError) {
    guard dataset.pairs.contains(where: { $0.label != nil }) else {
      throw .calibration(.noLabels(pairs: dataset.pairs.count))
    }
    var arms: [MarginCalibration] = []
    for (arm, model) in dataset.rewardModels.enumerated() {
      arms.append(
        try MarginCalibration(rewardModel: model.name, judgements: dataset.labelledJudgements(arm: arm)))
    }
    try self.init(arms)
  }

  /// The names, in the order of `arms`.
  public var rewardModels: [String] { arms.map(\.rewardModel) }

  /// The calibration of a model; nil for an unknown name.
  public subscript(rewardModel: String) -> MarginCalibration? {
    arms.first { $0.rewardModel == rewardModel }
  }

  /// What the last online margins say against the scales of the fits, a warning a model at most.
  public var scaleWarnings: [ScaleWarning] { arms.compactMap(\.scaleWarning) }

  /// The probability that the model is right, as `MarginCalibration.probability(margin:pair:)` gives it.
  ///
  /// - Throws: `RoutingError.unknownArm`, `RoutingError.calibration`.
  public func probability(rewardModel: String, margin: Double, pair: String? = nil) throws(RoutingError) -> Double {
    try arms[index(rewardModel)].probability(margin: margin, pair: pair)
  }

  /// The log-odds of the model's judgement, as `MarginCalibration.logOdds(margin:pair:)` gives them.
  ///
  /// - Throws: `RoutingError.unknownArm`, `RoutingError.calibration`.
  public func logOdds(rewardModel: String, margin: Double, pair: String? = nil) throws(RoutingError) -> Double {
    try arms[index(rewardModel)].logOdds(margin: margin, pair: pair)
  }

  /// Shows the model's calibration a margin, as `MarginCalibration.observe(margin:pair:)` does.
  ///
  /// - Throws: `RoutingError.unknownArm`, `RoutingError.calibration`.
  public mutating func observe(rewardModel: String, margin: Double, pair: String? = nil) throws(RoutingError) {
    try arms[index(rewardModel)].observe(margin: margin, pair: pair)
  }

  /// Shows the model's calibration a judgement, as `MarginCalibration.observe(margin:isRight:pair:)` does.
  ///
  /// - Throws: `RoutingError.unknownArm`, `RoutingError.calibration`.
  public mutating func observe(
    rewardModel: String, margin: Double, isRight: Bool, pair: String? = nil
  ) throws(RoutingError) {
    try arms[index(rewardModel)].observe(margin: margin, isRight: isRight, pair: pair)
  }

  private func index(_ rewardModel: String) throws(RoutingError) -> Int {
    guard let index = arms.firstIndex(where: { $0.rewardModel == rewardModel }) else {
      throw .unknownArm(name: rewardModel, known: rewardModels)
    }
    return index
  }
}

extension PreferenceDataset {
  /// The judgements of an arm on the labelled pairs, ties among them, in the order of the pairs.
  public func labelledJudgements(arm: Int) -> [MarginCalibration.Judgement] {
    zip(pairs, scores[arm]).compactMap { pair, scores in
      pair.label.map { label in
        MarginCalibration.Judgement(pair: pair.id, margin: scores.a - scores.b, isRight: scores.preferred == label)
      }
    }
  }
}

// MARK: Files

extension PoolCalibration: Codable {
  private static let formatVersion = 1

  private enum CodingKeys: CodingKey {
    case formatVersion, rewardModels
  }

  /// The part of a file that is read first.
  private struct Version: Decodable {
    let formatVersion: Int
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(Self.formatVersion, forKey: .formatVersion)
    try container.encode(arms, forKey: .rewardModels)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    do {
      try self.init(try container.decode([MarginCalibration].self, forKey: .rewardModels))
    } catch let error as RoutingError {
      throw DecodingError.dataCorruptedError(
        forKey: .rewardModels, in: container, debugDescription: error.description)
    }
  }

  /// Writes the file in one step: JSON with the format version and, for each model, its name, a, b, covariance, ln s, the counts and the
  /// range of its calibration pairs, and what online updates need to go on bit for bit.
  ///
  /// - Parameter replacing: whether an existing file may be replaced.
  /// - Throws: `StorageError`.
  public func write(to url: URL, replacing: Bool = false) throws {
    guard replacing || !FileManager.default.fileExists(atPath: url.path) else {
      throw StorageError.exists(path: url.path)
    }
    try AtomicFile.write(try JSONText.document(self) + Data("\n".utf8), to: url)
  }

  /// Reads a file that `write` wrote.
  ///
  /// - Parameter rewardModels: the models that it must be of, in any order; nil takes any.
  /// - Throws: `RoutingError.savedState` with what differs, `StorageError`.
  public init(contentsOf url: URL, rewardModels: [String]? = nil) throws {
    let bytes = Data(try AtomicFile.read(url))
    do {
      let version = try JSONDecoder().decode(Version.self, from: bytes).formatVersion
      guard version == Self.formatVersion else {
        throw RoutingError.savedState(
          path: url.path, .formatVersion(found: version, readable: Self.formatVersion))
      }
      self = try JSONDecoder().decode(PoolCalibration.self, from: bytes)
    } catch let error as DecodingError {
      throw RoutingError.savedState(path: url.path, .notADescription(of: .calibration, ManifestProblem(error)))
    }
    if let rewardModels { try checkRewardModels(rewardModels, path: url.path) }
  }

  /// - Throws: `RoutingError.savedState` where the calibration is not of these models, in any order.
  func checkRewardModels(_ expected: [String], path: String) throws(RoutingError) {
    let missing = expected.filter { self[$0] == nil }
    let surplus = rewardModels.filter { !expected.contains($0) }
    guard missing.isEmpty, surplus.isEmpty else {
      throw .savedState(path: path, .otherCalibration(missing: missing, surplus: surplus))
    }
  }
}
