import Foundation
import Testing

/// Calls `body` with a new folder, which is gone afterwards.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("command-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// The executable that was built together with the tests, beside them; or that of an absolute path.
func executable(_ name: String) throws -> URL {
  if name.hasPrefix("/") { return URL(fileURLWithPath: name) }
  let beside =
    Bundle.allBundles.map(\.bundleURL) + [Bundle.main.bundleURL, Bundle.main.executableURL].compactMap(\.self)
  let candidates = beside.flatMap { [$0, $0.deletingLastPathComponent()] }.map { $0.appendingPathComponent(name) }
  return try #require(
    candidates.first { FileManager.default.isExecutableFile(atPath: $0.path) }, "\(name) is not beside the tests")
}

/// Starts a program with its output thrown away.
func start(_ arguments: [String], program: String = "bayesrouter") throws -> Process {
  let process = Process()
  process.executableURL = try executable(program)
  process.arguments = arguments
  process.standardOutput = FileHandle.nullDevice
  process.standardError = FileHandle.nullDevice
  try process.run()
  return process
}

/// Runs a program to its end.
func run(_ arguments: [String], program: String = "bayesrouter") throws -> (
  status: Int32, output: String, errors: String
) {
  try withTemporaryFolder { folder in
    // Files instead of pipes: a pipe that nobody reads meanwhile would fill.
    let outputs = ["output", "errors"].map { folder.appendingPathComponent($0) }
    for output in outputs { try Data().write(to: output) }
    let process = Process()
    process.executableURL = try executable(program)
    process.arguments = arguments
    process.standardOutput = try FileHandle(forWritingTo: outputs[0])
    process.standardError = try FileHandle(forWritingTo: outputs[1])
    try process.run()
    process.waitUntilExit()
    let texts = try outputs.map { try String(contentsOf: $0, encoding: .utf8) }
    return (process.terminationStatus, texts[0], texts[1])
  }
}
