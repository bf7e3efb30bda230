import Foundation
import LinearAlgebra
import NeuralNetwork
import Storage

/// A transformer ready to compute: Llama, Mistral, Qwen2, Qwen3 or BERT, with what stands on top of it.
///
/// Results do not depend on what else is in a batch nor on the number of threads, to the bit (one CPU and precision given).
public struct TransformerModel: Sendable {
  enum Layers: Sendable {
    case decoder(BlockStack<DecoderBlock>)
    case encoder(BlockStack<EncoderBlock>)
  }

  public let configuration: TransformerConfiguration
  public let precision: Precision
  /// What errors call the model: its folder.
  public let name: String
  public let pooling: Pooling
  let embedding: TokenEmbedding
  let layers: Layers
  /// After the last layer (Llama's family).
  let finalNorm: RMSNorm?
  let heads: ModelHeads

  /// Hidden states after the last layer and, in Llama's family, the final norm: Transformers' `last_hidden_state`.
  ///
  /// - Parameters:
  ///   - rows: the rows of the batch that are wanted, in this order; nil for all. The last layer computes nothing else.
  ///   - scratch: kept and enlarged from call to call; its buffers belong to this call while it runs.
  /// - Returns: wanted rows x hidden size.
  /// - Throws: `TransformersError` for an id beyond the vocabulary or the token types, and for a text longer than the
  ///   model reads.
  /// - Complexity: see `TransformerConfiguration.operations`.
  public func hiddenStates(
    _ batch: TokenBatch, rows: [Int]? = nil, workers: Int = BLASRuntime.usableThreads,
    scratch: inout ForwardScratch
  ) throws -> Matrix<Float> {
    try validate(batch)
    guard !batch.tokens.isEmpty, rows?.isEmpty != true else {
      return Matrix(rows: 0, columns: configuration.hiddenSize)
    }
    switch layers {
    case .decoder(let stack): return run(stack, batch, rows: rows, workers: workers, scratch: &scratch)
    case .encoder(let stack): return run(stack, batch, rows: rows, workers: workers, scratch: &scratch)
    }
  }

  /// One vector a text: the hidden states of its segment (and of the prefix that it continues) pooled as `pooling` says.
  ///
  /// - Returns: segments.count x hidden size.
  /// - Throws: as `hiddenStates`.
  public func pooled(
    _ batch: TokenBatch, segments: [Int], workers: Int = BLASRuntime.usableThreads, scratch: inout ForwardScratch
  ) throws -> Matrix<Float> {
    let spans = segments.map { pooling.rows(of: $0, in: batch) }
    let rows = pooling.kind.isOneRow ? spans.flatMap { $0 } : nil
    let states = try hiddenStates(batch, rows: rows, workers: workers, scratch: &scratch)
    var result = Matrix<Float>(rows: segments.count, columns: configuration.hiddenSize)
    for (i, span) in spans.enumerated() {
      let own = rows == nil ? states.selectingRows(span) : states.selectingRows([i])
      result.elements.replaceSubrange(i * result.columns..<(i + 1) * result.columns, with: pooling.pool(own))
    }
    return result
  }

  /// Whether texts of this many tokens may share a prefix. Not where their length changes the angles of all positions,
  /// nor where tokens also look ahead.
  public func canSharePrefix(length: Int) -> Bool {
    configuration.isCausal && configuration.rotary?.decisiveLength(length) == nil
  }

  /// Bytes of the packed weights; embeddings stay in the file.
  public var weightByteCount: Int {
    switch layers {
    case .decoder(let stack):
      stack.blocks.reduce(0) {
        $0 + $1.attention.projection.weight.byteCount + $1.attention.output.weight.byteCount
          + $1.feedForward.gateUp.weight.byteCount + $1.feedForward.down.weight.byteCount
      }
    case .encoder(let stack):
      stack.blocks.reduce(0) {
        $0 + $1.attention.projection.weight.byteCount + $1.attention.output.weight.byteCount
          + $1.feedForward.up.weight.byteCount + $1.feedForward.down.weight.byteCount
      }
    }
  }

  private func run<Block: TransformerBlock>(
    _ stack: BlockStack<Block>, _ batch: TokenBatch, rows: [Int]?, workers: Int, scratch: inout ForwardScratch
  ) -> Matrix<Float> {
    scratch.reserve(
      tokens: batch.tokens.count, longest: batch.longestLength, workers: workers, blocks: stack.blocks)
    embedding.forward(batch, into: scratch.residual[0..<batch.tokens.count])
    let states = stack.run(batch, rows: rows, workers: workers, scratch: scratch)
    finalNorm?.forward(states, into: states)
    return states.matrix
  }

  func validate(_ batch: TokenBatch) throws {
    for (index, segment) in batch.segments.enumerated() {
      let tokens = batch.tokens[segment.rows]
      if let wrong = tokens.first(where: { $0 < 0 || Int($0) >= configuration.vocabSize }) {
        throw TransformersError.tokenOutOfRange(
          sequence: index, token: Int(wrong), vocabulary: configuration.vocabSize)
      }
      let types = configuration.typeVocabSize
      if !configuration.isCausal, let wrong = batch.typeIDs[segment.rows].first(where: { $0 < 0 || Int($0) >= types }) {
        throw TransformersError.typeOutOfRange(sequence: index, type: Int(wrong), types: types)
      }
      if let limit = configuration.longestText, segment.length > limit {
        throw TransformersError.sequenceTooLong(
          sequence: index, tokens: segment.length, limit: limit,
          key: configuration.isCausal ? "sliding_window" : "max_position_embeddings")
      }
    }
    precondition(
      configuration.isCausal || batch.segments.allSatisfy { $0.prefix == nil }, "BERT's tokens look ahead: no prefix")
  }
}
