import Dialogues
import LinearAlgebra
import NeuralNetwork
import PreferenceData
import Storage
import Tokenization
import Transformers

/// An encoder that learns together with a router's heads: the model, the tokens of the pairs, and its optimizer.
///
/// Texts go through the model packed, without padding; what the two responses of a pair share at the beginning is computed once
/// where the model allows it. A batch of more than `tokensAtATime` tokens goes through in passes, its pairs sorted by length:
/// this bounds the memory, and changes nothing else but rounding.
public struct EncoderInTraining: Sendable {
  public private(set) var model: TrainableTransformer
  /// New tokens of one pass.
  public let tokensAtATime: Int
  /// Whether layers are computed anew in the backward pass instead of being kept: see `TrainableTransformer.forward`.
  public let isCheckpointing: Bool
  private var optimizer: AdamW
  private var gradients: [[Float]]
  private var scratch = TrainingScratch()
  /// The distinct texts, and those of each pair of the dataset: A's and B's.
  private let texts: [[Int32]]
  private let textsOfPair: [[Int]]

  /// - Parameters:
  ///   - encodings: the tokens of each pair's dialogues, A's and B's: two a pair of the dataset.
  ///   - training: names the encoder's rate, and the weight decay of its matrices.
  /// - Throws: `RoutingError.training` where nothing of the model is trained; `RoutingError.context` for a text without tokens.
  init(
    _ model: TrainableTransformer, encodings: [Encoding], _ training: OfflineTraining,
    tokensAtATime: Int = 8192, isCheckpointing: Bool = false
  ) throws(RoutingError) {
    precondition(tokensAtATime > 0 && encodings.count.isMultiple(of: 2), "two dialogues a pair")
    guard model.isTrained.contains(true), let rate = training.encoderLearningRate else {
      throw .training(problem: "nothing of the encoder is trained; use a frozen encoder then")
    }
    if let empty = encodings.firstIndex(where: \.ids.isEmpty) {
      throw .context(problem: "dialogue \(empty) has no tokens; the tokenizer makes nothing of its text")
    }
    self.model = model
    self.tokensAtATime = tokensAtATime
    self.isCheckpointing = isCheckpointing
    optimizer = AdamW(
      model.parameters,
      groups: [.init(name: "encoder", learningRate: rate, weightDecay: training.weightDecay)],
      isTrained: model.isTrained)
    gradients = model.zeroGradients
    var texts: [[Int32]] = []
    var known: [[Int32]: Int] = [:]
    let textOfDialogue = encodings.map { encoding in
      if let text = known[encoding.ids] { return text }
      known[encoding.ids] = texts.count
      texts.append(encoding.ids)
      return texts.count - 1
    }
    self.texts = texts
    textsOfPair = (0..<encodings.count / 2).map { [textOfDialogue[2 * $0], textOfDialogue[2 * $0 + 1]] }
  }

  /// Of a pair: u = [(h_1 + h_2)/2 ; |h_1 - h_2|].
  public var featureCount: Int { 2 * model.configuration.hiddenSize }

  /// Names the tokens of all pairs.
  public var textFingerprint: Fingerprint {
    textsOfPair.joined().reduce(Fingerprint([UInt8]())) { hash, text in
      hash.combined(with: StateCache.key(texts[text]))
    }
  }

  /// Tokens of the texts of some pairs.
  public func tokenCount(of pairs: some Sequence<Int>) -> Int {
    pairs.reduce(0) { $0 + textsOfPair[$1].reduce(0) { $0 + texts[$1].count } }
  }

  /// Positions in `pairs`, those of each pass: the longest first, as many as `tokensAtATime` holds.
  package func passes(over pairs: [Int]) -> [[Int]] {
    let sizes = pairs.map { tokenCount(of: [$0]) }
    var passes: [[Int]] = []
    var size = 0
    for position in pairs.indices.sorted(by: { (-sizes[$0], $0) < (-sizes[$1], $1) }) {
      if passes.isEmpty || size + sizes[position] > tokensAtATime {
        passes.append([])
        size = 0
      }
      passes[passes.count - 1].append(position)
      size += sizes[position]
    }
    return passes
  }

  /// A forward pass over some pairs; valid until the next one.
  struct Pass {
    /// u, one row a pair.
    let features: Matrix<Float>
    /// Tokens of the texts.
    let tokens: Int
    fileprivate let pooled: PooledPass
    /// The rows of `pooled` that each pair's texts are.
    fileprivate let rows: [[Int]]
  }

  /// - Throws: `TransformersError` for tokens that the model does not know.
  mutating func forward(_ pairs: [Int]) throws -> Pass {
    guard let batch = batches(of: pairs, limit: .max).first else { preconditionFailure("a pass over no pairs") }
    let pooled = try model.forwardPooled(
      batch.tokens, segments: batch.ends, isCheckpointing: isCheckpointing, scratch: &scratch)
    let (rows, features) = Self.features(
      pairs.map { textsOfPair[$0] }, states: pooled.vectors, texts: batch.texts)
    return Pass(features: features, tokens: batch.textTokens, pooled: pooled, rows: rows)
  }

  /// Adds to the gradients of the model, from that by the features.
  mutating func backward(_ gradient: Matrix<Float>, _ pass: Pass) {
    var states = Matrix<Float>(rows: pass.pooled.vectors.rows, columns: pass.pooled.vectors.columns)
    for (pair, rows) in pass.rows.enumerated() {
      let parts = PairFeatures.stateGradients(
        pass.pooled.vectors.row(rows[0]), pass.pooled.vectors.row(rows[1]), gradient.row(pair))
      for (row, part) in zip(rows, [parts.first, parts.second]) {
        for (j, value) in part.enumerated() { states[row, j] += value }
      }
    }
    model.backward(states, pass.pooled, into: &gradients)
  }

  /// - Throws: `NeuralNetworkError.notFiniteGradient`.
  func gradientNorm(step: Int) throws(NeuralNetworkError) -> Double {
    try NeuralNetwork.gradientNorm(gradients, of: model.parameters, step: step)
  }

  mutating func step(rateFactor: Double, gradientFactor: Double) {
    Self.step(&optimizer, gradients, &model, rateFactor: rateFactor, gradientFactor: gradientFactor)
  }

  private static func step(
    _ optimizer: inout AdamW, _ gradients: [[Float]], _ model: inout TrainableTransformer, rateFactor: Double,
    gradientFactor: Double
  ) {
    model.update {
      optimizer.step(&$0, gradients: gradients, rateFactor: rateFactor, gradientFactor: gradientFactor)
    }
  }

  mutating func clearGradients() { clear(&gradients) }

  /// u of some pairs, for inference: pairs.count x `featureCount`.
  ///
  /// - Throws: `TransformersError`.
  package func features(of pairs: [Int]) throws -> Matrix<Float> {
    let batches = batches(of: pairs, limit: DialoguePlan.tokensAtATime)
    var scratch = ForwardScratch()
    let states = try batches.map { try model.model.pooled($0.tokens, segments: $0.ends, scratch: &scratch) }
    let all = Matrix(
      rows: states.reduce(0) { $0 + $1.rows }, columns: model.configuration.hiddenSize,
      elements: states.flatMap(\.elements))
    return Self.features(pairs.map { textsOfPair[$0] }, states: all, texts: batches.flatMap(\.texts)).features
  }

  /// The distinct texts of some pairs, a pair's side by side.
  private func batches(of pairs: [Int], limit: Int) -> [TextBatch] {
    var seen: Set<Int> = []
    let groups = pairs.map { textsOfPair[$0].filter { seen.insert($0).inserted } }.filter { !$0.isEmpty }
    return TextBatch.batches(of: groups, texts: texts, model: model.model, limit: limit)
  }

  private static func features(
    _ pairs: [[Int]], states: Matrix<Float>, texts: [Int]
  ) -> (rows: [[Int]], features: Matrix<Float>) {
    let rowOfText = Dictionary(uniqueKeysWithValues: texts.enumerated().map { ($1, $0) })
    let rows = pairs.map { $0.compactMap { rowOfText[$0] } }
    let elements = rows.flatMap { PairFeatures.u(states.row($0[0]), states.row($0[1])) }
    return (rows, Matrix(rows: pairs.count, columns: 2 * states.columns, elements: elements))
  }

  package var trainedParameters: [Parameter] { zip(model.parameters, model.isTrained).filter(\.1).map(\.0) }

  /// The trained parameters and the optimizer's moments, which with the count of steps are all that a saved run needs.
  package var saved: (parameters: [Parameter], optimizer: [Parameter]) { (trainedParameters, optimizer.state) }

  /// Takes up what `saved` gave.
  ///
  /// - Throws: `RoutingError.training` for parameters that are not the trained ones; `NeuralNetworkError.optimizerState`.
  mutating func restore(_ parameters: [Parameter], optimizer state: [Parameter], steps: Int) throws {
    let values = Dictionary(parameters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let own = trainedParameters
    guard values.count == own.count, own.allSatisfy({ values[$0.name]?.shape == $0.shape }) else {
      throw RoutingError.training(
        problem: "the saved parameters are not those of this encoder; resume with the encoder that the run began with")
    }
    try optimizer.restore(state, stepCount: steps)
    model.update { parameters in
      for i in parameters.indices { parameters[i].values = values[parameters[i].name]?.values ?? parameters[i].values }
    }
  }
}
