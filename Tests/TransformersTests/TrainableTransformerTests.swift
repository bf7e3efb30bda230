import Foundation
import LinearAlgebra
import NeuralNetwork
import Storage
import TestSupport
import Testing
import Transformers

/// What must not change gradients, and what updates and saving do.
@Suite struct TrainableTransformerTests {
  private typealias Parity = GradientParityTests

  private func batch(_ name: String) throws -> TokenBatch { TokenBatch(try ParityTests.Reference(name).sequences) }

  @Test(arguments: GradientParityTests.names)
  func checkpointingDoesNotChangeABit(name: String) throws {
    let model = try Parity.model(name)
    var scratch = TrainingScratch()
    let batch = try batch(name)
    let kept = try Parity.gradients(model, batch, scratch: &scratch)
    // The same memory again, then smaller and larger batches in it.
    let again = try Parity.gradients(model, batch, scratch: &scratch)
    let anew = try Parity.gradients(model, batch, isCheckpointing: true, scratch: &scratch)
    #expect(kept.gradients == again.gradients)
    #expect(kept.gradients == anew.gradients)
    #expect(kept.loss == anew.loss)
  }

  @Test(arguments: GradientParityTests.names)
  func threadsChangeGradientsByRoundingsAlone(name: String) throws {
    let model = try Parity.model(name)
    var scratch = TrainingScratch()
    let batch = try batch(name)
    let one = try Parity.gradients(model, batch, workers: 1, scratch: &scratch)
    for workers in 2...4 {
      let more = try Parity.gradients(model, batch, workers: workers, scratch: &scratch)
      for (place, (a, b)) in matched(more.gradients, one.gradients).enumerated()
      where !model.parameters[place].name.hasSuffix("key.bias") {
        #expect(Parity.difference(a, b) <= 1e-5, "\(model.parameters[place].name)")
      }
    }
  }

  @Test(arguments: ["llama-gqa", "llama-untied-bias", "bert-mean"])
  func theLastLayersHaveTheirPartOfTheFullGradient(name: String) throws {
    let full = try Parity.model(name)
    let batch = try batch(name)
    var scratch = TrainingScratch()
    let expected = try Parity.gradients(full, batch, scratch: &scratch)
    for count in 0...full.configuration.numHiddenLayers + 1 {
      for isCheckpointing in [false, true] {
        let part = try Parity.model(name, .lastLayers(count))
        let found = try Parity.gradients(part, batch, isCheckpointing: isCheckpointing, scratch: &scratch)
        #expect(found.loss == expected.loss)
        for (place, gradient) in found.gradients.enumerated() {
          #expect(gradient == (part.isTrained[place] ? expected.gradients[place] : []))
        }
        let layers = part.parameters.indices.filter { part.isTrained[$0] && part.parameters[$0].name.contains("q") }
        #expect(layers.isEmpty == (count == 0))
        #expect(!part.isTrained[0])
      }
    }
    let none = try Parity.model(name, .none)
    #expect(try Parity.gradients(none, batch, scratch: &scratch).gradients.allSatisfy(\.isEmpty))
  }

  /// Few wanted rows, two of them neighbours and one twice, against all rows with a gradient of 0 by the others.
  @Test(arguments: GradientParityTests.names, [false, true])
  func wantedRowsHaveTheGradientsThatTheyHaveAmongAll(name: String, isCheckpointing: Bool) throws {
    let model = try Parity.model(name)
    let batch = try batch(name)
    let rows = [9, 2, batch.tokens.count - 1, 3, 9]
    var scratch = TrainingScratch()
    let part = try model.forward(batch, rows: rows, isCheckpointing: isCheckpointing, scratch: &scratch)
    let gradient = Parity.loss(part.states.all.matrix).gradient
    var found = model.zeroGradients
    model.backward(gradient.all, part, into: &found)

    let all = try model.forward(batch, isCheckpointing: isCheckpointing, scratch: &scratch)
    let spread = RowBuffer(rows: batch.tokens.count, columns: gradient.columns)
    for (i, row) in rows.enumerated() {
      #expect(part.states.all.row(i) == all.states.all.row(row))
      spread.all.addRow(row, from: gradient.all, i)
    }
    var expected = model.zeroGradients
    model.backward(spread.all, all, into: &expected)
    for (place, (a, b)) in matched(found, expected).enumerated()
    where !model.parameters[place].name.hasSuffix("key.bias") {
      #expect(Parity.difference(a, b) <= 1e-5, "\(model.parameters[place].name)")
    }
  }

  /// Gradients of the last rows of texts with a common beginning: with the beginning once, and with each text whole.
  @Test(arguments: ["llama-gqa", "qwen3"])
  func sharedPrefixesHaveTheGradientsOfSeparateTexts(name: String) throws {
    let model = try Parity.model(name)
    let sequences = try ParityTests.Reference(name).sequences
    let stem = Array(sequences[4].prefix(20))
    let texts = sequences.map { stem + $0 } + [[5, 4, 3]]
    var shared = TokenBatch()
    let ends = shared.append(sharingPrefixOf: Array(texts.dropLast())) + [shared.append(texts[5])]
    let separate = TokenBatch(texts)
    // A row of each own part, and one of the prefix by way of two texts.
    let wanted: [(text: Int, position: Int)] = texts.enumerated().map { ($0, $1.count - 1) } + [(0, 7), (3, 7)]
    var scratch = TrainingScratch()
    let a = try Parity.gradients(
      model, shared, rows: wanted.map { shared.row(of: ends[$0.text], position: $0.position) }, scratch: &scratch)
    let b = try Parity.gradients(
      model, separate, rows: wanted.map { separate.row(of: $0.text, position: $0.position) }, scratch: &scratch)
    #expect(shared.tokens.count < separate.tokens.count)
    #expect(abs(a.loss - b.loss) <= 1e-6 * abs(b.loss))
    for (place, (found, expected)) in matched(a.gradients, b.gradients).enumerated() where !expected.isEmpty {
      #expect(Parity.difference(found, expected) <= 2e-5, "\(model.parameters[place].name)")
    }
  }

  @Test func backwardAddsToWhatIsThere() throws {
    let model = try Parity.model("llama-gqa")
    var scratch = TrainingScratch()
    let pass = try model.forward(try batch("llama-gqa"), scratch: &scratch)
    let gradient = Parity.loss(pass.states.all.matrix).gradient
    var once = model.zeroGradients
    model.backward(gradient.all, pass, into: &once)
    var twice = once
    model.backward(gradient.all, pass, into: &twice)
    // The embedding adds row after row, which rounds in another order.
    for (a, b) in matched(twice, once) { #expect(Parity.difference(a, b.map { 2 * $0 }) <= 1e-5) }
  }

  /// A small step against the gradient lowers the loss by its length times the gradient's norm.
  @Test(arguments: ["llama-gqa", "bert-mean"], [TrainedPart.all, .lastLayers(1)])
  func updatesReachTheModel(name: String, trained: TrainedPart) throws {
    var model = try Parity.model(name, trained)
    let batch = try batch(name)
    var scratch = TrainingScratch()
    let before = try Parity.gradients(model, batch, scratch: &scratch)
    let square = before.gradients.joined().reduce(0.0) { $0 + Double($1) * Double($1) }
    let rate = Float(1e-3 * abs(before.loss) / square)
    model.update { parameters in
      for (place, gradient) in before.gradients.enumerated() {
        for (i, slope) in gradient.enumerated() { parameters[place].values[i] -= rate * slope }
      }
    }
    let after = try Parity.gradients(model, batch, scratch: &scratch)
    let expected = Double(rate) * square
    #expect(abs(before.loss - after.loss - expected) <= 0.1 * expected)
    var own = ForwardScratch()
    let pass = try model.forward(batch, scratch: &scratch)
    #expect(try model.model.hiddenStates(batch, scratch: &own) == pass.states.all.matrix)
  }

  @Test(arguments: GradientParityTests.names + ["llama-f16-sharded", "llama-score", "bert-score"])
  func savedFoldersLoadWithTheSameBits(name: String) throws {
    var model = try Parity.model(name, .lastLayers(1))
    let isTrained = model.isTrained
    model.update { parameters in
      for place in parameters.indices where isTrained[place] {
        parameters[place].values = parameters[place].values.map { $0 * 1.25 }
      }
    }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("saved-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try model.save(to: folder)
    let first = try Data(contentsOf: folder.appendingPathComponent("model.safetensors"))
    let again = try TrainableTransformer(folder: folder, trained: .all)
    #expect(again.parameters == model.parameters && again.pooling == model.pooling)
    var (a, b) = (ForwardScratch(), ForwardScratch())
    let batch = try batch(name)
    let loaded = try TransformerModel(folder: folder)
    #expect(try loaded.hiddenStates(batch, scratch: &a) == model.model.hiddenStates(batch, scratch: &b))
    // Replaced in one step, with the same bytes.
    try again.save(to: folder)
    #expect(try Data(contentsOf: folder.appendingPathComponent("model.safetensors")) == first)
  }

  @Test func randomWeightsAreThoseOfTheSeed() throws {
    var shape = TransformerConfiguration.smolLM2
    (shape.vocabSize, shape.hiddenSize, shape.intermediateSize, shape.numHiddenLayers) = (50, 24, 40, 3)
    (shape.numAttentionHeads, shape.numKeyValueHeads, shape.headDim) = (4, 2, 6)
    shape.rotary = RotaryEmbedding(headSize: 6, base: 1000)
    let model = TrainableTransformer(shape, seed: 3, trained: .all)
    #expect(model.parameters == TrainableTransformer(shape, seed: 3, trained: .all).parameters)
    #expect(model.parameters != TrainableTransformer(shape, seed: 4, trained: .all).parameters)
    #expect(model.parameters.count == 1 + 3 * 9 + 1)
    var scratch = TrainingScratch()
    let found = try Parity.gradients(model, TokenBatch([[1, 2, 3], [49, 0]]), scratch: &scratch)
    #expect(found.gradients.allSatisfy { $0.contains { $0 != 0 } && $0.allSatisfy(\.isFinite) })
  }
}
