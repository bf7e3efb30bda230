import Foundation
import LinearAlgebra
import NeuralNetwork

/// What stands on top of the hidden states.
struct ModelHeads: Sendable {
  /// vocabulary x hidden: logits = h W'.
  var languageModel: EmbeddingTable?
  var score: ScoreHead?
}

/// The head of a sequence classifier: logits = W f(h) + b, where f is BERT's pooler, tanh(W_p h + b_p), or nothing.
struct ScoreHead: Sendable {
  struct Pooler: Sendable {
    let weight: Matrix<Float>
    let bias: [Float]
  }

  /// labels x hidden.
  let weight: Matrix<Float>
  let bias: [Float]?
  let pooler: Pooler?

  func logits(_ hidden: [Float]) -> [Float] {
    var state = hidden
    if let pooler {
      state = zip(gemv(pooler.weight, .asIs, hidden), pooler.bias).map { tanh($0 + $1) }
    }
    let values = gemv(weight, .asIs, state)
    return bias.map { zip(values, $0).map { $0 + $1 } } ?? values
  }
}

extension TransformerModel {
  /// log p(token t+1 | tokens up to t), in nats, for a text's rows of hidden states (tokens x hidden): one value fewer
  /// than tokens.
  ///
  /// The vocabulary is gone through in chunks, so that memory stays at tokens x chunk.
  ///
  /// - Throws: `TransformersError.missingHead` unless the checkpoint is a causal language model.
  /// - Complexity: 2 tokens hidden vocabulary operations.
  public func logProbabilities(of tokens: [Int32], hiddenStates states: Matrix<Float>) throws -> [Float] {
    guard let table = heads.languageModel else {
      throw TransformersError.missingHead(
        folder: name, head: "language-model head", architecture: configuration.architecture)
    }
    precondition(states.rows == tokens.count, "\(states.rows) rows of hidden states for \(tokens.count) tokens")
    let count = tokens.count - 1
    guard count > 0 else { return [] }
    let inputs = states.selectingRows(Array(0..<count))
    var largest = [Double](repeating: -.infinity, count: count)
    var sums = [Double](repeating: 0, count: count)
    var targets = [Double](repeating: 0, count: count)
    let chunk = 4096
    for first in stride(from: 0, to: table.rows, by: chunk) {
      let range = first..<min(first + chunk, table.rows)
      let weights = Matrix(rows: range.count, columns: table.columns, elements: table.values(range))
      let logits = gemm(inputs, .asIs, weights, .transposed)
      for t in 0..<count {
        let row = logits.row(t)
        let top = Swift.max(largest[t], Double(row.max() ?? -.infinity))
        var sum = sums[t] * exp(largest[t] - top)
        for value in row { sum += exp(Double(value) - top) }
        largest[t] = top
        sums[t] = sum
        let target = Int(tokens[t + 1])
        if range.contains(target) { targets[t] = Double(row[row.startIndex + target - first]) }
      }
    }
    return (0..<count).map { Float(targets[$0] - largest[$0] - log(sums[$0])) }
  }

  /// The labels of a sequence classifier; nil for another checkpoint.
  public var labelCount: Int? { heads.score?.weight.rows }

  /// The token whose hidden state is classified: the rightmost that is not padding; BERT's first; the last one for
  /// OpenRLHF's reward models, whatever it is.
  public func scoredPosition(of tokens: [Int32]) -> Int {
    guard configuration.isCausal else { return 0 }
    guard configuration.valueHead == nil, let pad = configuration.padTokenID else { return tokens.count - 1 }
    return tokens.lastIndex { Int($0) != pad } ?? 0
  }

  /// The logits of a sequence classifier, one a label, from the hidden state at `scoredPosition`; not normalised by
  /// the moments of a `ValueHead`.
  ///
  /// - Throws: `TransformersError.missingHead` for another checkpoint.
  public func scores(hiddenState: [Float]) throws -> [Float] {
    guard let head = heads.score else {
      throw TransformersError.missingHead(folder: name, head: "score head", architecture: configuration.architecture)
    }
    return head.logits(hiddenState)
  }
}
