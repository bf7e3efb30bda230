import Foundation
import PreferenceData
import Storage

/// The folder that scores are collected in.
///
/// While scores are missing it holds `scores.journal.jsonl`, lines as in `scores.jsonl` in the order in which they
/// were known, and `collect.json`, what they belong to. At the end come the three files of a dataset folder; then
/// `collect.json` goes, by which the folder is finished, then the journal. Whoever writes has the journal locked.
struct CollectionFolder: Sendable {
  enum State {
    /// It holds the dataset that was asked for.
    case finished
    /// Scores are missing, or known but not written yet. `scores[arm][pair]` is what an earlier run left;
    /// `droppedBytes`, what a crash cut short.
    case open(CollectionFolder, scores: [[ScorePair?]], droppedBytes: Int)
  }

  let journal: Journal
  private let url: URL
  private let manifest: CollectionManifest

  /// Looks at the folder, which is made where it is missing, and locks it if work is left.
  ///
  /// - Throws: `PoolError` where the folder holds something else or another run is at work; `StorageError` or
  ///   `PreferenceDataError` where what it holds is broken.
  static func open(
    _ url: URL, pairs: [PreferencePair], members: [ScoreCollection.Member]
  ) throws -> State {
    let manifest = CollectionManifest(pairs: pairs, members: members)
    if try isFinished(url, manifest) { return .finished }
    guard let journal = try Journal.lock(journalFile(url)) else { throw PoolError.busy(folder: url.path) }
    // The run that held the lock a moment ago may have finished.
    if try isFinished(url, manifest) { return .finished }

    let (lines, droppedBytes) = try journal.recover()
    let folder = CollectionFolder(journal: journal, url: url, manifest: manifest)
    // Without scores nothing is lost by taking other models or pairs.
    if !lines.isEmpty { try folder.checkManifest() }
    let scores = try DatasetFolder.scores(
      lines, file: journal.url.path, pairs: pairs, rewardModels: members.map(\.description))
    return .open(folder, scores: scores, droppedBytes: droppedBytes)
  }

  /// Says what the journal's lines will belong to; to be called before the first is written.
  func begin() throws {
    try AtomicFile.write(manifest.data, to: Self.manifestFile(url))
  }

  /// Turns the folder into a dataset folder.
  func finish(_ dataset: PreferenceDataset) throws {
    try dataset.write(into: url)
    try AtomicFile.remove(Self.manifestFile(url))
    try AtomicFile.remove(journal.url)
  }

  private static let journalName = "scores.journal.jsonl"
  private static let manifestName = "collect.json"

  private static func journalFile(_ url: URL) -> URL { url.appendingPathComponent(journalName) }
  private static func manifestFile(_ url: URL) -> URL { url.appendingPathComponent(manifestName) }

  /// Whether the folder is the dataset folder that was asked for; false where it is new or unfinished.
  private static func isFinished(_ url: URL, _ manifest: CollectionManifest) throws -> Bool {
    let names = Set((try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? [])
    if names.contains(manifestName) { return false }
    let files = [DatasetFolder.pairs(in: url), DatasetFolder.scores(in: url), DatasetFolder.rewardModels(in: url)]
    guard names.isSuperset(of: files.map(\.lastPathComponent)) else {
      // Hidden files are what killed writes and file managers leave.
      if let other = names.sorted().first(where: { $0 != journalName && !$0.hasPrefix(".") }) {
        throw PoolError.foreignFile(folder: url.path, name: other)
      }
      return false
    }
    let dataset: PreferenceDataset
    do {
      dataset = try PreferenceDataset(folder: url)
    } catch {
      throw PoolError.unreadableDataset(folder: url.path, cause: "\(error)")
    }
    if let difference = manifest.difference(from: CollectionManifest(dataset), namesOnly: true) {
      throw PoolError.otherDataset(folder: url.path, difference)
    }
    // A kill between the last two steps leaves it.
    if names.contains(journalName) { try AtomicFile.remove(journalFile(url)) }
    return true
  }

  private func checkManifest() throws {
    let file = Self.manifestFile(url)
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw PoolError.unexplainedScores(
        folder: url.path, journal: Self.journalName, manifest: Self.manifestName)
    }
    if let difference = manifest.difference(from: try CollectionManifest(contentsOf: file)) {
      throw PoolError.otherRun(folder: url.path, difference)
    }
  }
}
