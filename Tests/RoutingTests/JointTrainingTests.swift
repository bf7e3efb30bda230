import Foundation
import LinearAlgebra
import NeuralNetwork
import Routing
import Storage
import TestSupport
import Testing
import Tokenization
import Transformers

/// Heads and encoder trained together, against PyTorch in Float64 (`Scripts/fixtures/joint_training.py`).
@Suite struct JointTrainingTests {
  /// A fixture's encoder, heads, texts and targets.
  private struct Joint {
    let file: SafetensorsFile
    let targets: [RouterTarget]
    let texts: PairTexts
    var optimizer: RouterOptimizer

    init(_ name: String) throws {
      let folder = try #require(Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Fixtures"))
      let tensors = try SafetensorsFile(mapping: folder.appendingPathComponent("joint.safetensors"))
      file = tensors
      targets = try loadFixture("offline_router", as: OfflineRouterFixture.self).routerTargets
      texts = try PairTexts(
        (0..<2 * targets.count).map { index in
          let ids = try tensors.tensor("ids.\(index)").integers().map(Int32.init)
          return Encoding(ids: ids, typeIDs: [Int32](repeating: 0, count: ids.count))
        })
      let encoder = try TrainableTransformer(folder: folder, trained: .all)
      var heads = RouterNetwork<Float>(features: 2 * encoder.configuration.hiddenSize, dimension: 7, arms: 4)
      heads.update { arrays in
        for k in arrays.indices {
          for i in arrays[k].values.indices { arrays[k].values[i] = Float(dyadic(stream: 8, k, i) / 2) }
        }
      }
      optimizer = RouterOptimizer(
        encoder, group: ParameterGroup(name: "encoder", learningRate: 1e-3, weightDecay: 0.1), heads: heads,
        headGroup: ParameterGroup(name: "heads", learningRate: 1e-2, weightDecay: 0.1))
    }

    /// The encoder's parameters, then the heads'.
    var parameters: [Parameter] { optimizer.transformer.parameters + optimizer.heads.arrays }

    /// The gradients so far, in the order of `parameters`.
    var gradients: [[Float]] { optimizer.gradients + optimizer.headGradient.arrays.map(\.values) }

    /// L_bt + 0.5 L_cls of all pairs, whose gradients the optimizer has then.
    mutating func addGradients() throws -> Double {
      let pass = try texts.forward(Array(targets.indices), &optimizer)
      let (loss, slopes) = optimizer.accumulate { [targets] heads, gradient in
        heads.loss(
          features: pass.features, targets: targets, RouterLossConfiguration(), addingTo: &gradient,
          featureGradient: true)
      }
      texts.backward(try #require(slopes), pass, &optimizer)
      return loss.total
    }
  }

  @Test(arguments: ["joint-llama", "joint-bert"])
  func gradientsOfEncoderAndHeadsMatchAutograd(name: String) throws {
    var joint = try Joint(name)
    let loss = try joint.addGradients()
    let expected = try joint.file.tensor("losses").floats()
    #expect(abs(loss - Double(expected[0])) <= 1e-5 * loss)
    var compared = 0
    for (parameter, gradient) in matched(joint.parameters, joint.gradients) {
      let values = try joint.file.tensor("grad." + parameter.name).floats()
      compared += 1
      // A key's bias shifts all scores of a query alike: the gradient is 0 but for roundings.
      if parameter.name.hasSuffix("self.key.bias") {
        #expect(gradient.allSatisfy { abs($0) < 1e-6 }, "\(parameter.name)")
        continue
      }
      let size = values.reduce(0) { max($0, Double($1.magnitude)) }
      let error = matched(gradient, values).reduce(0) { max($0, abs(Double($1.0) - Double($1.1))) }
      #expect(gradient.count == values.count && error <= 1e-4 * size, "\(parameter.name): \(error) of \(size)")
      // L_reg has no say here.
      #expect((size == 0) == parameter.name.hasPrefix("reg_"), "\(parameter.name)")
    }
    #expect(compared == joint.file.tensorNames.filter { $0.hasPrefix("grad.") }.count)
  }

  @Test(arguments: ["joint-llama", "joint-bert"])
  func tenStepsFollowPyTorchsLosses(name: String) throws {
    var joint = try Joint(name)
    let expected = try joint.file.tensor("losses").floats().map(Double.init)
    for (step, expected) in expected.enumerated() {
      let loss = try joint.addGradients()
      let error = abs(loss - expected) / expected
      #expect(error <= 1e-4, "step \(step): \(loss), not \(expected)")
      try joint.optimizer.step()
    }
    #expect(expected.count == 10 && expected[9] < 0.85 * expected[0])
  }
}
