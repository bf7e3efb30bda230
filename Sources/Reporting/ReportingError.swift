/// What can keep a run from being reported, or numbers from becoming a picture.
public enum ReportingError: Error, Equatable, CustomStringConvertible {
  case runFolderExists(path: String)
  /// The folder of a run, or a file in it, cannot be written; `reason` is the text of the error that writing it threw.
  case runFolderUnwritable(path: String, reason: String)
  /// A plot of no series.
  case nothingToDraw(plot: String)
  /// A series of no points.
  case emptySeries(name: String)
  /// A value is NaN or an infinity, as `value` says; `index` counts points from 0.
  case valueNotFinite(series: String, index: Int, value: String)
  /// A share is under 0.
  case negativeShare(series: String, index: Int, value: Double)
  /// The shares of one point do not sum to 1.
  case sharesDoNotSumToOne(plot: String, index: Int, sum: Double)
  /// A plot's script or image cannot be written; `reason` is the text of the error that writing it threw.
  case plotNotWritten(path: String, reason: String)
  /// gnuplot is there and cannot be started; `reason` is the operating system's text.
  case gnuplotNotStarted(path: String, reason: String)
  /// gnuplot ended with `status`; `output` is what it wrote to standard error.
  case gnuplotFailed(script: String, status: Int, output: String)

  public var description: String {
    switch self {
    case .runFolderExists(let path):
      "\(path) exists already, and a run overwrites nothing; name another folder with --out, or remove it"
    case .runFolderUnwritable(let path, let reason):
      "\(path): the run folder cannot be written: \(reason)"
    case .nothingToDraw(let plot):
      "the plot '\(plot)' has no series; give it one or more"
    case .emptySeries(let name):
      "the series '\(name)' has no points; leave it out of the plot"
    case .valueNotFinite(let series, let index, let value):
      "point \(index) of the series '\(series)' is \(value); only finite numbers can be drawn"
    case .negativeShare(let series, let index, let value):
      "the share of '\(series)' at point \(index) is \(value); a share is 0 or more"
    case .sharesDoNotSumToOne(let plot, let index, let sum):
      "the shares of the plot '\(plot)' at point \(index) sum to \(sum); they must sum to 1"
    case .plotNotWritten(let path, let reason):
      "cannot write the plot file \(path): \(reason)"
    case .gnuplotNotStarted(let path, let reason):
      "cannot start \(path): \(reason)"
    case .gnuplotFailed(let script, let status, let output):
      "gnuplot ended with status \(status) on \(script), which is kept: \(output)"
    }
  }
}
