import NeuralNetwork
import Testing
import Transformers

/// The number of operations against one that counts each multiplication and addition of the products in turn.
@Suite struct OperationsTests {
  private func configuration(isBERT: Bool) -> TransformerConfiguration {
    var configuration = TransformerConfiguration.smolLM2
    configuration.modelType = isBERT ? .bert : .llama
    configuration.hiddenSize = 10
    configuration.intermediateSize = 14
    configuration.numHiddenLayers = 3
    configuration.numAttentionHeads = 4
    configuration.numKeyValueHeads = isBERT ? 4 : 2
    configuration.headDim = 6
    return configuration
  }

  private func counted(_ c: TransformerConfiguration, _ batch: TokenBatch, rows: [Int]?) -> Double {
    var count = 0
    func linear(_ inputs: Int, _ outputs: Int) { count += 2 * inputs * outputs }
    let queries = c.numAttentionHeads * c.headDim
    for layer in 0..<c.numHiddenLayers {
      let wanted = layer == c.numHiddenLayers - 1 ? rows : nil
      for segment in batch.segments {
        for (place, row) in segment.rows.enumerated() {
          linear(c.hiddenSize, queries + 2 * c.numKeyValueHeads * c.headDim)
          let times = wanted.map { $0.count { $0 == row } } ?? 1
          if times > 0 {
            let keys = c.isCausal ? segment.firstPosition + place + 1 : segment.length
            for _ in 0..<c.numAttentionHeads * keys { count += 2 * c.headDim + 2 * c.headDim }
          }
          for _ in 0..<times {
            linear(queries, c.hiddenSize)
            for _ in 0..<(c.isCausal ? 2 : 1) { linear(c.hiddenSize, c.intermediateSize) }
            linear(c.intermediateSize, c.hiddenSize)
          }
        }
      }
    }
    return Double(count)
  }

  @Test(arguments: [false, true], [nil, [2], [0, 6, 4], [5, 5]] as [[Int]?])
  func countsEveryProduct(isBERT: Bool, rows: [Int]?) {
    let configuration = configuration(isBERT: isBERT)
    let batch = TokenBatch([[1, 2, 3], [4], [5, 6, 7, 8]])
    #expect(configuration.operations(batch, rows: rows) == counted(configuration, batch, rows: rows))
  }

  @Test func countsASharedPrefixOnce() {
    let configuration = configuration(isBERT: false)
    let texts: [[Int32]] = [[1, 2, 3, 4, 5], [1, 2, 3, 6], [1, 2, 3, 7]]
    var batch = TokenBatch()
    let ends = batch.append(sharingPrefixOf: texts).map { batch.lastRow(of: $0) }
    for rows in [nil, ends] {
      #expect(configuration.operations(batch, rows: rows) == counted(configuration, batch, rows: rows))
    }
    #expect(configuration.operations(batch) < configuration.operations(TokenBatch(texts)))
  }
}
