import Transformers

/// A transformer's shape by name: what random weights are made for.
public struct ModelShape: Sendable, Equatable {
  public let name: String
  public let layers: Int
  public let hiddenSize: Int

  public static let smolLM2 = ModelShape(name: "smollm2-135m", layers: 30, hiddenSize: 576)
  private static let named = [
    smolLM2, ModelShape(name: "small", layers: 12, hiddenSize: 384),
    ModelShape(name: "tiny", layers: 4, hiddenSize: 128),
  ]

  private init(name: String, layers: Int, hiddenSize: Int) {
    self.name = name
    self.layers = layers
    self.hiddenSize = hiddenSize
  }

  /// `smollm2-135m`, `small`, `tiny`, or LAYERSxHIDDEN with a multiple of 64.
  public init?(_ name: String) {
    if let known = Self.named.first(where: { $0.name == name }) {
      self = known
      return
    }
    let sizes = name.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard sizes.count == 2, (1...512).contains(sizes[0]), (64...16384).contains(sizes[1]), sizes[1] % 64 == 0 else {
      return nil
    }
    self.init(name: name, layers: sizes[0], hiddenSize: sizes[1])
  }

  /// Llama's layers in SmolLM2's proportions: heads of 64, a third of them for keys and values where that divides, an inner
  /// layer of 8/3 of the hidden size.
  ///
  /// - Parameter vocabulary: the embedding has no operations, so no more rows than there are tokens are made.
  public func configuration(vocabulary: Int, head: TransformerConfiguration.Head) -> TransformerConfiguration {
    var configuration = TransformerConfiguration.smolLM2
    configuration.architecture = head == .none ? "LlamaModel" : "LlamaForSequenceClassification"
    configuration.head = head
    configuration.vocabSize = vocabulary
    configuration.hiddenSize = hiddenSize
    configuration.intermediateSize = (hiddenSize * 8 / 3 + 63) / 64 * 64
    configuration.numHiddenLayers = layers
    configuration.numAttentionHeads = hiddenSize / 64
    let heads = configuration.numAttentionHeads
    configuration.numKeyValueHeads = heads % 3 == 0 ? heads / 3 : heads % 2 == 0 ? heads / 2 : heads
    return configuration
  }
}
