import Foundation
import LinearAlgebra
import NeuralNetwork
import TestSupport
import Testing

/// Against `torch.optim.AdamW`, and against itself over threads and restarts.
@Suite struct AdamWTests {
  /// Error allowed after some steps: a few roundings a step of the parameter and of the update.
  private func tolerance(steps: Int, _ size: Float) -> Float { Float(4 * steps) * max(size, 1e-3).ulp }

  @Test func stepsOnGivenGradientsEqualPyTorch() throws {
    for one in try OptimizerFixture.load().adamw {
      let count = one.parameters.count
      var parameters = [Parameter(name: "w", shape: [count], values: dyadics(2, 0, count))]
      var optimizer = AdamW(
        parameters,
        groups: [ParameterGroup(name: "all", learningRate: one.learningRate, weightDecay: one.weightDecay)],
        beta1: one.beta1, beta2: one.beta2, epsilon: one.epsilon, decays: { _ in true })
      for step in 0..<one.steps {
        let gradient = dyadics(1, step, count).enumerated().map { $1 * Float(pow(10, Double(3 - $0 % 9))) }
        optimizer.step(&parameters, gradients: [gradient])
      }
      #expect(optimizer.stepCount == one.steps)
      let state = optimizer.state
      for i in 0..<count {
        #expect(
          abs(parameters[0].values[i] - one.parameters[i]) <= tolerance(steps: one.steps, 2),
          "parameter \(i) after \(one.steps) steps")
        let scale = Float(pow(10, Double(3 - i % 9)))
        #expect(abs(state[0].values[i] - one.expAvg[i]) <= 4 * scale.ulp, "first moment \(i)")
        #expect(abs(state[1].values[i] - one.expAvgSq[i]) <= 4 * (scale * scale).ulp, "second moment \(i)")
      }
    }
  }

  /// Two groups, a schedule and clipping: the whole of a step.
  @Test func tenStepsFollowPyTorchsLosses() throws {
    let fixture = try OptimizerFixture.load().training
    let network = TinyNetwork(samples: fixture.samples)
    var parameters = TinyNetwork.parameters()
    var optimizer = TinyNetwork.optimizer(parameters)
    let schedule = LearningRateSchedule(.cosine, warmupSteps: fixture.warmup, totalSteps: fixture.steps)
    for step in 0..<fixture.steps {
      let (loss, gradients) = network.gradients(parameters)
      #expect(abs(loss - fixture.losses[step]) <= 1e-6 * fixture.losses[step], "loss of step \(step)")
      let norm = try gradientNorm(gradients, of: parameters, step: step + 1)
      #expect(abs(norm - fixture.norms[step]) <= 1e-5 * fixture.norms[step], "norm of step \(step)")
      optimizer.step(
        &parameters, gradients: gradients, rateFactor: schedule.factor(step),
        gradientFactor: clippingFactor(norm: norm, maximum: fixture.limit))
    }
    for (parameter, expected) in matched(parameters, [fixture.weight, fixture.bias, fixture.head]) {
      for (value, other) in matched(parameter.values, expected) {
        #expect(abs(value - other) <= tolerance(steps: fixture.steps, 1), "\(parameter.name)")
      }
    }
  }

  /// Arrays that end within a vector, fill one part, and take several.
  @Test func stepsDependNeitherOnThreadsNorOnTheWayBack() throws {
    let sizes = [1, 17, 1 << 16, (1 << 16) + 1, 300_007]
    let start = sizes.enumerated().map {
      Parameter(name: "p\($0).weight", shape: [$1], values: dyadics(2, $0, 1024).cycled($1))
    }
    func gradients(_ step: Int) -> [[Float]] {
      sizes.enumerated().map { dyadics(1, 8 * step + $0, 1021).cycled($1) }
    }
    let groups = [ParameterGroup(name: "all", learningRate: 0.01, weightDecay: 0.1)]
    func run(threads: Int, restart: Bool) throws -> ([Parameter], [Parameter]) {
      var parameters = start
      var optimizer = AdamW(parameters, groups: groups, decays: { _ in true })
      for step in 0..<6 {
        if restart && step == 3 {
          let saved = (optimizer.state, optimizer.stepCount)
          optimizer = AdamW(parameters, groups: groups, decays: { _ in true })
          try optimizer.restore(saved.0.reversed(), stepCount: saved.1)
        }
        let gradients = gradients(step)
        let norm = try gradientNorm(gradients, of: parameters, step: step + 1, threads: threads)
        optimizer.step(
          &parameters, gradients: gradients, gradientFactor: clippingFactor(norm: norm, maximum: 0.1), threads: threads)
      }
      return (parameters, optimizer.state)
    }
    let reference = try run(threads: 1, restart: false)
    for threads in [2, 3, 8] {
      let other = try run(threads: threads, restart: true)
      #expect(other == reference, "\(threads) threads")
    }
    #expect(reference.0 != start)
  }

  @Test func matricesDecayVectorsAndBiasesDoNot() {
    func decays(_ name: String, _ shape: [Int]) -> Bool {
      Parameter(name: name, shape: shape, values: [Float](repeating: 1, count: shape.reduce(1, *))).usuallyDecays
    }
    #expect(decays("model.layers.0.self_attn.q_proj.weight", [2, 2]))
    #expect(decays("bt_vectors", [2, 3]))
    #expect(!decays("model.norm.weight", [2]))
    #expect(!decays("encoder.layer.0.output.dense.bias", [2]))
    #expect(!decays("cls_bias", [1, 2]))

    // Without a gradient only the decay moves anything.
    var parameters = [
      Parameter(name: "a.weight", shape: [1, 1], values: [1]), Parameter(name: "a.norm", shape: [1], values: [1]),
      Parameter(name: "head", shape: [1, 1], values: [1]),
    ]
    let groups = [
      ParameterGroup(name: "backbone", learningRate: 0.5, weightDecay: 0.5),
      ParameterGroup(name: "heads", learningRate: 0.25, weightDecay: 0.5),
    ]
    let zero: [[Float]] = [[0], [0], [0]]
    var optimizer = AdamW(parameters, groups: groups, group: { $0.name == "head" ? 1 : 0 })
    optimizer.step(&parameters, gradients: zero)
    #expect(parameters.map(\.values) == [[0.75], [1], [0.875]])
    optimizer = AdamW(parameters, groups: groups, decays: { $0.name == "a.norm" })
    optimizer.step(&parameters, gradients: zero)
    #expect(parameters.map(\.values) == [[0.75], [0.75], [0.875]])
  }

  @Test func whatIsNotTrainedHasNoStateAndDoesNotMove() throws {
    let frozen = Parameter(name: "backbone.weight", shape: [2, 2], values: [1, 2, 3, 4])
    let trained = [
      Parameter(name: "a.weight", shape: [3, 1], values: [1, -1, 2]), Parameter(name: "b", shape: [1], values: [4]),
    ]
    let groups = [ParameterGroup(name: "all", learningRate: 0.1, weightDecay: 0.5)]
    var mixed = [trained[0], frozen, trained[1]]
    var optimizer = AdamW(mixed, groups: groups, isTrained: [true, false, true])
    var alone = trained
    var reference = AdamW(alone, groups: groups)
    for step in 1...4 {
      let gradients: [[Float]] = [[0.5, -1, Float(step)], [0.25]]
      let sparse = [gradients[0], [], gradients[1]]
      let norm = try gradientNorm(sparse, of: mixed, step: step)
      #expect(try norm == gradientNorm(gradients, of: alone, step: step))
      optimizer.step(&mixed, gradients: sparse, gradientFactor: clippingFactor(norm: norm, maximum: 1))
      reference.step(&alone, gradients: gradients, gradientFactor: clippingFactor(norm: norm, maximum: 1))
      if step == 2 {
        let (state, count) = (optimizer.state, optimizer.stepCount)
        #expect(state.map(\.name) == ["exp_avg.a.weight", "exp_avg_sq.a.weight", "exp_avg.b", "exp_avg_sq.b"])
        optimizer = AdamW(mixed, groups: groups, isTrained: [true, false, true])
        try optimizer.restore(state, stepCount: count)
      }
    }
    #expect(mixed == [alone[0], frozen, alone[1]] && alone != trained)
    #expect(optimizer.state == reference.state)
    let whole = AdamW(mixed, groups: groups).state
    #expect(throws: NeuralNetworkError.optimizerState(tensor: "exp_avg.backbone.weight", .noParameter)) {
      try optimizer.restore(whole, stepCount: 1)
    }
  }

  @Test func aStateOfOtherParametersIsRefused() throws {
    let parameters = [Parameter(name: "w", shape: [2, 1], values: [1, 2])]
    let groups = [ParameterGroup(name: "all", learningRate: 1, weightDecay: 0)]
    var optimizer = AdamW(parameters, groups: groups)
    let state = optimizer.state
    func expectRefusal(_ state: [Parameter], _ tensor: String, _ problem: OptimizerStateProblem, _ text: String) {
      let error = #expect(throws: NeuralNetworkError.self) { try optimizer.restore(state, stepCount: 7) }
      #expect(error == .optimizerState(tensor: tensor, problem))
      #expect(error?.description.contains("\"\(tensor)\" \(text);") == true)
    }
    expectRefusal([state[0]], "exp_avg_sq.w", .missing, "is missing")
    expectRefusal(state + [state[1]], "exp_avg_sq.w", .duplicate, "is there twice")
    expectRefusal(
      state + [Parameter(name: "exp_avg.v", shape: [0], values: [])], "exp_avg.v", .noParameter,
      "belongs to no parameter")
    expectRefusal(
      [Parameter(name: "exp_avg.w", shape: [1, 2], values: [0, 0]), state[1]], "exp_avg.w",
      .shape(found: [1, 2], expected: [2, 1]), "has shape [1, 2] instead of [2, 1]")
    #expect(optimizer.stepCount == 0)
  }
}

extension [Float] {
  /// `count` values: these, again and again.
  fileprivate func cycled(_ count: Int) -> [Float] { (0..<count).map { self[$0 % self.count] } }
}

/// The network of the fixture's "training": loss = mean_t (head . tanh(W x_t + b) - y_t)^2, in Double.
private struct TinyNetwork {
  let x: [[Float]]
  let y: [Float]

  init(samples: Int) {
    x = (0..<samples).map { dyadics(3, $0, 7) }
    y = (0..<samples).map { dyadics(4, $0, 1)[0] }
  }

  static func parameters() -> [Parameter] {
    [("backbone.weight", [5, 7]), ("backbone.bias", [5]), ("head", [5])].enumerated().map { index, entry in
      Parameter(
        name: entry.0, shape: entry.1, values: dyadics(5, index, entry.1.reduce(1, *), scale: 0.5))
    }
  }

  static func optimizer(_ parameters: [Parameter]) -> AdamW {
    AdamW(
      parameters,
      groups: [
        ParameterGroup(name: "backbone", learningRate: 2e-2, weightDecay: 0.1),
        ParameterGroup(name: "heads", learningRate: 1e-1, weightDecay: 0.1),
      ], group: { $0.name == "head" ? 1 : 0 })
  }

  func gradients(_ parameters: [Parameter]) -> (loss: Double, gradients: [[Float]]) {
    let (weight, bias, head) = (parameters[0].values, parameters[1].values, parameters[2].values)
    var gradients = parameters.map { [Double](repeating: 0, count: $0.values.count) }
    var loss = 0.0
    let count = Double(x.count)
    for (x, y) in matched(x, y) {
      var hidden = bias.map(Double.init)
      var error = -Double(y)
      for i in 0..<5 {
        for j in 0..<7 { hidden[i] += Double(weight[7 * i + j]) * Double(x[j]) }
        hidden[i] = tanh(hidden[i])
        error += Double(head[i]) * hidden[i]
      }
      loss += error * error / count
      let dOutput = 2 * error / count
      for i in 0..<5 {
        gradients[2][i] += dOutput * hidden[i]
        let dInner = dOutput * Double(head[i]) * (1 - hidden[i] * hidden[i])
        gradients[1][i] += dInner
        for j in 0..<7 { gradients[0][7 * i + j] += dInner * Double(x[j]) }
      }
    }
    return (loss, gradients.map { $0.map(Float.init) })
  }
}
