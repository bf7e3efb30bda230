import LinearAlgebra
import Testing
import Transformers

/// Texts that a model cannot read.
@Suite struct BadInputTests {
  private func error(_ fixture: String, _ batch: TokenBatch) throws -> TransformersError {
    let model = try ParityTests.Reference(fixture).model
    var scratch = ForwardScratch()
    return try #require(throws: TransformersError.self) { try model.hiddenStates(batch, scratch: &scratch) }
  }

  @Test(arguments: [64, 65, Int32.max, -1, Int32.min])
  func idsBeyondTheVocabularyAreRefused(id: Int32) throws {
    for fixture in ["llama-gqa", "bert-mean"] {
      let error = try error(fixture, TokenBatch([[1, 2], [3, id, 4]]))
      #expect(error == .tokenOutOfRange(sequence: 1, token: Int(id), vocabulary: 64))
      #expect(mentions("\(error)", "sequence 1", "token id \(id)", "vocabulary of 64", "tokenizer"))
    }
  }

  @Test(arguments: [2, 7, -1] as [Int32])
  func typesWithoutAnEmbeddingAreRefused(type: Int32) throws {
    var batch = TokenBatch([[1, 2]])
    batch.append([3, 4], typeIDs: [0, type])
    let error = try error("bert-mean", batch)
    #expect(error == .typeOutOfRange(sequence: 1, type: Int(type), types: 2))
    #expect(mentions("\(error)", "sequence 1", "token type \(type)", "type_vocab_size of 2"))
  }

  @Test func textsLongerThanTheModelReadsAreRefused() throws {
    let positions = try error("bert-mean", TokenBatch([[1], [Int32](repeating: 5, count: 41)]))
    #expect(positions == .sequenceTooLong(sequence: 1, tokens: 41, limit: 40, key: "max_position_embeddings"))
    #expect(mentions("\(positions)", "41 tokens", "max_position_embeddings is 40", "--max-tokens 40"))
    let window = try error("mistral-window", TokenBatch([[Int32](repeating: 5, count: 41)]))
    #expect(window == .sequenceTooLong(sequence: 0, tokens: 41, limit: 40, key: "sliding_window"))
    // A prefix counts.
    var batch = TokenBatch()
    _ = batch.append(sharingPrefixOf: [[Int32](repeating: 5, count: 30) + [6], [Int32](repeating: 5, count: 41)])
    #expect(
      try error("mistral-window", batch) == .sequenceTooLong(sequence: 2, tokens: 41, limit: 40, key: "sliding_window"))
  }

  @Test func theLongestTextsAreRead() throws {
    for fixture in ["bert-mean", "mistral-window"] {
      let model = try ParityTests.Reference(fixture).model
      var scratch = ForwardScratch()
      let states = try model.hiddenStates(TokenBatch([[Int32](repeating: 5, count: 40)]), scratch: &scratch)
      #expect(states.rows == 40 && states.elements.allSatisfy(\.isFinite))
    }
    // Rotary models compute beyond their training.
    let model = try ParityTests.Reference("llama-gqa").model
    var scratch = ForwardScratch()
    let states = try model.hiddenStates(TokenBatch([[Int32](repeating: 5, count: 200)]), scratch: &scratch)
    #expect(states.rows == 200 && states.elements.allSatisfy(\.isFinite))
  }

  @Test func batchesWithoutTokensGiveNoRows() throws {
    let model = try ParityTests.Reference("llama-gqa").model
    var scratch = ForwardScratch()
    #expect(try model.hiddenStates(TokenBatch(), scratch: &scratch).rows == 0)
    #expect(try model.hiddenStates(TokenBatch([[1, 2]]), rows: [], scratch: &scratch).rows == 0)
    #expect(try model.pooled(TokenBatch([[1, 2]]), segments: [], scratch: &scratch).rows == 0)
  }

  @Test func headsThatAreNotThereAreRefused() throws {
    let base = try ParityTests.Reference("llama-base").model
    let states = Matrix<Float>(rows: 2, columns: 32)
    let probabilities = #expect(throws: TransformersError.self) {
      try base.logProbabilities(of: [1, 2], hiddenStates: states)
    }
    #expect(mentions("\(try #require(probabilities))", "llama-base", "LlamaModel", "no language-model head"))
    let scores = #expect(throws: TransformersError.self) { try base.scores(hiddenState: Array(states.row(0))) }
    #expect(mentions("\(try #require(scores))", "no score head"))
  }
}
