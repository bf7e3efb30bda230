import RouterKit

/// Draws the progress of a library's work on standard error: a bar a stage.
public struct ProgressDisplay {
  private var bar: ProgressBar?
  private var stage = ""
  private var done = 0
  /// What the last encoding took.
  public private(set) var reading: ReadingReport?

  public init() {}

  public mutating func show(_ progress: WorkProgress) {
    if stage != progress.stage || bar == nil {
      bar = ProgressBar(progress.stage, total: progress.total, unit: progress.unit)
      (stage, done) = (progress.stage, 0)
    }
    bar?.advance(by: progress.done - done, note: progress.note)
    done = progress.done
    if progress.done >= progress.total { finish() }
  }

  public mutating func show(_ event: EncodingEvent) {
    switch event {
    case .progress(let tokens, let total): show(WorkProgress("encode", done: tokens, of: total, unit: "tokens"))
    case .finished(let report): reading = report
    }
  }

  /// Ends the bar of work that stops before all is done.
  public mutating func finish() {
    bar?.finish()
    bar = nil
    stage = ""
  }
}
