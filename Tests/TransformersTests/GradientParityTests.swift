import Foundation
import LinearAlgebra
import NeuralNetwork
import Storage
import TestSupport
import Testing
import Transformers

/// Gradients of whole small checkpoints against PyTorch's autograd in Float64; `Scripts/fixtures/gradients.py` makes them
/// and says what the loss is.
@Suite struct GradientParityTests {
  static let names = ["llama-gqa", "llama-untied-bias", "qwen3", "bert-mean", "bert-cls"]

  /// The value at (t, i) of the stream that `fixture.py` calls so.
  static func dyadic(_ stream: UInt64, _ t: Int, _ i: Int) -> Double {
    var z = stream << 48 &+ UInt64(t) << 16 &+ UInt64(i) &+ 1
    for factor: UInt64 in [0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93, 0xD6E8_FEB8_6659_FD93] {
      z = z &* factor
      z ^= z >> 32
    }
    return Double(Int(z & 0xFFFF) - 32768) / 32768
  }

  /// L = sum_ij a_ij h_ij + 1/2 sum_i (sum_j b_j h_ij)^2 of states h, and its gradient by them.
  static func loss(_ states: Matrix<Float>) -> (value: Double, gradient: RowBuffer) {
    let b = (0..<states.columns).map { dyadic(4, 0, $0) }
    var value = 0.0
    var gradient = Matrix<Float>(rows: states.rows, columns: states.columns)
    for i in 0..<states.rows {
      let along = zip(states.row(i), b).reduce(0) { $0 + Double($1.0) * $1.1 }
      value += along * along / 2
      for j in 0..<states.columns {
        let a = dyadic(7, i, j)
        value += a * Double(states[i, j])
        gradient[i, j] = Float(a + along * b[j])
      }
    }
    return (value, RowBuffer(gradient))
  }

  /// The loss of a batch's wanted rows, and its gradients.
  static func gradients(
    _ model: TrainableTransformer, _ batch: TokenBatch, rows: [Int]? = nil, isCheckpointing: Bool = false,
    workers: Int = 2, scratch: inout TrainingScratch
  ) throws -> (loss: Double, gradients: [[Float]]) {
    let pass = try model.forward(
      batch, rows: rows, isCheckpointing: isCheckpointing, workers: workers, scratch: &scratch)
    let (value, gradient) = loss(pass.states.all.matrix)
    var gradients = model.zeroGradients
    model.backward(gradient.all, pass, into: &gradients)
    return (value, gradients)
  }

  static func model(_ name: String, _ trained: TrainedPart = .all) throws -> TrainableTransformer {
    try TrainableTransformer(folder: ParityTests.folder.appendingPathComponent(name), trained: trained)
  }

  /// max |a - b| / max |b|.
  static func difference(_ found: [Float], _ expected: [Float]) -> Double {
    guard found.count == expected.count else { return .infinity }
    let size = expected.reduce(0) { max($0, Double($1.magnitude)) }
    var worst = 0.0
    for (a, b) in matched(found, expected) {
      let error = abs(Double(a) - Double(b))
      if !(error <= worst) { worst = error }
    }
    return size > 0 ? worst / size : worst
  }

  @Test(arguments: names, [false, true])
  func gradientsMatchAutograd(name: String, isCheckpointing: Bool) throws {
    let model = try Self.model(name)
    let reference = try ParityTests.Reference(name)
    let file = try SafetensorsFile(
      mapping: ParityTests.folder.appendingPathComponent(name).appendingPathComponent("gradients.safetensors"))
    var scratch = TrainingScratch()
    let (loss, gradients) = try Self.gradients(
      model, TokenBatch(reference.sequences), isCheckpointing: isCheckpointing, scratch: &scratch)
    let expectedLoss = Double(try file.tensor("loss").floats()[0])
    #expect(abs(loss - expectedLoss) <= 1e-5 * abs(expectedLoss))
    var compared = 0
    for (parameter, gradient) in matched(model.parameters, gradients) where !gradient.isEmpty {
      let expected = try file.tensor("grad." + parameter.name).floats()
      // A key's bias shifts all scores of a query alike: the gradient is 0 but for roundings.
      if parameter.name.hasSuffix("self.key.bias") {
        #expect(gradient.allSatisfy { abs($0) < 1e-4 }, "\(parameter.name)")
      } else {
        let error = Self.difference(gradient, expected)
        #expect(error <= 1e-4, "\(parameter.name): \(error)")
      }
      compared += 1
    }
    #expect(compared == file.tensorNames.filter { $0.hasPrefix("grad.") }.count)
  }

  @Test(arguments: names)
  func statesAreThoseOfInference(name: String) throws {
    let model = try Self.model(name)
    let reference = try ParityTests.Reference(name)
    let batch = TokenBatch(reference.sequences)
    var scratch = TrainingScratch()
    var own = ForwardScratch()
    let expected = try reference.model.hiddenStates(batch, scratch: &own)
    let pass = try model.forward(batch, scratch: &scratch)
    #expect(pass.states.all.matrix == expected)
    #expect(try model.model.hiddenStates(batch, scratch: &own) == expected)
    let rows = [3, 0, 3]
    #expect(try model.forward(batch, rows: rows, scratch: &scratch).states.all.matrix == expected.selectingRows(rows))
  }
}
