import ArgumentParser
import Foundation
import RouterKit

// Types of the library as the command line says them.
extension Precision: ExpressibleByArgument {}
extension TextCut: ExpressibleByArgument {}
extension TextFormat.Kind: ExpressibleByArgument {}
extension RewardNormalizer.Method: ExpressibleByArgument {}
extension ThompsonSamplingRouter.Draw: ExpressibleByArgument {}
extension LearningRateSchedule.Shape: ExpressibleByArgument {}

extension EncoderTuning: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}

extension ReplayReward: ExpressibleByArgument {
  public init?(argument: String) {
    if argument == "correctness" {
      self = .correctness
    } else if argument.hasPrefix("noisy:"), let probability = Double(argument.dropFirst("noisy:".count)) {
      self = .noisy(probability)
    } else {
      return nil
    }
  }

  public var defaultValueDescription: String { "correctness" }
}

extension ReplayPrior: ExpressibleByArgument {
  /// The share of the pairs that `evidence` alone stands for.
  private static let defaultFraction = 0.3
  private static let meansName = "offline"
  /// `laplace` is the older spelling: the regression is Gaussian, and its posterior exact.
  private static let evidenceNames = ["evidence", "laplace"]

  /// `none`; `evidence` or `evidence:F`; `offline:F`; a folder, or `offline:FOLDER`.
  public init?(argument: String) {
    if argument == "none" {
      self = .none
      return
    }
    let (name, value) =
      argument.firstIndex(of: ":").map { (String(argument[..<$0]), String(argument[argument.index(after: $0)...])) }
      ?? (argument, nil)
    if Self.evidenceNames.contains(name) {
      guard let fraction = value.map({ Double($0) }) ?? Self.defaultFraction else { return nil }
      self = .evidence(fraction: fraction)
    } else if name == Self.meansName, let value {
      guard !value.isEmpty else { return nil }
      self = Double(value).map { .means(fraction: $0) } ?? .router(URL(fileURLWithPath: value))
    } else {
      self = .router(URL(fileURLWithPath: argument))
    }
  }

  /// The argument that stands for it.
  public var text: String {
    switch self {
    case .none: "none"
    case .means(let fraction): "\(Self.meansName):\(fraction)"
    case .evidence(let fraction): "\(Self.evidenceNames[0]):\(fraction)"
    case .router(let folder): "\(Self.meansName):\(folder.path)"
    }
  }

  public var defaultValueDescription: String { text }
}

extension ModelShape: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public var defaultValueDescription: String { name }
}
