import Foundation
import PreferenceData

/// Calls `body` with a new folder, which is gone afterwards.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("preference-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

func write(_ text: String, _ name: String, in folder: URL) throws {
  let file = folder.appendingPathComponent(name)
  try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
  try Data(text.utf8).write(to: file)
}

/// The texts of a small valid dataset folder, to be damaged one at a time.
struct FolderTexts {
  var pairs: String? = """
    {"id": "p1", "domain": "math", "prompt": "1+1?", "response_a": "2", "response_b": "3", "label": "A"}
    {"id": "p2", "source": "s", "prompt": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes?"}, {"role": "user", "content": "bye"}], "response_a": "", "response_b": "é", "label": "B", "unknown": 1}
    {"id": "p3", "domain": "math", "prompt": "1+1?", "response_a": "x", "response_b": "y", "label": null}

    """
  var scores: String? = """
    {"id": "p1", "reward_model": "m1", "score_a": 1, "score_b": -0.5}
    {"id": "p1", "reward_model": "m2", "score_a": 1e-3, "score_b": 2}
    {"id": "p2", "reward_model": "m1", "score_a": 0, "score_b": 0}
    {"id": "p2", "reward_model": "m2", "score_a": 0, "score_b": 1}
    {"id": "p3", "reward_model": "m2", "score_a": 5, "score_b": 6}
    {"id": "p3", "reward_model": "m1", "score_a": 7, "score_b": 8}

    """
  var models: String? = """
    {"reward_models": [{"index": 0, "name": "m1", "huggingface_id": "org/m1", "parameters": 2e9}, {"index": 1, "name": "m2"}], "note": ""}
    """

  func write(to folder: URL) throws {
    for (name, text) in [("pairs.jsonl", pairs), ("scores.jsonl", scores), ("rms.json", models)] {
      if let text { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
    }
  }
}

/// Real data beside the package, where they are there.
enum RealData {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared/data")

  static let judgeBench = folder.appendingPathComponent("judgebench")
  static let hanna = folder.appendingPathComponent("hanna")
  static let wmt22 = folder.appendingPathComponent("wmt22")

  /// Whether a dataset is there; says so where it is not.
  static func isPresent(_ folder: URL) -> Bool {
    let isPresent = FileManager.default.fileExists(atPath: folder.appendingPathComponent("rms.json").path)
    if !isPresent { print("skipped: there is no ../shared/data/\(folder.lastPathComponent) beside the package") }
    return isPresent
  }
}
