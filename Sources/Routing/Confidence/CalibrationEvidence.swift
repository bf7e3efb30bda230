import Foundation
import PreferenceData

/// What the calibration pairs of one reward model came to.
public struct CalibrationEvidence: Sendable, Equatable {
  /// A fit from fewer pairs than these is not made: the prior alone is used.
  public static let fewestPairs = 30

  /// The labelled pairs on which the model's scores differ.
  public let pairs: Int
  /// How many of `pairs` the model ranks as the label does.
  public let right: Int
  /// How many of `pairs` have response A as the better one.
  public let labelledA: Int
  /// Further labelled pairs whose two scores are equal.
  public let ties: Int
  /// The smallest |margin| among `pairs`; nil where there are none.
  public let smallest: Double?
  /// The largest |margin| among `pairs`; nil where there are none.
  public let largest: Double?
  /// The mean of ln |margin| over `pairs`; nil where there are none.
  public let logMean: Double?
  /// The standard deviation of ln |margin| over `pairs`; nil where there are none.
  public let logDeviation: Double?

  /// The evidence of no pairs.
  public static let none = CalibrationEvidence([])

  /// - Precondition: the margins are finite.
  init(_ judgements: [MarginCalibration.Judgement]) {
    let untied = judgements.filter { $0.margin != 0 }
    let magnitudes = untied.map { abs($0.margin) }
    pairs = untied.count
    ties = judgements.count - untied.count
    right = untied.count { $0.isRight }
    labelledA = untied.count { ($0.margin > 0) == $0.isRight }
    smallest = magnitudes.min()
    largest = magnitudes.max()
    guard !magnitudes.isEmpty else {
      (logMean, logDeviation) = (nil, nil)
      return
    }
    let logs = magnitudes.map { log($0) }
    let mean = logs.reduce(0, +) / Double(logs.count)
    logMean = mean
    logDeviation = (logs.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(logs.count)).squareRoot()
  }

  /// Whether the pairs suffice for a fit.
  public var isFitted: Bool { pairs >= Self.fewestPairs }

  /// What to know of the calibration pairs before trusting the calibration.
  var notes: [CalibrationNote] {
    if pairs == 0 && ties > 0 { return [.allTied(pairs: ties)] }
    guard isFitted else { return [.fewPairs(found: pairs, needed: Self.fewestPairs)] }
    var notes: [CalibrationNote] = []
    if let smallest, smallest == largest { notes.append(.equalMargins(smallest)) }
    if right == pairs { notes.append(.alwaysRight(pairs: pairs)) }
    if right == 0 { notes.append(.alwaysWrong(pairs: pairs)) }
    if labelledA == pairs { notes.append(.oneLabel(.a)) }
    if labelledA == 0 { notes.append(.oneLabel(.b)) }
    return notes
  }
}

extension CalibrationEvidence: Codable {
  private enum CodingKeys: CodingKey {
    case pairs, right, labelledA, ties, smallest, largest, logMean, logDeviation
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    pairs = try container.decode(Int.self, forKey: .pairs)
    right = try container.decode(Int.self, forKey: .right)
    labelledA = try container.decode(Int.self, forKey: .labelledA)
    ties = try container.decode(Int.self, forKey: .ties)
    smallest = try container.decodeIfPresent(Double.self, forKey: .smallest)
    largest = try container.decodeIfPresent(Double.self, forKey: .largest)
    logMean = try container.decodeIfPresent(Double.self, forKey: .logMean)
    logDeviation = try container.decodeIfPresent(Double.self, forKey: .logDeviation)
    let numbers = [smallest, largest, logMean, logDeviation]
    let isComplete = numbers.allSatisfy { ($0 != nil) == (pairs > 0) && $0?.isFinite != false }
    let counts = 0...max(pairs, 0)
    guard pairs >= 0, ties >= 0, counts.contains(right), counts.contains(labelledA), isComplete,
      smallest.map({ $0 > 0 && $0 <= largest ?? 0 }) ?? true, logDeviation.map({ $0 >= 0 }) ?? true
    else {
      throw DecodingError.dataCorruptedError(
        forKey: .pairs, in: container,
        debugDescription: "counts and range of the calibration pairs contradict each other")
    }
  }
}

/// What to know of a calibration before trusting it.
public enum CalibrationNote: Sendable, Equatable, CustomStringConvertible {
  /// Fewer pairs than a fit needs.
  case fewPairs(found: Int, needed: Int)
  /// The model's two scores are equal on each pair.
  case allTied(pairs: Int)
  /// All margins have the same size.
  case equalMargins(Double)
  /// The model is right on each pair.
  case alwaysRight(pairs: Int)
  /// The model is wrong on each pair.
  case alwaysWrong(pairs: Int)
  /// The better response stands on the same side of each pair.
  case oneLabel(ResponseSide)
  /// The fitted slope is 0.
  case noSlope

  public var description: String {
    switch self {
    case .fewPairs(let found, let needed):
      "a fit needs \(needed) labelled pairs that are not tied, and there are \(found): the prior alone is used"
    case .allTied(let pairs):
      "both scores are equal on each of \(pairs) pairs: the prior alone is used"
    case .equalMargins(let size):
      "each margin is \(size) in size: the fit learns how often the model is right, and the slope b is the prior's"
    case .alwaysRight(let pairs):
      "the model is right on each of \(pairs) pairs: the prior keeps the probabilities below 1"
    case .alwaysWrong(let pairs):
      "the model is wrong on each of \(pairs) pairs: its log-odds speak for the response that it scores lower"
    case .oneLabel(let side):
      "the better response is \(side.rawValue) in each pair: a model that prefers this side passes for a good one"
    case .noSlope:
      "larger margins are not more often right: the slope b is 0, and the size of a margin plays no part"
    }
  }
}
