import Foundation

/// Why the scores of a model seem to have another scale than when they were calibrated.
public enum ScaleWarning: Sendable, Equatable, CustomStringConvertible {
  /// The geometric means of |margin| in calibration and among the last margins differ too much.
  case drift(rewardModel: String, margins: Int, geometricMean: Double, calibrated: Double)
  /// Too many of the last margins are beyond ten times the largest of calibration.
  case beyond(rewardModel: String, count: Int, margins: Int, limit: Double)

  public var description: String {
    switch self {
    case .drift(let rewardModel, let margins, let geometricMean, let calibrated):
      "the scores of \"\(rewardModel)\" have another scale than when calibrated: the last \(margins) margins have the geometric "
        + "mean \(Self.short(geometricMean)), in calibration it was \(Self.short(calibrated)); calibrate anew"
    case .beyond(let rewardModel, let count, let margins, let limit):
      "the scores of \"\(rewardModel)\" have another scale than when calibrated: \(count) of the last \(margins) margins are "
        + "beyond \(Self.short(limit)), ten times the largest of calibration; calibrate anew"
    }
  }

  private static func short(_ value: Double) -> String { String(format: "%.3g", value) }
}

/// The sizes of the last margins of one model, to be held against those of its calibration.
///
/// Two signs of another scale are looked for. *Drift*: over a full window of 64 margins the mean of ln |margin| is off by more than
/// ln 3, and by more than 6 standard errors. A factor of 3 moves a logit by b ln 3, half a unit at the prior's b, which is about what
/// choosing pairs by context may do as well; 6 errors keep broad margins from giving false alarms window after window. *Beyond*: at least
/// 4 of the last 64 margins, of as many as there are, lie beyond 10 times the largest of calibration; one such margin may be an outlier.
struct ScaleWindow: Sendable, Equatable {
  static let size = 64
  static let factor = 3.0
  static let standardErrors = 6.0
  static let rangeFactor = 10.0
  static let outsiders = 4

  /// ln |margin| of the last margins that were no ties, oldest first.
  private(set) var logs: [Double] = []

  init() {}

  /// Saved sizes; nil for a window that cannot be.
  init?(logs: [Double]) {
    guard logs.count <= Self.size, logs.allSatisfy(\.isFinite) else { return nil }
    self.logs = logs
  }

  /// O(window).
  mutating func append(_ logMagnitude: Double) {
    if logs.count == Self.size { logs.removeFirst() }
    logs.append(logMagnitude)
  }

  /// What the last margins say against the scale of calibration; nil where nothing does, or nothing was fitted.
  func warning(_ rewardModel: String, _ evidence: CalibrationEvidence) -> ScaleWarning? {
    guard evidence.isFitted, let largest = evidence.largest, let mean = evidence.logMean,
      let deviation = evidence.logDeviation
    else { return nil }
    let limit = log(largest) + log(Self.rangeFactor)
    let beyond = logs.count { $0 > limit }
    if beyond >= Self.outsiders {
      return .beyond(
        rewardModel: rewardModel, count: beyond, margins: logs.count, limit: exp(limit))
    }
    guard logs.count == Self.size else { return nil }
    let current = logs.reduce(0, +) / Double(Self.size)
    let bound = max(log(Self.factor), Self.standardErrors * deviation / Double(Self.size).squareRoot())
    guard abs(current - mean) > bound else { return nil }
    return .drift(
      rewardModel: rewardModel, margins: Self.size, geometricMean: exp(current), calibrated: exp(mean))
  }
}
