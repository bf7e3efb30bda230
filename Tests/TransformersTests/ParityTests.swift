import Foundation
import Storage
import TestSupport
import Testing
import Transformers

/// Small checkpoints against the Float64 answers of Transformers; `Scripts/fixtures/checkpoints.py` makes both.
@Suite struct ParityTests {
  static let folder = Bundle.module.resourceURL!.appendingPathComponent("Fixtures")

  static let names: [String] = {
    let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
    return files.filter { FileManager.default.fileExists(atPath: $0.appendingPathComponent("config.json").path) }
      .map(\.lastPathComponent).sorted()
  }()

  struct Reference {
    let model: TransformerModel
    let sequences: [[Int32]]
    let answers: SafetensorsFile

    init(_ name: String) throws {
      let folder = ParityTests.folder.appendingPathComponent(name)
      model = try TransformerModel(folder: folder)
      answers = try SafetensorsFile(mapping: folder.appendingPathComponent("reference.safetensors"))
      let count = answers.tensorNames.filter { $0.hasPrefix("ids.") }.count
      let file = answers
      sequences = try (0..<count).map { try file.tensor("ids.\($0)").integers().map(Int32.init) }
    }

    /// max |a - b| / max |b|.
    func difference(_ values: [Float], _ name: String) throws -> Double {
      let expected = try answers.tensor(name).floats()
      #expect(values.count == expected.count, "\(name)")
      let size = expected.map { Double($0.magnitude) }.max() ?? 0
      let error = matched(values, expected).map { Double(($0 - $1).magnitude) }.max() ?? 0
      return size == 0 ? error : error / size
    }
  }

  @Test func thereAreCheckpoints() { #expect(Self.names.count >= 18) }

  @Test(arguments: names)
  func answersMatchTransformers(name: String) throws {
    let reference = try Reference(name)
    let model = reference.model
    var scratch = ForwardScratch()
    for (i, ids) in reference.sequences.enumerated() {
      let batch = TokenBatch([ids])
      let states = try model.hiddenStates(batch, scratch: &scratch)
      let pooled = try model.pooled(batch, segments: [0], scratch: &scratch)
      #expect(try reference.difference(states.elements, "hidden_states.\(i)") <= 1e-4)
      #expect(try reference.difference(pooled.elements, "pooled.\(i)") <= 1e-4)
      switch model.configuration.head {
      case .none: break
      case .causalLanguageModel:
        let values = try model.logProbabilities(of: ids, hiddenStates: states)
        if ids.count > 1 { #expect(try reference.difference(values, "log_probs.\(i)") <= 1e-4) }
      case .sequenceClassification:
        let score = try model.scores(hiddenState: Array(states.row(model.scoredPosition(of: ids))))
        #expect(try reference.difference(score, "score.\(i)") <= 1e-4)
      }
    }
  }

  /// Alone, packed, on one thread or three, all rows or just the last: the same bits.
  @Test(arguments: names)
  func packingDoesNotChangeABit(name: String) throws {
    let reference = try Reference(name)
    var scratch = ForwardScratch()
    let batch = TokenBatch(reference.sequences)
    let together = try reference.model.hiddenStates(batch, workers: 3, scratch: &scratch)
    let lastRows = batch.segments.indices.map { batch.lastRow(of: $0) }
    let last = try reference.model.hiddenStates(batch, rows: lastRows, workers: 2, scratch: &scratch)
    for (i, ids) in reference.sequences.enumerated() {
      let alone = try reference.model.hiddenStates(TokenBatch([ids]), workers: 1, scratch: &scratch)
      #expect(alone.elements == together.selectingRows(Array(batch.segments[i].rows)).elements)
      #expect(Array(last.row(i)) == Array(alone.row(ids.count - 1)))
    }
  }

  @Test(arguments: names.filter { !$0.hasPrefix("bert") })
  func sharedPrefixesDoNotChangeABit(name: String) throws {
    let reference = try Reference(name)
    let model = reference.model
    let stem = Array(reference.sequences.max { $0.count < $1.count }!.prefix(9))
    let texts = reference.sequences.map { Array((stem + $0).prefix(16)) }
    #expect(model.canSharePrefix(length: 16))
    var shared = TokenBatch()
    let ends = shared.append(sharingPrefixOf: texts)
    #expect(shared.tokens.count < texts.reduce(0) { $0 + $1.count })
    var scratch = ForwardScratch()
    let pooled = try model.pooled(shared, segments: ends, scratch: &scratch)
    for (i, text) in texts.enumerated() {
      let alone = try model.pooled(TokenBatch([text]), segments: [0], scratch: &scratch)
      #expect(Array(pooled.row(i)) == alone.elements)
    }
  }
}
