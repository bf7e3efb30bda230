import ArgumentParser
import Foundation
import RouterKit

/// What of the encoder is trained along with a router's heads, and how.
public struct EncoderTuningOptions: ParsableArguments {
  @Option(
    name: .long,
    help: """
      What of the encoder is trained along: frozen, nothing; last:K, its last K layers; full, all; lora:R, adapters of rank R on \
      every linear map.
      """)
  public var tune = EncoderTuning.frozen
  @Option(name: .long, help: "The encoder's highest learning rate; 2e-5 by default, 2e-4 with lora.")
  public var encoderLearningRate: Double?
  @Option(name: .long, help: "LoRA's alpha, whose quotient by the rank scales the adapters; twice the rank by default.")
  public var loraAlpha: Double?
  @Option(
    name: .long,
    help: "Tokens of a forward and backward pass: a larger batch goes through in several, in less memory.")
  public var passTokens = DialoguePlan.tokensAtATime
  @Flag(name: .long, help: "Compute layers anew in the backward pass: a third more time, far less memory.")
  public var checkpointing = false
  @Option(name: .long, help: "Steps between two saves within an epoch; 0 saves at its end alone.")
  public var saveEvery = 0

  public init() {}

  public func validate() throws {
    guard passTokens > 0, saveEvery >= 0 else {
      throw ValidationError("--pass-tokens is at least 1, --save-every at least 0")
    }
    guard loraAlpha.map({ $0 > 0 && $0.isFinite }) ?? true else {
      throw ValidationError("--lora-alpha is a positive number")
    }
    switch tune {
    case .frozen where encoderLearningRate != nil || checkpointing || loraAlpha != nil:
      throw ValidationError(
        "a frozen encoder does not learn: choose --tune last:K, full or lora:R, or leave its options away")
    case .full where loraAlpha != nil, .lastLayers where loraAlpha != nil:
      throw ValidationError("--lora-alpha goes with --tune lora:R")
    default: break
    }
  }

  /// The encoder's learning rate; nil where it is frozen.
  public var learningRate: Double? {
    switch tune {
    case .frozen: nil
    case .lowRank: encoderLearningRate ?? 2e-4
    case .lastLayers, .full: encoderLearningRate ?? 2e-5
    }
  }

  /// The encoder to be trained; nil where it is frozen.
  public func encoder(_ folder: String, _ texts: ReadingOptions, seed: UInt64) throws -> TunedEncoder? {
    guard tune != .frozen else { return nil }
    guard folder != EncoderOptions.hashedName else {
      throw ValidationError("hashed features have nothing to train: give a checkpoint with --encoder, or --tune frozen")
    }
    var encoder = TunedEncoder(folder: URL(fileURLWithPath: folder), tuning: tune)
    (encoder.maxTokens, encoder.cut, encoder.format) = (texts.maxTokens, texts.cut, texts.template)
    encoder.loraAlpha = loraAlpha
    encoder.tokensAtATime = passTokens
    encoder.isCheckpointing = checkpointing
    encoder.seed = seed
    return encoder
  }
}
