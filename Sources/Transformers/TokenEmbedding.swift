import LinearAlgebra
import NeuralNetwork

/// The first rows of the residual stream: token embeddings, for BERT plus those of positions and token types, normalised.
struct TokenEmbedding: Sendable {
  struct Absolute: Sendable {
    /// positions x hidden, types x hidden.
    let positions: Matrix<Float>
    let types: Matrix<Float>
    let norm: LayerNorm
  }

  let tokens: EmbeddingTable
  let absolute: Absolute?

  /// Writes the rows of the batch; on the calling thread.
  func forward(_ batch: TokenBatch, into x: RowBlock) {
    sum(batch, into: x)
    absolute?.norm.forward(x, into: x)
  }

  /// The same before the norm.
  func sum(_ batch: TokenBatch, into x: RowBlock) {
    for (row, token) in batch.tokens.enumerated() {
      x.setRow(row, to: tokens.values(Int(token)..<Int(token) + 1))
    }
    guard let absolute else { return }
    for segment in batch.segments {
      for row in segment.rows {
        let position = segment.firstPosition + row - segment.rows.lowerBound
        let sum = zip(absolute.positions.row(position), absolute.types.row(Int(batch.typeIDs[row]))).map { $0 + $1 }
        x.setRow(row, to: zip(x.row(row), sum).map { $0 + $1 })
      }
    }
  }
}
