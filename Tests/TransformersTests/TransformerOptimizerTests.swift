import Foundation
import LinearAlgebra
import NeuralNetwork
import Storage
import TestSupport
import Testing
import Transformers

/// The step of fine-tuning: one norm and one schedule over a transformer and its heads, errors, saving.
@Suite struct TransformerOptimizerTests {
  private typealias Parity = GradientParityTests
  private typealias Optimizer = TransformerOptimizer<HeadArrays>

  private static let group = ParameterGroup(name: "transformer", learningRate: 1e-3, weightDecay: 0.1)
  private static let headGroup = ParameterGroup(name: "heads", learningRate: 1e-2, weightDecay: 0)

  /// A score w . h + b of each state h.
  private static func heads(_ size: Int) -> HeadArrays {
    HeadArrays([
      Parameter(name: "score.weight", shape: [1, size], values: (0..<size).map { Float(Parity.dyadic(9, 0, $0)) }),
      Parameter(name: "score.bias", shape: [1], values: [0.25]),
    ])
  }

  private static func optimizer(
    _ name: String = "llama-gqa", _ trained: TrainedPart = .all, largestNorm: Double? = nil,
    group: ParameterGroup = group, headGroup: ParameterGroup = headGroup
  ) throws -> Optimizer {
    let model = try Parity.model(name, trained)
    return Optimizer(
      model, group: group, heads: heads(model.configuration.hiddenSize), headGroup: headGroup,
      largestNorm: largestNorm)
  }

  private static func sequences(_ name: String = "llama-gqa") throws -> [[Int32]] {
    try ParityTests.Reference(name).sequences
  }

  /// Adds the gradients of L = sum_i c_i (w . h_i + b) + sum_ij a_ij h_ij over the states h of some texts.
  ///
  /// - Parameter first: the number of states in the parts of the batch before this one.
  private static func addGradients(_ texts: [[Int32]], first: Int = 0, _ optimizer: inout Optimizer) throws {
    let pass = try optimizer.forward(TokenBatch(texts), workers: 2)
    let states = pass.states.all.matrix
    let slopes = (0..<states.rows).map { Float(Parity.dyadic(8, first + $0, 0)) }
    let gradient = optimizer.accumulate { heads, gradient in
      var dStates = Matrix<Float>(rows: states.rows, columns: states.columns)
      for (i, slope) in slopes.enumerated() {
        for j in 0..<states.columns {
          gradient.arrays[0].values[j] += slope * states[i, j]
          dStates[i, j] = Float(Parity.dyadic(7, first + i, j)) + slope * heads.arrays[0].values[j]
        }
        gradient.arrays[1].values[0] += slope
      }
      return dStates
    }
    optimizer.backward(RowBuffer(gradient).all, pass)
  }

  private static func norm(_ gradients: [[Float]]) -> Double {
    gradients.joined().reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
  }

  private static func isEmpty(_ optimizer: Optimizer) -> Bool {
    (optimizer.gradients + optimizer.headGradient.arrays.map(\.values)).joined().allSatisfy { $0 == 0 }
  }

  @Test(arguments: ["llama-gqa", "bert-mean"])
  func microBatchesAddUpToTheWholeBatch(name: String) throws {
    let texts = try Self.sequences(name)
    var whole = try Self.optimizer(name)
    try Self.addGradients(texts, &whole)
    var parts = try Self.optimizer(name)
    let head = Array(texts.prefix(2))
    try Self.addGradients(head, &parts)
    try Self.addGradients(Array(texts.dropFirst(2)), first: head.reduce(0) { $0 + $1.count }, &parts)
    let names = whole.transformer.parameters.map(\.name) + whole.heads.arrays.map(\.name)
    let found = parts.gradients + parts.headGradient.arrays.map(\.values)
    let expected = whole.gradients + whole.headGradient.arrays.map(\.values)
    #expect(found.count == names.count && expected.count == names.count)
    for (name, (a, b)) in matched(names, matched(found, expected)) where !name.hasSuffix("key.bias") {
      #expect(Parity.difference(a, b) <= 1e-5, "\(name)")
    }
    let (one, other) = (try whole.step(), try parts.step())
    #expect(abs(one.gradientNorm - other.gradientNorm) <= 1e-5 * one.gradientNorm)
  }

  /// The step equals AdamW of the transformer and AdamW of the heads, both with the factor of the one norm, to the bit.
  @Test(arguments: [nil, 0.5, 1e9])
  func headsAndTransformerShareOneNormAndOneSchedule(largestNorm: Double?) throws {
    var optimizer = try Self.optimizer(largestNorm: largestNorm)
    var model = try Parity.model("llama-gqa")
    var heads = optimizer.heads.arrays
    var moments = AdamW(model.parameters, groups: [Self.group])
    var headMoments = AdamW(heads, groups: [Self.headGroup])
    for step in 0..<3 {
      try Self.addGradients(Self.sequences(), &optimizer)
      let gradients = optimizer.gradients
      let headGradients = optimizer.headGradient.arrays.map(\.values)
      let rateFactor = 1 / Double(step + 1)
      let report = try optimizer.step(rateFactor: rateFactor)
      let norm = Self.norm(gradients + headGradients)
      #expect(report.step == step + 1 && optimizer.stepCount == step + 1)
      #expect(norm > Self.norm(gradients) && norm > Self.norm(headGradients))
      #expect(abs(report.gradientNorm - norm) <= 1e-6 * norm)
      let factor = largestNorm.map { clippingFactor(norm: report.gradientNorm, maximum: $0) } ?? 1
      #expect(report.clippingFactor == factor && (factor < 1) == (largestNorm == 0.5))
      #expect(report.learningRate == 1e-3 * rateFactor && report.headLearningRate == 1e-2 * rateFactor)
      model.update { moments.step(&$0, gradients: gradients, rateFactor: rateFactor, gradientFactor: factor) }
      headMoments.step(&heads, gradients: headGradients, rateFactor: rateFactor, gradientFactor: factor)
      #expect(optimizer.transformer.parameters == model.parameters && optimizer.heads.arrays == heads)
      #expect(optimizer.savedTransformer?.moments == moments.state)
      #expect(optimizer.savedHeads.moments == headMoments.state)
      #expect(Self.isEmpty(optimizer))
    }
  }

  /// After the error all is as if the batch had never been seen.
  @Test(arguments: ["transformer", "heads"])
  func aGradientThatIsNotFiniteChangesNothing(where place: String) throws {
    let texts = try Self.sequences()
    var optimizer = try Self.optimizer(largestNorm: 1)
    try Self.addGradients(texts, &optimizer)
    try optimizer.step()
    let (heads, transformer) = (optimizer.savedHeads, optimizer.savedTransformer)
    let parameters = optimizer.transformer.parameters
    try Self.addGradients(texts, &optimizer)
    if place == "heads" {
      optimizer.accumulate { _, gradient in gradient.arrays[1].values[0] = .infinity }
    } else {
      let pass = try optimizer.forward(TokenBatch([[1, 2]]))
      let states = pass.states.all.matrix
      optimizer.backward(
        RowBuffer(Matrix(rows: states.rows, columns: states.columns, repeating: .nan)).all, pass)
    }
    let error = #expect(throws: NeuralNetworkError.self) { try optimizer.step(batch: ["pair-7"]) }
    guard case .notFiniteGradient(let name, _, let value, let step, let batch) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(step == 2 && batch == ["pair-7"])
    #expect(name == (place == "heads" ? "score.bias" : parameters[0].name))
    #expect(value.hasSuffix(place == "heads" ? "inf" : "nan"))
    #expect(optimizer.savedHeads == heads && optimizer.savedTransformer == transformer)
    #expect(optimizer.transformer.parameters == parameters && optimizer.stepCount == 1)
    #expect(Self.isEmpty(optimizer))
  }

  @Test(arguments: ["transformer", "heads"])
  func aStepToWhatIsNoNumberIsNamed(where place: String) throws {
    let wild = ParameterGroup(name: "wild", learningRate: 1e38, weightDecay: 0)
    var optimizer = try Self.optimizer(
      group: place == "heads" ? Self.group : wild, headGroup: place == "heads" ? wild : Self.headGroup)
    try Self.addGradients(Self.sequences(), &optimizer)
    let error = #expect(throws: NeuralNetworkError.self) { try optimizer.step() }
    guard case .notFiniteParameter(let name, _, _, 1, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(name == (place == "heads" ? "score.weight" : optimizer.transformer.parameters[0].name))
    #expect(Self.isEmpty(optimizer))
  }

  @Test func aBatchThatIsGivenUpLeavesNothing() throws {
    let texts = try Self.sequences()
    var (one, other) = (try Self.optimizer(), try Self.optimizer())
    try Self.addGradients(texts.reversed(), &one)
    one.clearGradients()
    #expect(Self.isEmpty(one))
    for _ in 0..<2 {
      try Self.addGradients(texts, &one)
      try Self.addGradients(texts, &other)
      #expect(one.gradients == other.gradients && one.headGradient == other.headGradient)
      try one.step()
      try other.step()
    }
    #expect(one.savedTransformer == other.savedTransformer && one.savedHeads == other.savedHeads)
  }

  private static let parts: [TrainedPart] = [
    .all, .lastLayers(1),
    .lowRank(LoRAConfiguration(r: 2, loraAlpha: 4, targetModules: LoRAConfiguration.allLinearMaps(of: .llama))),
  ]

  /// The saved parameters and moments as they come back from files.
  private static func reread(_ saved: SavedParameters) throws -> SavedParameters {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("saved-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: url) }
    let other = Parameter(name: "best.score", shape: [1], values: [1])
    try ParameterFile(saved.arrays + [other]).write(to: url)
    return SavedParameters(arrays: try ParameterFile(contentsOf: url).parameters)
  }

  @Test(arguments: parts)
  func restoringGoesOnBitForBit(part: TrainedPart) throws {
    let texts = try Self.sequences()
    func step(_ optimizer: inout Optimizer) throws {
      try Self.addGradients(texts, &optimizer)
      try optimizer.step(rateFactor: 1 / Double(optimizer.stepCount + 1))
    }
    var whole = try Self.optimizer("llama-gqa", part, largestNorm: 1)
    for _ in 0..<2 { try step(&whole) }
    var resumed = try Self.optimizer("llama-gqa", part, largestNorm: 1)
    // What the other one has seen is forgotten.
    try step(&resumed)
    try Self.addGradients(texts, &resumed)
    let transformer = try #require(whole.savedTransformer)
    try resumed.restore(
      heads: Self.reread(whole.savedHeads), transformer: Self.reread(transformer), stepCount: whole.stepCount)
    #expect(Self.isEmpty(resumed))
    for _ in 0..<2 {
      #expect(resumed.transformer.parameters == whole.transformer.parameters && resumed.heads == whole.heads)
      try step(&whole)
      try step(&resumed)
    }
    #expect(resumed.stepCount == 4)
    #expect(resumed.savedTransformer == whole.savedTransformer && resumed.savedHeads == whole.savedHeads)
    #expect(resumed.transformer.parameters == whole.transformer.parameters)
  }

  @Test func whatDoesNotFitIsRefusedAndChangesNothing() throws {
    var optimizer = try Self.optimizer("llama-gqa", .lastLayers(1))
    try Self.addGradients(Self.sequences(), &optimizer)
    try optimizer.step()
    let heads = optimizer.savedHeads
    let transformer = try #require(optimizer.savedTransformer)
    let others = try #require(try Self.optimizer().savedTransformer)
    let first = transformer.parameters[0]
    let reshaped = Parameter(name: first.name, shape: [first.values.count, 1, 1], values: first.values)
    func saved(_ parameters: [Parameter], _ moments: [Parameter]) -> SavedParameters {
      SavedParameters(parameters: parameters, moments: moments)
    }
    let wrong: [(SavedParameters, SavedParameters, NeuralNetworkError)] = [
      (
        heads, saved(Array(transformer.parameters.dropFirst()), transformer.moments),
        .savedParameters(tensor: first.name, .missing)
      ),
      (
        heads, saved([reshaped] + transformer.parameters.dropFirst(), transformer.moments),
        .savedParameters(tensor: first.name, .shape(found: reshaped.shape, expected: first.shape))
      ),
      (
        heads, saved(others.parameters, transformer.moments),
        .savedParameters(tensor: "model.embed_tokens.weight", .noParameter)
      ),
      (
        heads, saved(transformer.parameters, Array(transformer.moments.dropLast())),
        .optimizerState(tensor: transformer.moments.last?.name ?? "", .missing)
      ),
      (
        saved(heads.parameters, []), transformer,
        .optimizerState(tensor: "exp_avg.score.weight", .missing)
      ),
      (
        saved([heads.parameters[0]], heads.moments), transformer,
        .savedParameters(tensor: "score.bias", .missing)
      ),
    ]
    for (heads, transformer, error) in wrong {
      #expect(throws: error) { try optimizer.restore(heads: heads, transformer: transformer, stepCount: 7) }
    }
    #expect(optimizer.stepCount == 1)
    #expect(optimizer.savedHeads == heads && optimizer.savedTransformer == transformer)
  }

  @Test func headsAreTrainedWithoutATransformer() throws {
    var heads = Self.heads(8)
    var optimizer = Optimizer(heads: heads, headGroup: Self.headGroup, largestNorm: 0.5)
    #expect(optimizer.isFrozen && optimizer.savedTransformer == nil && optimizer.gradients.isEmpty)
    var moments = AdamW(heads.arrays, groups: [Self.headGroup])
    let gradient: [[Float]] = [(0..<8).map { Float($0) }, [1]]
    for _ in 0..<2 {
      optimizer.accumulate { _, sum in
        sum.update { arrays in
          for i in arrays.indices { arrays[i].values = gradient[i] }
        }
      }
      let report = try optimizer.step()
      #expect(abs(report.gradientNorm - Self.norm(gradient)) <= 1e-6 * report.gradientNorm)
      #expect(report.learningRate == 1e-2 && report.headLearningRate == 1e-2)
      heads.update { moments.step(&$0, gradients: gradient, gradientFactor: report.clippingFactor) }
      #expect(optimizer.heads == heads && Self.isEmpty(optimizer))
    }
    var other = Optimizer(heads: Self.heads(8), headGroup: Self.headGroup)
    try other.restore(heads: optimizer.savedHeads, stepCount: 2)
    #expect(other.savedHeads == optimizer.savedHeads && other.stepCount == 2)
  }

  @Test func aTransformerIsTrainedWithoutHeads() throws {
    var alone = Optimizer(try Parity.model("llama-gqa"), group: Self.group, largestNorm: 0.5)
    var beside = try Self.optimizer(largestNorm: 0.5)
    var norms: [Double] = []
    for optimizer in 0..<2 {
      let batch = TokenBatch(try Self.sequences())
      let pass = try optimizer == 0 ? alone.forward(batch, workers: 2) : beside.forward(batch, workers: 2)
      let gradient = Parity.loss(pass.states.all.matrix).gradient
      if optimizer == 0 { alone.backward(gradient.all, pass) } else { beside.backward(gradient.all, pass) }
      norms.append(try optimizer == 0 ? alone.step().gradientNorm : beside.step().gradientNorm)
    }
    // Heads without a gradient have no share in the norm.
    #expect(norms[0] == norms[1] && alone.transformer.parameters == beside.transformer.parameters)
    #expect(alone.savedHeads == SavedParameters(parameters: [], moments: []))
  }
}
