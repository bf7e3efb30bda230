import Foundation
import PreferenceData
import Storage

/// What the scores of a folder belong to: the pairs, by a hash of their bytes, and the reward models, in arm order.
struct CollectionManifest: Sendable {
  private static let format = 1

  private let pairCount: Int
  private let fingerprint: String
  /// The name of each model, and what tells it from another one of this name.
  private let models: [JSONObject]

  init(pairs: [PreferencePair], members: [ScoreCollection.Member]) {
    self.init(pairs: pairs, models: members.map { Self.model($0.description.name, $0.identity) })
  }

  /// The manifest of a finished dataset, which tells no more of a model than its name.
  init(_ dataset: PreferenceDataset) {
    self.init(pairs: dataset.pairs, models: dataset.rewardModels.map { Self.model($0.name) })
  }

  /// - Throws: `StorageError`.
  init(contentsOf url: URL) throws {
    let record = try JSONRecord(contentsOf: url)
    guard try record.integer("format") == Self.format else {
      throw record.mistyped("format", expected: "the number \(Self.format), which this version of the program reads")
    }
    pairCount = try record.integer("pairs")
    fingerprint = try record.string("fingerprint")
    models = try record.records("reward_models").map { record in
      _ = try record.string("name")
      return record.object
    }
  }

  private init(pairs: [PreferencePair], models: [JSONObject]) {
    pairCount = pairs.count
    fingerprint = Fingerprint(DatasetFolder.pairLines(pairs)).description
    self.models = models
  }

  private static func model(_ name: String, _ identity: JSONObject = [:]) -> JSONObject {
    var object: JSONObject = ["name": .string(name)]
    for member in identity.members { object.append(member.key, member.value) }
    return object
  }

  /// The file's content.
  var data: Data {
    let value = JSONValue.object([
      "format": .integer(Self.format), "pairs": .integer(pairCount), "fingerprint": .string(fingerprint),
      "reward_models": .array(models.map { .object($0) }),
    ])
    return Data((value.text(pretty: true) + "\n").utf8)
  }

  /// How `old`, what a folder holds, differs from this; nil if it does not.
  ///
  /// - Parameter namesOnly: whether models of one name are taken for one model.
  func difference(from old: CollectionManifest, namesOnly: Bool = false) -> CollectionDifference? {
    if old.pairCount != pairCount { return .pairCount(found: old.pairCount, expected: pairCount) }
    if old.fingerprint != fingerprint { return .pairs(count: pairCount) }
    if old.names != names { return .rewardModels(found: old.names, expected: names) }
    guard !namesOnly else { return nil }
    for (name, (model, oldModel)) in zip(names, zip(models, old.models)) {
      for key in (model.members + oldModel.members).map(\.key) where model[key] != oldModel[key] {
        return .setting(key, rewardModel: name, found: oldModel[key]?.text(), expected: model[key]?.text())
      }
    }
    return nil
  }

  private var names: [String] {
    models.map { if case .string(let name)? = $0["name"] { name } else { "" } }
  }
}
