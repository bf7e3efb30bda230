import Foundation
import LinearAlgebra
import NeuralNetwork
import Routing
import Storage
import Testing
import Transformers

/// Heads and encoder trained together, against PyTorch in Float64 (`Scripts/fixtures/joint_training.py`).
@Suite struct JointTrainingTests {
  /// A fixture's encoder, heads, texts and targets.
  private struct Joint {
    let file: SafetensorsFile
    let targets: [RouterTarget]
    let batch: TokenBatch
    var encoder: TrainableTransformer
    var heads: RouterNetwork<Float>

    init(_ name: String) throws {
      let folder = try #require(Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Fixtures"))
      let tensors = try SafetensorsFile(mapping: folder.appendingPathComponent("joint.safetensors"))
      file = tensors
      targets = try loadFixture("offline_router", as: OfflineRouterFixture.self).routerTargets
      batch = TokenBatch(
        try (0..<2 * targets.count).map { try tensors.tensor("ids.\($0)").integers().map(Int32.init) })
      encoder = try TrainableTransformer(folder: folder, trained: .all)
      heads = RouterNetwork(features: 2 * encoder.configuration.hiddenSize, dimension: 7, arms: 4)
      for (k, parameter) in heads.parameters.enumerated() {
        for i in heads[keyPath: parameter.path].indices {
          heads[keyPath: parameter.path][i] = Float(dyadic(stream: 8, k, i) / 2)
        }
      }
    }

    /// The encoder's parameters, then the heads'.
    var parameters: [Parameter] {
      encoder.parameters
        + heads.parameters.map { Parameter(name: $0.name, shape: $0.shape, values: heads[keyPath: $0.path]) }
    }

    /// L_bt + 0.5 L_cls of all pairs, and its gradients in the order of `parameters`.
    func gradients(_ scratch: inout TrainingScratch) throws -> (loss: Double, gradients: [[Float]]) {
      let pooled = try encoder.forwardPooled(batch, segments: Array(batch.segments.indices), scratch: &scratch)
      let states = pooled.vectors
      var headGradient = RouterNetwork<Float>(features: 2 * states.columns, dimension: 7, arms: 4)
      let (loss, featureGradient) = heads.loss(
        features: PairFeatures.rows(states), targets: targets, RouterLossConfiguration(), addingTo: &headGradient,
        featureGradient: true)
      let slopes = try #require(featureGradient)
      let stateGradients = targets.indices.flatMap { pair in
        let (first, second) = PairFeatures.stateGradients(
          states.row(2 * pair), states.row(2 * pair + 1), slopes.row(pair))
        return [first, second]
      }
      var gradients = encoder.zeroGradients
      encoder.backward(Matrix(rows: stateGradients), pooled, into: &gradients)
      return (loss.total, gradients + headGradient.parameters.map { headGradient[keyPath: $0.path] })
    }

    /// One step of encoder and heads.
    mutating func step(_ optimizer: inout AdamW, _ gradients: [[Float]]) {
      var all = parameters
      let count = encoder.parameters.count
      encoder.update { parameters in
        optimizer.step(&all, gradients: gradients)
        parameters = Array(all.prefix(count))
      }
      for (place, parameter) in heads.parameters.enumerated() {
        heads[keyPath: parameter.path] = all[count + place].values
      }
    }
  }

  @Test(arguments: ["joint-llama", "joint-bert"])
  func gradientsOfEncoderAndHeadsMatchAutograd(name: String) throws {
    let joint = try Joint(name)
    var scratch = TrainingScratch()
    let (loss, gradients) = try joint.gradients(&scratch)
    let expected = try joint.file.tensor("losses").floats()
    #expect(abs(loss - Double(expected[0])) <= 1e-5 * loss)
    var compared = 0
    for (parameter, gradient) in zip(joint.parameters, gradients) {
      let values = try joint.file.tensor("grad." + parameter.name).floats()
      compared += 1
      // A key's bias shifts all scores of a query alike: the gradient is 0 but for roundings.
      if parameter.name.hasSuffix("self.key.bias") {
        #expect(gradient.allSatisfy { abs($0) < 1e-6 }, "\(parameter.name)")
        continue
      }
      let size = values.reduce(0) { max($0, Double($1.magnitude)) }
      let error = zip(gradient, values).reduce(0) { max($0, abs(Double($1.0) - Double($1.1))) }
      #expect(gradient.count == values.count && error <= 1e-4 * size, "\(parameter.name): \(error) of \(size)")
      // L_reg has no say here.
      #expect((size == 0) == parameter.name.hasPrefix("reg_"), "\(parameter.name)")
    }
    #expect(compared == joint.file.tensorNames.filter { $0.hasPrefix("grad.") }.count)
  }

  @Test(arguments: ["joint-llama", "joint-bert"])
  func tenStepsFollowPyTorchsLosses(name: String) throws {
    var joint = try Joint(name)
    let heads = Set(joint.heads.parameters.map(\.name))
    let groups = [
      ParameterGroup(name: "encoder", learningRate: 1e-3, weightDecay: 0.1),
      ParameterGroup(name: "heads", learningRate: 1e-2, weightDecay: 0.1),
    ]
    var optimizer = AdamW(joint.parameters, groups: groups, group: { heads.contains($0.name) ? 1 : 0 })
    let expected = try joint.file.tensor("losses").floats().map(Double.init)
    var scratch = TrainingScratch()
    for (step, expected) in expected.enumerated() {
      let (loss, gradients) = try joint.gradients(&scratch)
      let error = abs(loss - expected) / expected
      #expect(error <= 1e-4, "step \(step): \(loss), not \(expected)")
      joint.step(&optimizer, gradients)
    }
    #expect(expected.count == 10 && expected[9] < 0.85 * expected[0])
  }
}
