import Dialogues
import Foundation
import PreferenceData
import RewardModelPools
import RewardModels
import Storage

/// Calls `body` with a new folder, which is gone afterwards.
func withTemporaryFolder<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pools-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try await body(folder)
}

func write(_ text: String, to file: URL) throws {
  try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
  try Data(text.utf8).write(to: file)
}

/// The bytes of a folder's files by name.
func contents(_ folder: URL) throws -> [String: Data] {
  let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
  return try Dictionary(
    uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: folder.appendingPathComponent($0))) })
}

/// What models were asked: "model/pair/side", in order.
actor CallLog {
  private(set) var asked: [String] = []
  func add(_ names: [String]) { asked += names }
}

/// Scores by a hash of the text, with all digits of a double; fails the pairs it is told to.
struct FakeModel: RewardModel {
  struct Failure: Error, CustomStringConvertible {
    let pairID: String
    var description: String { "no answer for \(pairID)" }
  }

  let name: String
  let log: CallLog
  var failing: Set<String> = []
  /// Awaited at the beginning of each call.
  var meet: (@Sendable () async -> Void)?

  func scores(_ requests: [ScoringRequest]) async throws -> [Double] {
    try await outcomes(requests).map { try $0.get() }
  }

  func outcomes(_ requests: [ScoringRequest]) async -> [ScoringOutcome] {
    await log.add(requests.map { "\(name)/\($0.pairID)/\($0.side.rawValue)" })
    await meet?()
    return requests.map { request in
      failing.contains(request.pairID)
        ? .failure(Failure(pairID: request.pairID))
        : .success(Self.score(name, request.dialogue.prompt.text, request.response))
    }
  }

  static func score(_ name: String, _ prompt: String, _ response: String) -> Double {
    let hash = Fingerprint(Array("\(name)\n\(prompt)\n\(response)".utf8))
    // From 1e-300 to 1e300, half of them negative.
    return (Double(hash.high) * 0x1p-63 - 1) * pow(10, Double(hash.low % 601) - 300)
  }
}

/// Nobody leaves before `count` callers have come.
actor Meeting {
  private var left: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(_ count: Int) { left = count }

  func join() async {
    left -= 1
    if left <= 0 {
      for continuation in waiting { continuation.resume() }
      waiting = []
    } else {
      await withCheckedContinuation { waiting.append($0) }
    }
  }
}

/// Cancels a task once so much progress was made.
actor Canceller {
  private let limit: Int
  private var done = 0
  private var task: Task<CollectionReport, any Error>?

  init(after limit: Int) { self.limit = limit }

  func watch(_ task: Task<CollectionReport, any Error>) {
    self.task = task
    advance(by: 0)
  }

  func advance(by count: Int) {
    done += count
    if done >= limit { task?.cancel() }
  }
}
