import Dialogues
import NeuralNetwork
import Storage
import Tokenization
import Transformers

/// An encoder that learns together with a router's heads: the model as it is now, and the tokens of the pairs.
///
/// Nothing should hold on to one while an `OfflineTrainer` that has it takes steps: the weights are then copied once.
public struct EncoderInTraining: Sendable {
  public let model: TrainableTransformer
  /// The encoder's rate, and the weight decay of its matrices.
  let group: ParameterGroup
  package let texts: PairTexts

  /// - Parameters:
  ///   - encodings: the tokens of each pair's dialogues, A's and B's: two a pair of the dataset.
  ///   - training: names the encoder's rate, and the weight decay of its matrices.
  /// - Throws: `RoutingError.training` where nothing of the model is trained; `RoutingError.context` for a text without
  ///   tokens.
  init(
    _ model: TrainableTransformer, encodings: [Encoding], _ training: OfflineTraining,
    tokensAtATime: Int = DialoguePlan.tokensAtATime, isCheckpointing: Bool = false
  ) throws(RoutingError) {
    guard model.isTrained.contains(true), let rate = training.encoderLearningRate else {
      throw .training(.nothingTrained)
    }
    self.init(
      model, group: ParameterGroup(name: "encoder", learningRate: rate, weightDecay: training.weightDecay),
      texts: try PairTexts(encodings, tokensAtATime: tokensAtATime, isCheckpointing: isCheckpointing))
  }

  init(_ model: TrainableTransformer, group: ParameterGroup, texts: PairTexts) {
    self.model = model
    self.group = group
    self.texts = texts
  }

  /// The number of new tokens in one pass.
  public var tokensAtATime: Int { texts.tokensAtATime }

  /// Whether layers are computed anew in the backward pass instead of being kept: see `TrainableTransformer.forward`.
  public var isCheckpointing: Bool { texts.isCheckpointing }

  /// The number of features of a pair, u = [(h_1 + h_2)/2 ; |h_1 - h_2|].
  public var featureCount: Int { 2 * model.configuration.hiddenSize }

  /// A hash of the tokens of all pairs.
  public var textFingerprint: Fingerprint { texts.fingerprint }

  /// The number of tokens in the texts of some pairs.
  public func tokenCount(of pairs: some Sequence<Int>) -> Int { texts.tokenCount(of: pairs) }
}
