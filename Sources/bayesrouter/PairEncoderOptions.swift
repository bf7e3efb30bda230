import ArgumentParser
import Foundation
import RouterKit

/// The encoder in front of a router.
struct PairEncoderOptions: ParsableArguments {
  @Option(name: .long, help: "Size of the hashed features.")
  var dimension = 256

  @Option(name: .long, help: "Tokens of a text that a checkpoint reads; a longer one is cut.")
  var maxTokens = 1024

  @Option(name: .long, help: "Which end of a longer text is cut: end, as the published router does, or start.")
  var cut = DialogueEncoder.Cut.end

  @Option(name: .long, help: "router: the published router's text; chat: the checkpoint's own chat template.")
  var template = DialogueEncoder.Template.router

  @Option(name: .long, help: "The folder of the encoder's caches, or none.")
  var cache = StateCache.defaultFolder.path

  func validate() throws {
    guard dimension > 0 else { throw ValidationError("--dimension is at least 1") }
    guard maxTokens >= 8 else { throw ValidationError("--max-tokens is at least 8") }
  }

  /// - Parameter name: `hashed`, or the folder of a checkpoint or of a LoRA adapter.
  func encoder(_ name: String) throws -> FrozenEncoder {
    guard name != "hashed" else { return .hashed(HashedPairEncoder(dimension: dimension)) }
    let encoder = try DialogueEncoder(
      folder: URL(fileURLWithPath: name), maxTokens: maxTokens, cut: cut, template: template)
    return .checkpoint(CachedEncoding(encoder, folder: cache == "none" ? nil : URL(fileURLWithPath: cache)))
  }
}
