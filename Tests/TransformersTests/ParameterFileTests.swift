import Foundation
import LinearAlgebra
import NeuralNetwork
import Randomness
import Storage
import Testing
import Transformers

/// Parameters and the optimizer's state through a file.
@Suite struct ParameterFileTests {
  private func temporary<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("parameters-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: url) }
    return try body(url)
  }

  @Test func stepsAfterARestartEqualStepsWithout() throws {
    var generator = PhiloxGenerator(seed: 1, stream: "parameters")
    func draw(_ count: Int) -> [Float] { generator.normals(count).map(Float.init) }
    let start = [
      Parameter(name: "b.weight", shape: [301, 300], values: draw(90_300)),
      Parameter(name: "a.weight", shape: [5], values: draw(5)), Parameter(name: "scalar", shape: [], values: draw(1)),
    ]
    let gradients = (0..<8).map { _ in start.map { draw($0.values.count) } }
    func optimizer(_ parameters: [Parameter]) -> AdamW {
      AdamW(parameters, groups: [ParameterGroup(name: "all", learningRate: 0.1, weightDecay: 0.1)])
    }
    var parameters = start
    var uninterrupted = optimizer(parameters)
    for step in gradients { uninterrupted.step(&parameters, gradients: step) }

    var resumed = start
    var first = optimizer(resumed)
    for step in gradients[..<4] { first.step(&resumed, gradients: step) }
    var second = try temporary { url in
      try ParameterFile(resumed).write(to: url)
      let values = Dictionary(uniqueKeysWithValues: try ParameterFile(contentsOf: url).parameters.map { ($0.name, $0) })
      resumed = try start.map { try #require(values[$0.name]) }
      try ParameterFile(first.state, metadata: ["step": "\(first.stepCount)"]).write(to: url)
      let saved = try ParameterFile(contentsOf: url)
      var second = optimizer(resumed)
      try second.restore(saved.parameters, stepCount: try #require(Int(saved.metadata["step"] ?? "")))
      return second
    }
    for step in gradients[4...] { second.step(&resumed, gradients: step) }
    #expect(resumed == parameters)
    #expect(second.state == uninterrupted.state)
    #expect(second.stepCount == 8)
  }

  @Test func bitsAndShapesComeBack() throws {
    let values: [Float] = [-0.0, .nan, .infinity, .leastNonzeroMagnitude, 1]
    try temporary { url in
      try ParameterFile([Parameter(name: "x", shape: [5, 1], values: values)]).write(to: url)
      let back = try ParameterFile(contentsOf: url).parameters
      #expect(back.map(\.shape) == [[5, 1]])
      #expect(back[0].values.map(\.bitPattern) == values.map(\.bitPattern))
    }
  }

  @Test func anotherTypeIsRefused() throws {
    try temporary { url in
      try AtomicFile.write(Safetensors.encode(["x": Safetensors.Tensor(bf16: [1, 2])]), to: url)
      #expect(throws: StorageError.self) { try ParameterFile(contentsOf: url) }
    }
  }
}
