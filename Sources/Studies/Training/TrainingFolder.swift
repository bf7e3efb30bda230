import Foundation
import LinearAlgebra
import Reporting
import Routing
import Storage

/// The folder of a training run: made, or found again.
public struct TrainingFolder: Sendable {
  public let url: URL
  public let settings: [String: String]
  /// The folder with where the run stopped; nil for one that has saved nothing yet.
  public let state: URL?
  private let log: Journal

  /// - Throws: where the folder exists and is not to be resumed, or the other way round; where another process trains there;
  ///   `RoutingError.savedState` where the run had other settings.
  public init(_ url: URL, settings: [String: String], resumes: Bool = false) throws {
    self.url = url
    self.settings = settings
    let files = FileManager.default
    let exists = files.fileExists(atPath: url.path)
    guard exists == resumes || (resumes && !exists) else { throw ReportingError.runFolderExists(path: url.path) }
    guard exists || !resumes else {
      throw RoutingError.savedState(path: url.path, .noTrainingRun)
    }
    let stateURL = url.appendingPathComponent(Self.stateName)
    state = files.fileExists(atPath: stateURL.path) ? stateURL : nil
    guard let log = try Journal.lock(url.appendingPathComponent("log.jsonl")) else {
      throw RoutingError.savedState(path: url.path, .trainedElsewhere)
    }
    self.log = log
    _ = try log.recover()
    // A run that was killed before it saved anything has its settings here alone.
    let configuration = url.appendingPathComponent(Self.configurationName)
    guard state == nil, files.fileExists(atPath: configuration.path) else { return }
    do {
      let saved = try JSONDecoder().decode(SavedConfiguration.self, from: Data(try AtomicFile.read(configuration)))
      try OfflineTrainer.requireSame(settings, as: saved.settings, in: configuration)
    } catch is DecodingError {
      throw RoutingError.savedState(path: configuration.path, .noTrainingSettings)
    }
  }

  private static let configurationName = "config.json"

  private struct SavedConfiguration: Decodable {
    let settings: [String: String]
  }

  private static let stateName = "state"
  /// Where the next state goes.
  var stateURL: URL { url.appendingPathComponent(Self.stateName) }

  /// Writes down what a new run begins with.
  public func begin() throws {
    if state == nil { try write(RunConfiguration(settings: settings), to: Self.configurationName) }
  }

  private struct RunConfiguration: Encodable {
    let command = "bayesrouter train"
    let settings: [String: String]
    let machine = Machine.current
    let blas = BLASRuntime.current
  }

  public func write(_ value: some Encodable, to name: String) throws {
    try AtomicFile.write(
      JSONText.document(value, keys: .snakeCase) + Data("\n".utf8), to: url.appendingPathComponent(name))
  }

  /// Appends a line to `log.jsonl`. A run that was killed has the lines of an epoch that it went through again twice.
  public func record(_ event: some Encodable) throws {
    try log.append(Array(JSONText.line(event, keys: .snakeCase)) + Array("\n".utf8))
  }

  public func router(_ name: String) -> URL { url.appendingPathComponent(name) }
}
