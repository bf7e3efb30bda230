import Foundation
import LinearAlgebra
import NeuralNetwork
import Storage
import TestSupport
import Testing
import Transformers

/// Adapters in training: against PEFT (`Scripts/fixtures/lora_gradients.py`), differences and the gradients of the weights.
@Suite struct LoRATrainingTests {
  private typealias Parity = GradientParityTests

  /// An adapter that PEFT wrote, and its base model.
  static let adapters = ["lora-all-llama": "llama-gqa", "lora-all-bert": "bert-mean"]

  private func folder(_ name: String) -> URL { ParityTests.folder.appendingPathComponent(name) }

  private func model(_ adapter: String) throws -> (model: TrainableTransformer, batch: TokenBatch) {
    let base = try #require(Self.adapters[adapter])
    let model = try TrainableTransformer(folder: folder(base), adapter: LoRAAdapter(folder: folder(adapter)))
    return (model, TokenBatch(try ParityTests.Reference(base).sequences))
  }

  private func temporary<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lora-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }

  @Test(arguments: adapters.keys, [false, true])
  func gradientsMatchPEFTs(name: String, isCheckpointing: Bool) throws {
    let (model, batch) = try model(name)
    let file = try SafetensorsFile(mapping: folder(name).appendingPathComponent("gradients.safetensors"))
    var scratch = TrainingScratch()
    let states = try model.forward(batch, scratch: &scratch).states.all.matrix
    let stateError = Parity.difference(states.elements, try file.tensor("states").floats())
    #expect(stateError <= 1e-5, "states: \(stateError)")
    let found = try Parity.gradients(model, batch, isCheckpointing: isCheckpointing, scratch: &scratch)
    let loss = Double(try file.tensor("loss").floats()[0])
    #expect(abs(found.loss - loss) <= 1e-5 * abs(loss))
    var compared = 0
    for (parameter, gradient) in matched(model.parameters, found.gradients) where !gradient.isEmpty {
      let error = Parity.difference(gradient, try file.tensor("grad." + parameter.name).floats())
      #expect(error <= 1e-4, "\(parameter.name): \(error)")
      compared += 1
    }
    #expect(compared == file.tensorNames.filter { $0.hasPrefix("grad.") }.count)
  }

  /// Each A and B along its gradient and along a direction that has nothing to do with it.
  @Test(arguments: adapters.keys)
  func gradientsEqualCentralDifferences(name: String) throws {
    let (start, batch) = try model(name)
    var model = start
    var scratch = TrainingScratch()
    let gradients = try Parity.gradients(model, batch, scratch: &scratch).gradients
    func length(_ values: [Float]) -> Double { values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot() }
    for (place, gradient) in gradients.enumerated() where !gradient.isEmpty {
      let values = start.parameters[place].values
      for direction in [gradient, gradient.indices.map { Float(Parity.dyadic(6, place, $0)) }] {
        let size = length(direction)
        let unit = direction.map { Float(Double($0) / size) }
        func loss(_ step: Float) throws -> Double {
          model.update { $0[place].values = zip(values, unit).map { $0 + step * $1 } }
          return Parity.loss(try model.forward(batch, scratch: &scratch).states.all.matrix).value
        }
        let slope = (try loss(0.005) - loss(-0.005)) / 0.01
        let expected = zip(gradient, unit).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        let error = abs(slope - expected) / length(gradient)
        #expect(error <= 0.01, "\(model.parameters[place].name): \(slope), not \(expected)")
      }
      model.update { $0[place].values = values }
    }
  }

  /// dA = scale B' dW and dB = scale dW A', where dW is the gradient by the merged weight; of all rows and of some.
  @Test(arguments: adapters.keys, [nil, [9, 2, 3, 9]])
  func gradientsFollowFromThoseOfTheMergedWeights(name: String, rows: [Int]?) throws {
    let (model, batch) = try model(name)
    let adapter = try #require(model.adapter)
    try temporary { folder in
      try model.save(to: folder)
      let merged = try TrainableTransformer(folder: folder, trained: .all)
      var scratch = TrainingScratch()
      // The same memory for both, which hold different gradients.
      let full = try Parity.gradients(merged, batch, rows: rows, scratch: &scratch)
      let found = try Parity.gradients(model, batch, rows: rows, scratch: &scratch)
      #expect(full.loss == found.loss)
      for (i, module) in adapter.modules.enumerated() {
        let weight = try #require(merged.parameters.firstIndex { $0.name == module.path + ".weight" })
        let dW = Matrix(rows: module.outputs, columns: module.inputs, elements: full.gradients[weight])
        let update = adapter.update(i)
        let da = gemm(update.b, .transposed, dW, .asIs).elements.map { update.scale * $0 }
        let db = gemm(dW, .asIs, update.a, .transposed).elements.map { update.scale * $0 }
        let place = model.parameters.count - adapter.parameters.count + 2 * i
        #expect(model.parameters[place] == adapter.parameters[2 * i])
        #expect(Parity.difference(found.gradients[place], da) <= 1e-4, "\(module.path) A")
        #expect(Parity.difference(found.gradients[place + 1], db) <= 1e-4, "\(module.path) B")
      }
    }
  }

  /// Of some maps of one layer: the rest of the backward pass is as with all of them adapted, and layers below have none.
  @Test(arguments: [
    ("llama-gqa", #".*layers\.1\..*(k_proj|up_proj)"#), ("bert-mean", #".*layer\.1\..*(key|output\.dense)"#),
  ])
  func onlyTargetsAreTrained(base: String, pattern: String) throws {
    var settings = LoRAConfiguration(r: 2, loraAlpha: 4, targetModules: [])
    settings.targetModules = .pattern(pattern)
    let model = try TrainableTransformer(folder: folder(base), trained: .lowRank(settings), seed: 1)
    let plain = try Parity.model(base, .none)
    let batch = TokenBatch(try ParityTests.Reference(base).sequences)
    let count = plain.parameters.count
    #expect(Array(model.parameters.prefix(count)) == plain.parameters)
    #expect(model.isTrained == (0..<model.parameters.count).map { $0 >= count })
    #expect(model.parameters.dropFirst(count).allSatisfy { $0.name.contains(".1.") })
    #expect(
      model.zeroGradients.map(\.count)
        == model.parameters.indices.map { $0 < count ? 0 : model.parameters[$0].values.count })

    // A fresh adapter adds nothing; B moves first.
    var scratch = TrainingScratch()
    let expected = try Parity.gradients(plain, batch, scratch: &scratch)
    let found = try Parity.gradients(model, batch, scratch: &scratch)
    #expect(found.loss == expected.loss)
    for (parameter, gradient) in matched(model.parameters, found.gradients).dropFirst(count) {
      #expect(gradient.contains { $0 != 0 } == parameter.name.hasSuffix("lora_B.weight"), "\(parameter.name)")
    }
    #expect(
      try TrainableTransformer(folder: folder(base), trained: .lowRank(settings), seed: 1).parameters
        == model.parameters)
    #expect(
      try TrainableTransformer(folder: folder(base), trained: .lowRank(settings), seed: 2).parameters
        != model.parameters)
  }

  /// An adapter of all maps of the layers after five steps, and the loss before them.
  private func trained(_ base: String) throws -> (model: TrainableTransformer, batch: TokenBatch, firstLoss: Double) {
    let type = try Parity.model(base, .none).configuration.modelType
    let settings = LoRAConfiguration(r: 2, loraAlpha: 4, targetModules: LoRAConfiguration.allLinearMaps(of: type))
    let model = try TrainableTransformer(folder: folder(base), trained: .lowRank(settings), seed: 4)
    let batch = TokenBatch(try ParityTests.Reference(base).sequences)
    var optimizer = TransformerOptimizer(
      model, group: ParameterGroup(name: "adapter", learningRate: 0.01, weightDecay: 0.01))
    var losses: [Double] = []
    for _ in 0..<5 {
      let pass = try optimizer.forward(batch, workers: 2)
      let (loss, gradient) = Parity.loss(pass.states.all.matrix)
      losses.append(loss)
      optimizer.backward(gradient.all, pass)
      try optimizer.step()
    }
    return (optimizer.transformer, batch, losses[0])
  }

  @Test(arguments: adapters.values)
  func trainedAdaptersAreSavedAloneAndMerged(base: String) throws {
    let (model, batch, firstLoss) = try trained(base)
    var scratch = TrainingScratch()
    let states = try model.forward(batch, scratch: &scratch).states.all.matrix
    #expect(Parity.loss(states).value < firstLoss - 0.01 * abs(firstLoss))
    let adapter = try #require(model.adapter)
    let plain = try Parity.model(base, .none).parameters
    #expect(Array(model.parameters.prefix(plain.count)) == plain)

    try temporary { parent in
      let (alone, merged) = (parent.appendingPathComponent("alone"), parent.appendingPathComponent("merged"))
      try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
      try adapter.write(to: alone)
      let read = try LoRAAdapter(folder: alone)
      let again = try TrainableTransformer(folder: folder(base), adapter: read)
      #expect(again.trained == model.trained && again.adapter == read)
      #expect(try again.forward(batch, scratch: &scratch).states.all.matrix == states)
      try model.save(to: merged)
      var own = ForwardScratch()
      #expect(try TransformerModel(folder: merged).hiddenStates(batch, scratch: &own) == states)
      let saved = try TrainableTransformer(folder: merged, trained: .none).parameters
      #expect(saved.map(\.name) == plain.map(\.name) && saved != plain)
    }
  }

  private static let output = ProcessInfo.processInfo.environment["BAYESIANROUTER_ADAPTERS"].map {
    URL(fileURLWithPath: $0)
  }

  /// What `Scripts/lora_parity.py` holds against PEFT.
  @Test(.enabled(if: output != nil), arguments: adapters.values)
  func adaptersForPEFTAreWritten(base: String) throws {
    let target = try #require(Self.output).appendingPathComponent(base)
    try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
    let (model, batch, _) = try trained(base)
    try model.adapter?.write(to: target.appendingPathComponent("adapter"), replacing: true)
    try model.save(to: target.appendingPathComponent("merged"))
    var scratch = TrainingScratch()
    let states = try model.forward(batch, scratch: &scratch).states.all.matrix
    let tensor = Safetensors.Tensor(states.elements, shape: [states.rows, states.columns])
    try AtomicFile.write(
      Safetensors.encode(["states": tensor]), to: target.appendingPathComponent("states.safetensors"))
  }

  @Test func whatCannotBeAdaptedIsNamed() throws {
    func expectError(_ base: String, _ key: String, _ text: String, _ settings: LoRAConfiguration) {
      let error = #expect(throws: TransformersError.self) {
        try TrainableTransformer(folder: folder(base), trained: .lowRank(settings))
      }
      let found = error.map { "\($0)" } ?? ""
      #expect(found.contains("\"\(key)\"") && found.contains(text), "\(found)")
    }
    func targets(_ names: [String], saved: [String] = []) -> LoRAConfiguration {
      LoRAConfiguration(r: 1, loraAlpha: 1, targetModules: names, modulesToSave: saved)
    }
    expectError("llama-gqa", "target_modules", "\"query\"", targets(["q_proj", "query"]))
    expectError("llama-gqa", "target_modules", "embed_tokens", targets(["q_proj", "embed_tokens"]))
    expectError("bert-score", "target_modules", "bert.pooler.dense", targets(["dense"]))
    expectError("llama-gqa", "target_modules", "\"\"", targets([]))
    expectError("llama-gqa", "modules_to_save", "score", targets(["q_proj"], saved: ["score"]))
    var pattern = targets([])
    pattern.targetModules = .pattern("nothing")
    expectError("llama-gqa", "target_modules", "nothing", pattern)

    // Adapters of another model, of another shape, and with a head.
    for (base, adapter, text) in [
      ("bert-mean", "lora-all-llama", "no linear map of the model's layers"),
      ("llama-untied-bias", "lora-all-llama", "but the base model's is"),
      ("llama-score", "lora-llama", "modules_to_save"),
    ] {
      let adapter = try LoRAAdapter(folder: folder(adapter))
      let error = #expect(throws: TransformersError.self) {
        try TrainableTransformer(folder: folder(base), adapter: adapter, name: "the file")
      }
      let found = error.map { "\($0)" } ?? ""
      #expect(found.contains(text) && found.contains("the file"), "\(found)")
    }
  }

  @Test func adaptersWithoutTensorsOrWithTwoForAWeightAreRefused() throws {
    try CheckpointCopy.with("lora-all-llama") { copy in
      let file = try ParameterFile(contentsOf: copy.url("adapter_model.safetensors"))
      let again = file.parameters.filter { $0.name.contains("layers.0.self_attn.q_proj") }.map {
        Parameter(
          name: $0.name.replacingOccurrences(of: "model.layers", with: "layers"), shape: $0.shape, values: $0.values)
      }
      for (parameters, text) in [(file.parameters + again, "adapted twice"), ([], "without tensors")] {
        try ParameterFile(parameters).write(to: copy.url("adapter_model.safetensors"))
        let adapter = try LoRAAdapter(folder: copy.folder)
        let error = #expect(throws: TransformersError.self) {
          try TrainableTransformer(folder: folder("llama-gqa"), adapter: adapter)
        }
        #expect("\(error.map(String.init(describing:)) ?? "")".contains(text))
      }
    }
  }

  /// Adapters of a model that was loaded without the prefix of its checkpoint (`AutoModel`) fit all the same.
  @Test func thePrefixOfTheBaseModelDoesNotMatter() throws {
    let (model, batch) = try model("lora-all-llama")
    try CheckpointCopy.with("lora-all-llama") { copy in
      var file = try ParameterFile(contentsOf: copy.url("adapter_model.safetensors"))
      file.parameters = file.parameters.map {
        Parameter(
          name: $0.name.replacingOccurrences(of: "base_model.model.model.", with: "base_model.model."), shape: $0.shape,
          values: $0.values)
      }
      try file.write(to: copy.url("adapter_model.safetensors"))
      let adapter = try LoRAAdapter(folder: copy.folder)
      let other = try TrainableTransformer(folder: folder("llama-gqa"), adapter: adapter)
      #expect(other.adapter == adapter && adapter != model.adapter)
      var scratch = TrainingScratch()
      let expected = try Parity.gradients(model, batch, scratch: &scratch)
      let found = try Parity.gradients(other, batch, scratch: &scratch)
      #expect(found.loss == expected.loss && found.gradients == expected.gradients)
    }
  }

  @Test func randomWeightsTakeAnAdapter() throws {
    var shape = TransformerConfiguration.smolLM2
    (shape.vocabSize, shape.hiddenSize, shape.intermediateSize, shape.numHiddenLayers) = (50, 24, 40, 3)
    (shape.numAttentionHeads, shape.numKeyValueHeads, shape.headDim) = (4, 2, 6)
    shape.rotary = RotaryEmbedding(headSize: 6, base: 1000)
    let settings = LoRAConfiguration(r: 4, loraAlpha: 8, targetModules: ["v_proj"])
    let model = TrainableTransformer(shape, seed: 3, trained: .lowRank(settings))
    #expect(Array(model.parameters.dropLast(6)) == TrainableTransformer(shape, seed: 3, trained: .none).parameters)
    #expect(model.parameters.suffix(2).map(\.shape) == [[4, 24], [12, 4]])
  }
}
