import Foundation
import RouterKit

/// Prints a value as one indented JSON object, its keys in snake case.
public func printJSON(_ value: some Encodable, keys: JSONText.Keys = .snakeCase) throws {
  print(String(decoding: try JSONText.document(value, keys: keys), as: UTF8.self))
}

/// Writes lines to standard error: standard output is the result's alone.
public func tell(_ text: String) {
  FileHandle.standardError.write(Data((text + "\n").utf8))
}

/// Tells what to know before believing the figures.
public func warn(_ text: String) {
  tell("warning: \(text)")
}

/// The progress bar of an encoder, which knows how much there is to do only once it has read the texts.
public struct EncodingProgress {
  private var bar: ProgressBar?
  private var done = 0
  /// What the encoding took, once it is done.
  public private(set) var report: ReadingReport?

  public init() {}

  public mutating func show(_ event: EncodingEvent) {
    switch event {
    case .progress(let tokens, let total):
      var current = bar ?? ProgressBar("encode", total: total, unit: "tokens")
      current.advance(by: tokens - done)
      done = tokens
      bar = current
    case .finished(let report):
      bar?.finish()
      self.report = report
    }
  }
}
