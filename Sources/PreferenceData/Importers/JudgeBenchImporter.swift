import Foundation
import Storage

/// Reads a clone of github.com/ScalerLab/JudgeBench: pairs in `data/*.jsonl`, and the scores of reward models in
/// `outputs/<data file's name>,judge_name=reward_model,judge_model=<org>_<model>.jsonl`.
///
/// Pairs keep the order and sides of the data files. Data files that no reward model judged are left out. The models are
/// ordered by nominal size, largest first, then by id. Each output line repeats its pair and has
/// `judgments: [{"judgment": {"judge_model", "scores": [score of A, score of B]}, …}, …]`; the first judgement, in the order
/// A, B, is taken. Each file may be compressed with gzip, its name then ending in `.jsonl.gz`. Source: Tan et al.,
/// "JudgeBench", arXiv 2410.12784.
public enum JudgeBenchImporter {
  private static let judge = ",judge_name=reward_model,"

  /// - Throws: `StorageError` or `PreferenceDataError`, with file and line.
  public static func read(_ folder: URL) throws -> ImportedDataset {
    let dataFiles = try list(folder, "data") { baseName($0) != nil }
    let outputFiles = try list(folder, "outputs") { $0.contains(judge) && baseName($0) != nil }
    var pairs: [PreferencePair] = []
    var indexOfPair: [String: Int] = [:]
    var notes: [String] = []
    var judged: Set<URL> = []
    for file in dataFiles {
      let prefix = (baseName(file.lastPathComponent) ?? "") + judge
      let outputs = outputFiles.filter { $0.lastPathComponent.hasPrefix(prefix) }
      guard !outputs.isEmpty else {
        notes.append("\(file.lastPathComponent) was left out: no reward model judged it")
        continue
      }
      judged.formUnion(outputs)
      try JSONLines.read(file) { record in
        let pair = try readPair(record)
        if let first = indexOfPair.updateValue(pairs.count, forKey: pair.id) {
          throw PreferenceDataError.duplicatePair(place: record.place, id: pair.id, first: "pair \(first + 1)")
        }
        pairs.append(pair)
      }
    }
    guard !pairs.isEmpty else {
      throw PreferenceDataError.notJudgeBench(
        folder: folder.path, missing: "file in data/ that one in outputs/ with judge_name=reward_model judged")
    }

    var scores: [String: [ScorePair?]] = [:]
    for file in outputFiles where judged.contains(file) {
      try JSONLines.read(file) { record in
        let pair = try readPair(record)
        guard let index = indexOfPair[pair.id] else {
          throw PreferenceDataError.unknownPair(place: record.place, id: pair.id)
        }
        guard pair == pairs[index] else {
          throw PreferenceDataError.differs(
            place: record.place, id: pair.id, what: "the text or label", reference: "data/")
        }
        let (model, score) = try readScore(record, id: pair.id)
        var row = scores[model] ?? Array(repeating: nil, count: pairs.count)
        guard row[index] == nil else {
          throw PreferenceDataError.duplicateScore(place: record.place, id: pair.id, rewardModel: model)
        }
        // Drops the dictionary's reference, so that the row is not copied for each line.
        scores[model] = nil
        row[index] = score
        scores[model] = row
      }
    }
    return ImportedDataset(dataset: try assemble(pairs, scores, folder: folder), notes: notes)
  }

  private static func assemble(
    _ pairs: [PreferencePair], _ scores: [String: [ScorePair?]], folder: URL
  ) throws -> PreferenceDataset {
    let models = RewardModelDescription.describe(huggingFaceIDs: scores.keys.sorted())
      .sorted { ($0.parameters ?? 0, $1.name) > ($1.parameters ?? 0, $0.name) }
    let rows = try models.map { model in
      let row = scores[model.huggingFaceID ?? ""] ?? []
      let complete = row.compactMap(\.self)
      guard complete.count == pairs.count else {
        throw PreferenceDataError.missingScores(
          file: folder.appendingPathComponent("outputs").path, rewardModel: model.name,
          count: pairs.count - complete.count, pairs: pairs.count, firstID: pairs[row.firstIndex { $0 == nil } ?? 0].id)
      }
      return complete
    }
    return PreferenceDataset(pairs: pairs, rewardModels: models, scores: rows)
  }

  /// The pair that a line of a data file or an output file holds.
  private static func readPair(_ record: JSONRecord) throws -> PreferencePair {
    let label: ResponseSide
    switch try record.string("label") {
    case "A>B": label = .a
    case "B>A": label = .b
    default: throw record.mistyped("label", expected: "\"A>B\" or \"B>A\"")
    }
    let source = try record.string("source")
    return PreferencePair(
      id: try record.string("pair_id"), domain: domain(of: source), source: source,
      prompt: .text(try record.string("question")), responseA: try record.string("response_A"),
      responseB: try record.string("response_B"), label: label)
  }

  /// The four domains of the paper; another source is its own domain.
  private static func domain(of source: String) -> String {
    let domains = [
      ("mmlu-pro", "knowledge"), ("livebench-reasoning", "reasoning"), ("livebench-math", "math"),
      ("livecodebench", "coding"),
    ]
    return domains.first { source.hasPrefix($0.0) }?.1 ?? source
  }

  private static func readScore(_ record: JSONRecord, id: String) throws -> (model: String, score: ScorePair) {
    guard case .object(let first)? = try record.array("judgments").first,
      case .object(let judgment)? = first["judgment"],
      case .string(let model)? = judgment["judge_model"], case .array(let scores)? = judgment["scores"],
      scores.count == 2,
      let a = scores[0].double, let b = scores[1].double, a.isFinite, b.isFinite
    else { throw PreferenceDataError.failedJudgment(place: record.place, id: id) }
    return (model, ScorePair(a: a, b: b))
  }

  /// A file's name without `.jsonl` or `.jsonl.gz`; nil for another ending.
  private static func baseName(_ name: String) -> String? {
    [".jsonl", ".jsonl" + DataFile.compressedEnding].first { name.hasSuffix($0) }.map {
      String(name.dropLast($0.count))
    }
  }

  /// The files of a subfolder in the order of their names.
  private static func list(_ folder: URL, _ name: String, where isWanted: (String) -> Bool) throws -> [URL] {
    let subfolder = folder.appendingPathComponent(name)
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: subfolder.path) else {
      throw PreferenceDataError.notJudgeBench(folder: folder.path, missing: "folder \(name)/")
    }
    return names.filter(isWanted).sorted().map { subfolder.appendingPathComponent($0) }
  }
}
