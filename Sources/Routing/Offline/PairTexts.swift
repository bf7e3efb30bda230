import Dialogues
import LinearAlgebra
import NeuralNetwork
import Storage
import Tokenization
import Transformers

/// A router's network in training, alone or together with the encoder below it.
package typealias RouterOptimizer = TransformerOptimizer<RouterNetwork<Float>>

/// The tokens of a dataset's pairs, and how they go through an encoder that is trained.
///
/// Texts go through the model packed, without padding; what the two responses of a pair share at the beginning is
/// computed once where the model allows it. A batch of more than `tokensAtATime` tokens goes through in passes, its
/// pairs sorted by length: this bounds the memory, and changes nothing else but rounding.
package struct PairTexts: Sendable {
  /// New tokens of one pass.
  let tokensAtATime: Int
  /// Whether layers are computed anew in the backward pass instead of being kept: see `TrainableTransformer.forward`.
  let isCheckpointing: Bool
  /// The distinct texts, and those of each pair of the dataset: A's and B's.
  private let texts: [[Int32]]
  private let textsOfPair: [[Int]]

  /// - Parameter encodings: the tokens of each pair's dialogues, A's and B's: two a pair of the dataset.
  /// - Throws: `RoutingError.context` for a text without tokens.
  package init(_ encodings: [Encoding], tokensAtATime: Int = DialoguePlan.tokensAtATime, isCheckpointing: Bool = false)
    throws(RoutingError)
  {
    precondition(tokensAtATime > 0 && encodings.count.isMultiple(of: 2), "two dialogues a pair")
    if let empty = encodings.firstIndex(where: \.ids.isEmpty) {
      throw .context(.noTokens(dialogue: empty))
    }
    self.tokensAtATime = tokensAtATime
    self.isCheckpointing = isCheckpointing
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

  /// A hash of the tokens of all pairs.
  var fingerprint: Fingerprint {
    textsOfPair.joined().reduce(Fingerprint([UInt8]())) { hash, text in
      hash.combined(with: StateCache.key(texts[text]))
    }
  }

  /// The number of tokens in the texts of some pairs.
  package func tokenCount(of pairs: some Sequence<Int>) -> Int {
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

  /// A forward pass over some pairs; it is valid until the next one.
  package struct Pass {
    /// u, one row a pair.
    package let features: Matrix<Float>
    /// The number of tokens in the texts.
    package let tokens: Int
    fileprivate let pooled: PooledPass
    /// The rows of `pooled` that each pair's texts are.
    fileprivate let rows: [[Int]]
  }

  /// - Throws: `TransformersError` for tokens that the model does not know.
  package func forward(_ pairs: [Int], _ optimizer: inout RouterOptimizer) throws -> Pass {
    let batches = batches(of: pairs, model: optimizer.transformer.model, limit: .max)
    guard let batch = batches.first else { preconditionFailure("a pass over no pairs") }
    let pooled = try optimizer.forwardPooled(
      batch.tokens, segments: batch.ends, isCheckpointing: isCheckpointing)
    let (rows, features) = Self.features(
      pairs.map { textsOfPair[$0] }, states: pooled.vectors, texts: batch.texts)
    return Pass(features: features, tokens: batch.textTokens, pooled: pooled, rows: rows)
  }

  /// Adds to the gradients of the model, from that by the features.
  package func backward(_ gradient: Matrix<Float>, _ pass: Pass, _ optimizer: inout RouterOptimizer) {
    var states = Matrix<Float>(rows: pass.pooled.vectors.rows, columns: pass.pooled.vectors.columns)
    for (pair, rows) in pass.rows.enumerated() {
      let parts = PairFeatures.stateGradients(
        pass.pooled.vectors.row(rows[0]), pass.pooled.vectors.row(rows[1]), gradient.row(pair))
      for (row, part) in zip(rows, [parts.first, parts.second]) {
        for (j, value) in part.enumerated() { states[row, j] += value }
      }
    }
    optimizer.backward(states, pass.pooled)
  }

  /// u of some pairs, for inference: pairs.count x 2 hidden size.
  ///
  /// - Throws: `TransformersError`.
  package func features(of pairs: [Int], _ model: TransformerModel) throws -> Matrix<Float> {
    let batches = batches(of: pairs, model: model, limit: DialoguePlan.tokensAtATime)
    var scratch = ForwardScratch()
    let states = try batches.map { try model.pooled($0.tokens, segments: $0.ends, scratch: &scratch) }
    let all = Matrix(
      rows: states.reduce(0) { $0 + $1.rows }, columns: model.configuration.hiddenSize,
      elements: states.flatMap(\.elements))
    return Self.features(pairs.map { textsOfPair[$0] }, states: all, texts: batches.flatMap(\.texts)).features
  }

  /// The distinct texts of some pairs, a pair's side by side.
  private func batches(of pairs: [Int], model: TransformerModel, limit: Int) -> [TextBatch] {
    var seen: Set<Int> = []
    let groups = pairs.map { textsOfPair[$0].filter { seen.insert($0).inserted } }.filter { !$0.isEmpty }
    return TextBatch.batches(of: groups, texts: texts, model: model, limit: limit)
  }

  private static func features(
    _ pairs: [[Int]], states: Matrix<Float>, texts: [Int]
  ) -> (rows: [[Int]], features: Matrix<Float>) {
    let rowOfText = Dictionary(uniqueKeysWithValues: texts.enumerated().map { ($1, $0) })
    let rows = pairs.map { $0.compactMap { rowOfText[$0] } }
    let elements = rows.flatMap { PairFeatures.u(states.row($0[0]), states.row($0[1])) }
    return (rows, Matrix(rows: pairs.count, columns: 2 * states.columns, elements: elements))
  }
}
