import ArgumentParser
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
