import Foundation
import Storage

/// The three files of a dataset folder.
///
/// - `pairs.jsonl`: `{"id", "domain"?, "source"?, "group"?, "prompt", "response_a", "response_b", "label": "A" | "B" | null}`, the
///   prompt a text or a list of `{"role", "content"}`; pairs of one group are never parted (`PairGroups`);
/// - `scores.jsonl`: `{"id", "reward_model", "score_a", "score_b"}`, finite numbers;
/// - `rms.json`: `{"reward_models": [{"index", "name", "huggingface_id"?, "parameters"?}]}`, in order from index 0.
///
/// A folder of pairs that no model has scored yet has an empty `scores.jsonl` and an empty list of models. `readPairs` reads
/// it; reading it as a `PreferenceDataset` is an error that says so. Further fields are ignored.
///
/// `pairs.jsonl.gz` and `scores.jsonl.gz` may stand in for the plain files, either of them alone too; a folder that has
/// a file in both forms is refused, because nothing says which is meant. What is written is plain.
public enum DatasetFolder {
  package static func pairs(in folder: URL) -> URL { folder.appendingPathComponent("pairs.jsonl") }
  package static func scores(in folder: URL) -> URL { folder.appendingPathComponent("scores.jsonl") }
  package static func rewardModels(in folder: URL) -> URL { folder.appendingPathComponent("rms.json") }

  /// The pairs alone, which also a folder without scores has.
  ///
  /// - Throws: `StorageError` or `PreferenceDataError`, with file, line and field.
  public static func readPairs(_ folder: URL) throws -> [PreferencePair] {
    let file = try DataFile.plainOrCompressed(pairs(in: folder))
    var pairs: [PreferencePair] = []
    var lines: [String: Int] = [:]
    try JSONLines.read(file) { record in
      let pair = try PreferencePair(record)
      // Blank lines only end the file, so the n-th record is line n.
      if let first = lines.updateValue(pairs.count + 1, forKey: pair.id) {
        throw PreferenceDataError.duplicatePair(place: record.place, id: pair.id, first: "line \(first)")
      }
      pairs.append(pair)
    }
    guard !pairs.isEmpty else { throw PreferenceDataError.noPairs(file: file.path) }
    return pairs
  }

  /// The pool in arm order.
  ///
  /// - Throws: `StorageError` or `PreferenceDataError`, also where the list is empty.
  public static func readRewardModels(_ folder: URL) throws -> [RewardModelDescription] {
    let file = rewardModels(in: folder)
    var names: Set<String> = []
    let models = try JSONRecord(contentsOf: file).records("reward_models").enumerated().map { index, record in
      let model = try RewardModelDescription(record, index: index)
      guard names.insert(model.name).inserted else {
        throw PreferenceDataError.duplicateRewardModel(place: record.place, name: model.name)
      }
      return model
    }
    guard !models.isEmpty else { throw PreferenceDataError.noRewardModels(file: file.path) }
    return models
  }

  /// `scores[arm][pair]` of the lines of a `scores.jsonl`, nil where it has none; `file` is its name in error texts.
  ///
  /// - Throws: `StorageError`; `PreferenceDataError` for a score of another pair or model, and for a second one.
  package static func scores(
    _ bytes: [UInt8], file: String, pairs: [PreferencePair], rewardModels: [RewardModelDescription]
  ) throws -> [[ScorePair?]] {
    let pairIndex = Dictionary(uniqueKeysWithValues: pairs.enumerated().map { ($1.id, $0) })
    let armIndex = Dictionary(uniqueKeysWithValues: rewardModels.enumerated().map { ($1.name, $0) })
    var scores = [[ScorePair?]](repeating: Array(repeating: nil, count: pairs.count), count: rewardModels.count)
    try JSONLines.read(bytes, file: file) { record in
      let id = try record.string("id")
      let name = try record.string("reward_model")
      let score = ScorePair(a: try record.finite("score_a"), b: try record.finite("score_b"))
      guard let pair = pairIndex[id] else { throw PreferenceDataError.unknownPair(place: record.place, id: id) }
      guard let arm = armIndex[name] else {
        throw PreferenceDataError.unknownRewardModel(place: record.place, name: name, known: rewardModels.map(\.name))
      }
      guard scores[arm][pair] == nil else {
        throw PreferenceDataError.duplicateScore(place: record.place, id: id, rewardModel: name)
      }
      scores[arm][pair] = score
    }
    return scores
  }

  /// The content of `pairs.jsonl`.
  package static func pairLines(_ pairs: [PreferencePair]) -> [UInt8] {
    lines(pairs.lazy.map(\.json))
  }

  /// The lines of `scores.jsonl` for these scores, in their order.
  package static func scoreLines(
    _ scores: some Sequence<(pair: PreferencePair, rewardModel: RewardModelDescription, score: ScorePair)>
  ) -> [UInt8] {
    lines(
      scores.lazy.map { pair, rewardModel, score in
        .object([
          "id": .string(pair.id), "reward_model": .string(rewardModel.name),
          "score_a": .number(score.a), "score_b": .number(score.b),
        ])
      })
  }

  private static func lines(_ values: some Sequence<JSONValue>) -> [UInt8] {
    var bytes: [UInt8] = []
    for value in values {
      value.append(to: &bytes)
      bytes.append(UInt8(ascii: "\n"))
    }
    return bytes
  }
}

extension PreferenceDataset {
  /// Reads a dataset folder, strictly.
  ///
  /// - Parameter names: the reward models to keep, in this order; all if nil. Scores of the others are checked line by
  ///   line, but may be missing.
  /// - Throws: `StorageError` or `PreferenceDataError`, with file, line and field.
  /// - Complexity: linear in the bytes of the files; each is read whole.
  public init(folder: URL, rewardModels names: [String]? = nil) throws {
    let models = try DatasetFolder.readRewardModels(folder)
    let arms = try Self.arms(of: names ?? models.map(\.name), among: models)
    let pairs = try DatasetFolder.readPairs(folder)
    let file = try DataFile.plainOrCompressed(DatasetFolder.scores(in: folder))
    let scores = try DatasetFolder.scores(
      DataFile.read(file), file: file.path, pairs: pairs, rewardModels: models)
    let complete = try arms.map { arm in
      let row = scores[arm].compactMap(\.self)
      guard row.count == pairs.count else {
        let first = scores[arm].firstIndex { $0 == nil } ?? 0
        throw PreferenceDataError.missingScores(
          file: file.path, rewardModel: models[arm].name, count: pairs.count - row.count,
          pairs: pairs.count, firstID: pairs[first].id)
      }
      return row
    }
    self.init(pairs: pairs, rewardModels: arms.map { models[$0] }, scores: complete)
  }

  /// Writes the dataset folder in one step: on any error, and after a crash, the name holds the old content or nothing.
  ///
  /// - Parameter replacing: whether an existing folder may be replaced.
  /// - Throws: `StorageError`; `PreferenceDataError` where what is written could not be read again.
  public func write(to folder: URL, replacing: Bool = false) throws {
    try checkReadable(in: folder)
    try AtomicFolder.write(to: folder, replacing: replacing) { try writeFiles(in: $0) }
  }

  /// Writes the three files into a folder that exists, each in one step, over older ones.
  ///
  /// - Throws: `StorageError`; `PreferenceDataError` where what is written could not be read again.
  package func write(into folder: URL) throws {
    try checkReadable(in: folder)
    try writeFiles(in: folder)
  }

  private func writeFiles(in folder: URL) throws {
    try AtomicFile.write(Data(DatasetFolder.pairLines(pairs)), to: DatasetFolder.pairs(in: folder))
    let scoreLines = DatasetFolder.scoreLines(
      pairs.indices.lazy.flatMap { pair in
        rewardModels.indices.lazy.map { arm in (pairs[pair], rewardModels[arm], scores[arm][pair]) }
      })
    try AtomicFile.write(Data(scoreLines), to: DatasetFolder.scores(in: folder))
    let models = rewardModels.enumerated().map { index, model in model.json(index: index) }
    let document = JSONValue.object(["reward_models": .array(models)]).text(pretty: true) + "\n"
    try AtomicFile.write(Data(document.utf8), to: DatasetFolder.rewardModels(in: folder))
  }

  /// Throws what a reader of the written folder would have to throw.
  private func checkReadable(in folder: URL) throws {
    guard !pairs.isEmpty else { throw PreferenceDataError.noPairs(file: folder.path) }
    var lines: [String: Int] = [:]
    for (index, pair) in pairs.enumerated() {
      if let first = lines.updateValue(index + 1, forKey: pair.id) {
        let place = FilePlace(file: DatasetFolder.pairs(in: folder).path, line: index + 1)
        throw PreferenceDataError.duplicatePair(place: place, id: pair.id, first: "line \(first)")
      }
    }
    var names: Set<String> = []
    for (model, row) in zip(rewardModels, scores) {
      guard names.insert(model.name).inserted else {
        let place = FilePlace(file: DatasetFolder.rewardModels(in: folder).path)
        throw PreferenceDataError.duplicateRewardModel(place: place, name: model.name)
      }
      if let bad = row.firstIndex(where: { !($0.a.isFinite && $0.b.isFinite) }) {
        throw PreferenceDataError.scoreNotFinite(rewardModel: model.name, id: pairs[bad].id)
      }
    }
  }
}
