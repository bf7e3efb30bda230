import ArgumentParser
import Foundation
import RouterKit

/// How a checkpoint reads dialogues, and where its states are kept.
public struct ReadingOptions: ParsableArguments {
  @Option(
    name: .long, help: "Tokens of a text that a checkpoint reads; a longer one is cut. Never more than the model reads."
  )
  public var maxTokens = 1024

  @Option(name: .long, help: "Which end of a longer text is cut: end, as the published router does, or start.")
  public var cut = TextCut.end

  @Option(name: .long, help: "router: the published router's text; chat: the checkpoint's own chat template.")
  public var template = TextFormat.Kind.router

  @Option(name: .long, help: "The folder of the encoder's caches, or none.")
  public var cache = StateCache.defaultFolder.path

  public init() {}

  public func validate() throws {
    guard maxTokens >= 8 else { throw ValidationError("--max-tokens is at least 8") }
  }

  public var cacheFolder: URL? { cache == "none" ? nil : URL(fileURLWithPath: cache) }

  /// The encoder of a folder, a checkpoint's or a LoRA adapter's.
  ///
  /// - Throws: as `DialogueEncoder.init`.
  public func encoder(
    _ folder: String, precision: Precision = .float32, allowsNonFinite: Bool = false
  ) throws -> CachedEncoder {
    CachedEncoder(
      try DialogueEncoder(
        folder: URL(fileURLWithPath: folder), maxTokens: maxTokens, cut: cut, format: template, precision: precision,
        allowsNonFinite: allowsNonFinite), cacheFolder: cacheFolder)
  }
}

/// The encoder in front of a router: the one place where a command's words become a `PairEncoder`.
public struct EncoderOptions: ParsableArguments {
  /// What `--encoder` calls the n-gram encoder.
  public static let hashedName = "hashed"

  @Option(name: .long, help: "Size of the hashed features.")
  public var dimension = 256

  @OptionGroup public var reading: ReadingOptions

  public init() {}

  public func validate() throws {
    guard dimension > 0 else { throw ValidationError("--dimension is at least 1") }
  }

  /// - Parameter name: `hashed`, or the folder of a checkpoint or of a LoRA adapter.
  /// - Throws: as `DialogueEncoder.init`.
  public func encoder(_ name: String) throws -> any PairEncoder {
    name == Self.hashedName
      ? HashedPairEncoder(dimension: dimension) : TransformerPairEncoder(try reading.encoder(name))
  }
}
