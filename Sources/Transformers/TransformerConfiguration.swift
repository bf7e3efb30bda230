import Foundation
import LinearAlgebra
import NeuralNetwork
import Storage

/// The settings of a transformer, named and read as in `config.json`.
///
/// Settings that change the result and are not built (mixtures of experts, quantised weights, partial rotary
/// embeddings, …) are errors that name their key; settings that only concern training or generation are not read.
public struct TransformerConfiguration: Sendable, Equatable {
  /// The families that are built, by `model_type`.
  public enum ModelType: String, Sendable, CaseIterable {
    case llama, mistral, qwen2, qwen3, bert
  }

  /// What stands on top of the layers, by the ending of the architecture's name.
  public enum Head: Sendable, Equatable {
    case none, causalLanguageModel, sequenceClassification
  }

  /// What OpenRLHF writes about the head of its reward models, which scores the last token of a text, pad or not.
  public struct ValueHead: Sendable, Equatable {
    /// `value_head_prefix`: the key of the head's weight, hidden size to one number.
    public var prefix: String
    /// `normalize_reward`: whether a score is (output - mean) / std.
    public var normalizeReward: Bool
    /// The mean and standard deviation of the outputs on the data of training's evaluation.
    public var mean: Double
    public var std: Double

    public init(prefix: String, normalizeReward: Bool = false, mean: Double = 0, std: Double = 1) {
      self.prefix = prefix
      self.normalizeReward = normalizeReward
      self.mean = mean
      self.std = std
    }
  }

  public var modelType: ModelType
  /// The class of Transformers, e.g. `LlamaForCausalLM`.
  public var architecture: String
  public var head: Head
  /// The head that scores; nil unless the checkpoint is one of OpenRLHF's reward models.
  public var valueHead: ValueHead?
  public var vocabSize: Int
  public var hiddenSize: Int
  public var intermediateSize: Int
  public var numHiddenLayers: Int
  public var numAttentionHeads: Int
  public var numKeyValueHeads: Int
  public var headDim: Int
  public var maxPositionEmbeddings: Int
  /// `rms_norm_eps` or `layer_norm_eps`.
  public var normEps: Double
  /// Nil where positions are embedded (BERT).
  public var rotary: RotaryEmbedding?
  public var hiddenAct: Activation
  /// Biases of queries, keys and values; of the attention's output; of the inner layer.
  public var attentionBias: Bool
  public var outputBias: Bool
  public var mlpBias: Bool
  /// RMSNorm of each query and key head (Qwen3).
  public var queryKeyNorm: Bool
  public var tieWordEmbeddings: Bool
  /// Texts must not be longer; nil without a window.
  public var slidingWindow: Int?
  public var padTokenID: Int?
  /// BERT's `type_vocab_size`.
  public var typeVocabSize: Int

  public var isCausal: Bool { modelType != .bert }

  /// The most tokens a text may have. With rotary embeddings longer ones are computable, but beyond training, and
  /// dynamic scaling is made for them.
  public var longestText: Int? {
    if modelType == .bert { return maxPositionEmbeddings }
    return slidingWindow
  }

  /// The name of a sequence classifier's tensor, labels x hidden size.
  public var scoreTensor: String {
    modelType == .bert ? "classifier.weight" : (valueHead?.prefix ?? "score") + ".weight"
  }

  /// - Parameter size: of the vocabulary of the tokenizer in `folder`.
  /// - Throws: `TransformersError.vocabularyMismatch` where there are fewer embeddings.
  public func checkVocabulary(tokenizer size: Int, folder: String) throws {
    guard size > vocabSize else { return }
    throw TransformersError.vocabularyMismatch(tokenizer: size, model: vocabSize, folder: folder)
  }

  /// Parameters of the layers, and of the token embedding.
  public var layerParameterCount: Int {
    let projected = (numAttentionHeads + 2 * numKeyValueHeads) * headDim
    let attention = hiddenSize * projected + numAttentionHeads * headDim * hiddenSize
    let inner = (modelType == .bert ? 2 : 3) * hiddenSize * intermediateSize
    return numHiddenLayers * (attention + inner)
  }
  public var embeddingParameterCount: Int { vocabSize * hiddenSize }

  /// The shape of SmolLM2-135M: the configuration that the paper's encoder has.
  public static let smolLM2 = TransformerConfiguration(
    modelType: .llama, architecture: "LlamaModel", head: .none, vocabSize: 49152, hiddenSize: 576,
    intermediateSize: 1536, numHiddenLayers: 30, numAttentionHeads: 9, numKeyValueHeads: 3, headDim: 64,
    maxPositionEmbeddings: 8192, normEps: 1e-5, rotary: RotaryEmbedding(headSize: 64, base: 100_000), hiddenAct: .silu,
    attentionBias: false, outputBias: false, mlpBias: false, queryKeyNorm: false, tieWordEmbeddings: true,
    slidingWindow: nil, padTokenID: nil, typeVocabSize: 0)
}
