import Foundation

/// How probable it is that one reward model is right on a pair, given the margin m = score a - score b that it gave:
///
/// logit P(right | m) = a + max(b, 0) (ln(1 + |m|/s) - ln 2), (a, b) ~ N((0.4, 0.5), 0.25 I),
///
/// where s, the scale, is the geometric mean of |m|: at |m| = s the logit is a. It is Platt's scaling of the logarithm of the margin
/// ("Probabilistic Outputs for Support Vector Machines", 1999), which is robust to the few large margins that reward models give.
///
/// Offline, the calibration is fitted to labelled pairs on which the model is not tied (`CalibrationPosterior`); with fewer than 30 of
/// them the prior alone is used. Online, each judgement that turns out right or wrong updates it in O(1).
///
/// The scale of a fit is held, because a and b belong to it: scores that come in another scale are told by `scaleWarning` instead. Without
/// a fit, the scale is the running mean of ln |m| over the calibration pairs there were and all margins since. Before there is any, the
/// size of a margin says nothing, and the logit is a.
public struct MarginCalibration: Sendable, Equatable {
  /// The judgement of a model on a pair whose label is known.
  public struct Judgement: Sendable, Equatable {
    /// The pair's id, for error texts.
    public let pair: String
    /// The score of response A minus that of response B.
    public let margin: Double
    /// Whether the model ranks the pair as its label does; without meaning where the margin is 0.
    public let isRight: Bool

    public init(pair: String, margin: Double, isRight: Bool) {
      (self.pair, self.margin, self.isRight) = (pair, margin, isRight)
    }
  }

  public let rewardModel: String
  /// What is known of a and b, the fit and all online updates included.
  public private(set) var posterior: CalibrationPosterior
  /// What the offline calibration pairs came to.
  public let evidence: CalibrationEvidence
  /// ln s; nil before the first margin that is not 0.
  public private(set) var logScale: Double?
  /// Whether the scale stays as it is.
  public let holdsScale: Bool
  /// The margins behind a running scale.
  private(set) var scaleCount: Int
  /// The online judgements that (a, b) have learnt from.
  public private(set) var updateCount: Int
  private(set) var window: ScaleWindow

  /// The prior alone.
  ///
  /// - Parameter scale: s, where it is known from elsewhere, to be held; nil lets it follow the margins.
  public init(rewardModel: String, scale: Double? = nil) {
    precondition(scale.map { $0 > 0 && $0.isFinite } ?? true, "a scale is positive and finite")
    self.rewardModel = rewardModel
    (posterior, evidence) = (.prior, .none)
    (logScale, holdsScale) = (scale.map { log($0) }, scale != nil)
    (scaleCount, updateCount, window) = (0, 0, ScaleWindow())
  }

  /// The calibration by labelled pairs; the prior alone where fewer than 30 are not tied.
  ///
  /// - Throws: `RoutingError.calibration` for a margin that is NaN or infinite.
  public init(rewardModel: String, judgements: [Judgement]) throws(RoutingError) {
    for judgement in judgements {
      try Self.check(judgement.margin, rewardModel: rewardModel, pair: judgement.pair)
    }
    let evidence = CalibrationEvidence(judgements)
    self.rewardModel = rewardModel
    self.evidence = evidence
    (logScale, holdsScale, scaleCount) = (evidence.logMean, evidence.isFitted, evidence.pairs)
    (updateCount, window) = (0, ScaleWindow())
    posterior = .prior
    guard evidence.isFitted else { return }
    posterior = CalibrationPosterior(
      fitting: judgements.filter { $0.margin != 0 }.map {
        .init(x: Self.regressor($0.margin, logScale: evidence.logMean), isRight: $0.isRight)
      })
  }

  // MARK: Reading

  /// a, the logit of being right at |m| = s.
  public var a: Double { posterior.a }
  /// b, how much the logit grows with the logarithm of the margin; never negative.
  public var b: Double { posterior.b }
  /// s; nil before the first margin that is not 0.
  public var scale: Double? { logScale.map { exp($0) } }

  /// P(right | m). At a margin of 0, a tie, it is the limit of small margins.
  ///
  /// - Parameter pair: the pair's id, for the error text.
  /// - Throws: `RoutingError.calibration` for a margin that is NaN or infinite.
  public func probability(margin: Double, pair: String? = nil) throws(RoutingError) -> Double {
    try Self.check(margin, rewardModel: rewardModel, pair: pair)
    return logistic(posterior.logit(Self.regressor(margin, logScale: logScale)))
  }

  /// The log-odds that response A is the better one: sign(m) logit P(right | m), and 0 for a tie, which says nothing. Log-odds of models
  /// that err independently add up.
  ///
  /// They speak against the margin's sign where the model is more often wrong than right.
  ///
  /// - Parameter pair: the pair's id, for the error text.
  /// - Throws: `RoutingError.calibration` for a margin that is NaN or infinite.
  public func logOdds(margin: Double, pair: String? = nil) throws(RoutingError) -> Double {
    try Self.check(margin, rewardModel: rewardModel, pair: pair)
    guard margin != 0 else { return 0 }
    let logit = posterior.logit(Self.regressor(margin, logScale: logScale))
    return margin > 0 ? logit : -logit
  }

  /// What to know of the calibration before trusting it; empty where there is nothing.
  public var notes: [CalibrationNote] { evidence.notes + (evidence.isFitted && b == 0 ? [.noSlope] : []) }

  /// What the last online margins say against the scale of the fit; nil where nothing does, or nothing was fitted.
  public var scaleWarning: ScaleWarning? { window.warning(rewardModel, evidence) }

  // MARK: Learning

  /// Takes an online margin into account of which nobody knows whether the model is right: for the scale, and the watch over it.
  ///
  /// - Parameter pair: the pair's id, for the error text.
  /// - Throws: `RoutingError.calibration` for a margin that is NaN or infinite; the calibration is then unchanged.
  public mutating func observe(margin: Double, pair: String? = nil) throws(RoutingError) {
    try Self.check(margin, rewardModel: rewardModel, pair: pair)
    guard margin != 0 else { return }
    let logMagnitude = log(abs(margin))
    window.append(logMagnitude)
    guard !holdsScale else { return }
    scaleCount += 1
    let old = logScale ?? 0
    logScale = old + (logMagnitude - old) / Double(scaleCount)
  }

  /// Takes an online judgement into account that turned out right or wrong: for the scale, and by one step for a and b. A tie changes
  /// nothing. O(1).
  ///
  /// - Parameter pair: the pair's id, for the error text.
  /// - Throws: `RoutingError.calibration` for a margin that is NaN or infinite; the calibration is then unchanged.
  public mutating func observe(margin: Double, isRight: Bool, pair: String? = nil) throws(RoutingError) {
    try observe(margin: margin, pair: pair)
    guard margin != 0 else { return }
    posterior.observe(.init(x: Self.regressor(margin, logScale: logScale), isRight: isRight))
    updateCount += 1
  }

  /// ln(1 + |m|/s) - ln 2, which no finite margin and scale make overflow; 0 without a scale.
  private static func regressor(_ margin: Double, logScale: Double?) -> Double {
    guard let logScale else { return 0 }
    return softplus(log(abs(margin)) - logScale) - log(2)
  }

  private static func check(_ margin: Double, rewardModel: String, pair: String?) throws(RoutingError) {
    guard margin.isFinite else {
      throw .calibration(.margin(rewardModel: rewardModel, pair: pair, value: "\(margin)"))
    }
  }
}

extension MarginCalibration: Codable {
  private enum CodingKeys: CodingKey {
    case rewardModel, a, b, covariance, logScale, holdsScale, scaleCount, evidence, updateCount, lastLogMargins
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(rewardModel, forKey: .rewardModel)
    try container.encode(a, forKey: .a)
    try container.encode(b, forKey: .b)
    try container.encode(posterior.covariance, forKey: .covariance)
    try container.encodeIfPresent(logScale, forKey: .logScale)
    try container.encode(holdsScale, forKey: .holdsScale)
    try container.encode(scaleCount, forKey: .scaleCount)
    try container.encode(evidence, forKey: .evidence)
    try container.encode(updateCount, forKey: .updateCount)
    try container.encode(window.logs, forKey: .lastLogMargins)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func damaged(_ key: CodingKeys, _ text: String) -> DecodingError {
      DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: text)
    }
    rewardModel = try container.decode(String.self, forKey: .rewardModel)
    guard
      let posterior = CalibrationPosterior(
        a: try container.decode(Double.self, forKey: .a), b: try container.decode(Double.self, forKey: .b),
        covariance: try container.decode([[Double]].self, forKey: .covariance))
    else { throw damaged(.covariance, "a, b and covariance are no posterior of '\(rewardModel)'") }
    self.posterior = posterior
    evidence = try container.decode(CalibrationEvidence.self, forKey: .evidence)
    logScale = try container.decodeIfPresent(Double.self, forKey: .logScale)
    holdsScale = try container.decode(Bool.self, forKey: .holdsScale)
    scaleCount = try container.decode(Int.self, forKey: .scaleCount)
    updateCount = try container.decode(Int.self, forKey: .updateCount)
    let needsScale = holdsScale || scaleCount > 0
    guard scaleCount >= 0, scaleCount < Int.max, updateCount >= 0, updateCount < Int.max,
      logScale?.isFinite != false, (logScale != nil) == needsScale, holdsScale || !evidence.isFitted
    else { throw damaged(.logScale, "scale and counts of '\(rewardModel)' contradict each other") }
    guard let window = ScaleWindow(logs: try container.decode([Double].self, forKey: .lastLogMargins)) else {
      throw damaged(.lastLogMargins, "'\(rewardModel)' has more than \(ScaleWindow.size) last margins")
    }
    self.window = window
  }
}
