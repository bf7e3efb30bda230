import CommandSupport
import ArgumentParser
import Foundation
import RouterKit

/// `router-bench tokenizer`: how fast texts become ids.
struct TokenizerSpeed: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenizer", abstract: "Time encoding of a dataset's texts on one thread.",
    discussion: """
      A pass encodes each prompt and each response of the dataset by a call of its own. Every pass begins without remembered \
      words; `warm` passes keep those of the passes before. Special tokens are added, nothing is truncated.

      EXAMPLE
        router-bench tokenizer --model tokenizer.json --data judgebench
      """)

  @Option(help: "A tokenizer.json.")
  var model: String
  @Option(help: "A dataset folder.")
  var data: String
  @Option(help: "Timed passes over all texts.")
  var repetitions = 9
  @Flag(help: "Print one JSON object.")
  var json = false

  private struct Report: Encodable {
    let texts: Int
    let bytes: Int
    let tokens: Int
    let repetitions: Int
    let loadMilliseconds: Double
    let medianSeconds: Double
    let p95Seconds: Double
    let warmMedianSeconds: Double
    let tokensPerSecond: Double
    let megabytesPerSecond: Double
  }

  func validate() throws {
    guard repetitions > 0 else { throw ValidationError("--repetitions is at least 1") }
  }

  func run() throws {
    let pairs = try DatasetFolder.readPairs(URL(fileURLWithPath: data))
    let texts = pairs.flatMap { [$0.prompt.text, $0.responseA, $0.responseB] }
    var result = Result { try Tokenizer(contentsOf: URL(fileURLWithPath: model)) }
    let load = wallSeconds(repetitions: 3) {
      result = Result { try Tokenizer(contentsOf: URL(fileURLWithPath: model)) }
    }
    let tokenizer = try result.get()
    var tokens = 0
    func pass(_ tokenizer: Tokenizer) {
      tokens = 0
      for text in texts { tokens += tokenizer.encode(text, truncation: .none).ids.count }
    }
    let cold = wallSeconds(repetitions: repetitions) { pass(tokenizer.withoutRememberedWords()) }
    let warm = wallSeconds(repetitions: repetitions) { pass(tokenizer) }
    let bytes = texts.reduce(0) { $0 + $1.utf8.count }
    let report = Report(
      texts: texts.count, bytes: bytes, tokens: tokens, repetitions: repetitions,
      loadMilliseconds: load.median * 1e3, medianSeconds: cold.median, p95Seconds: cold.p95,
      warmMedianSeconds: warm.median, tokensPerSecond: Double(tokens) / cold.median,
      megabytesPerSecond: Double(bytes) / cold.median / 1e6)
    if json { return try printJSON(report) }
    print("\(report.texts) texts, \(bytes) bytes, \(tokens) tokens; one thread, \(repetitions) passes")
    print(
      String(
        format: "load %.1f ms\ncold %.1f MB/s, %.2f million tokens/s (median %.1f ms, p95 %.1f ms)\nwarm %.1f MB/s",
        report.loadMilliseconds, report.megabytesPerSecond, report.tokensPerSecond / 1e6, cold.median * 1e3,
        cold.p95 * 1e3, Double(bytes) / warm.median / 1e6))
  }
}
