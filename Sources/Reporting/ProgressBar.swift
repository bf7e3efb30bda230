import Foundation

/// A line on standard error that tells how far long work has come, how fast it goes and how long it will take.
///
/// On a terminal the line is redrawn at most ten times a second; elsewhere (a log file) one line is printed at each tenth of the
/// work. Standard output stays clean.
public struct ProgressBar: Sendable {
  private let title: String
  private let unit: String
  private let total: Int
  private let isTerminal: Bool
  private let start: ContinuousClock.Instant
  private var lastDraw: ContinuousClock.Instant?
  private var lastTenth = 0
  private var done = 0
  private var note = ""

  /// - Parameters:
  ///   - total: units of the whole work.
  ///   - unit: their name, in the plural.
  public init(_ title: String, total: Int, unit: String) {
    let isTerminal = isatty(FileHandle.standardError.fileDescriptor) == 1
    self.init(title, total: total, unit: unit, isTerminal: isTerminal, start: .now)
  }

  package init(_ title: String, total: Int, unit: String, isTerminal: Bool, start: ContinuousClock.Instant) {
    self.title = title
    self.total = max(total, 1)
    self.unit = unit
    self.isTerminal = isTerminal
    self.start = start
  }

  /// Says that `count` more units are done.
  ///
  /// - Parameter note: shown at the end of the line from now on, e.g. the loss; nil keeps the last one.
  public mutating func advance(by count: Int = 1, note: String? = nil) {
    if let note { self.note = ", " + note }
    if let output = output(advancingBy: count, at: .now) { write(output) }
  }

  /// Ends the line, which then states the whole time.
  public func finish() {
    if isTerminal { write(redrawn(at: .now) + "\n") }
  }

  /// What there is to print once `count` more units are done; nil between two draws.
  package mutating func output(advancingBy count: Int, at now: ContinuousClock.Instant) -> String? {
    done += count
    if isTerminal {
      if let lastDraw, lastDraw.duration(to: now) < .milliseconds(100) { return nil }
      lastDraw = now
      return redrawn(at: now)
    }
    guard done * 10 / total > lastTenth else { return nil }
    lastTenth = done * 10 / total
    return line(at: now) + "\n"
  }

  private func redrawn(at now: ContinuousClock.Instant) -> String {
    // A line that wraps cannot be redrawn in place.
    "\r" + line(at: now).truncated(toWidth: 79) + "\u{1B}[K"
  }

  private func line(at now: ContinuousClock.Instant) -> String {
    let seconds = start.duration(to: now) / .seconds(1)
    let share = min(1, Double(done) / Double(total))
    let filled = Int(share * 24)
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 24 - filled)
    let rate = seconds > 0 ? Double(done) / seconds : 0
    let left = done < total && rate > 0 ? ", " + Self.clock(Double(total - done) / rate) + " left" : ""
    let speed = String(format: rate < 10 ? "%.1f" : "%.0f", rate)
    return "\(title) [\(bar)] " + String(format: "%3.0f", 100 * share) + " %  \(speed) \(unit)/s, "
      + Self.clock(seconds) + left + note
  }

  /// Minutes and seconds, or hours too.
  private static func clock(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded())
    return whole < 3600
      ? String(format: "%d:%02d", whole / 60, whole % 60)
      : String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
  }

  private func write(_ text: String) {
    // Nobody is helped by a failed run because its progress could not be shown.
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }
}
