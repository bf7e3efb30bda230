import LinearAlgebra
import NeuralNetwork
import Randomness
import TestSupport
import Testing

/// Against PEFT's linear layer in Float64 with autograd.
@Suite struct LowRankUpdateTests {
  private func matrix(_ stream: UInt64, _ rows: Int, _ columns: Int) -> Matrix<Float> {
    Matrix(rows: rows, columns: columns, elements: dyadics(stream, 0, rows * columns))
  }

  private func difference(_ found: Matrix<Float>, _ expected: [Double]) -> Double {
    #expect(found.elements.count == expected.count)
    let size = expected.reduce(0) { max($0, abs($1)) }
    return matched(found.elements, expected).map { abs(Double($0) - $1) }.reduce(0, max) / size
  }

  @Test func outputsAndGradientsEqualAutograd() throws {
    for one in try OptimizerFixture.load().lora {
      let update = LowRankUpdate(
        a: matrix(1, one.rank, one.inputs), b: matrix(2, one.outputs, one.rank), scale: Float(one.scale))
      let weight = matrix(3, one.outputs, one.inputs)
      let (x, dy) = (matrix(4, one.rows, one.inputs), matrix(5, one.rows, one.outputs))
      var y = gemm(x, .asIs, weight, .transposed)
      update.forward(x, addingTo: &y)
      #expect(difference(y, one.y) <= 1e-5)
      // The frozen weight's part of dx is there already; dA and dB start from 0.
      var dx = gemm(dy, .asIs, weight)
      var (da, db) = (
        Matrix<Float>(rows: one.rank, columns: one.inputs), Matrix<Float>(rows: one.outputs, columns: one.rank)
      )
      update.backward(x, dy: dy, dx: &dx, da: &da, db: &db)
      #expect(difference(dx, one.dx) <= 1e-5)
      #expect(difference(da, one.da) <= 1e-5)
      #expect(difference(db, one.db) <= 1e-5)
      update.backward(x, dy: dy, dx: &dx, da: &da, db: &db)
      #expect(difference(da, one.da.map { 2 * $0 }) <= 1e-5, "gradients accumulate")

      var merged = weight
      update.merge(into: &merged)
      #expect(difference(gemm(x, .asIs, merged, .transposed), one.y) <= 1e-5)
    }
  }

  /// Of columns of a wider gradient, as fused maps have it, and of several maps at a time.
  @Test func rowsHaveTheGradientsOfAutograd() throws {
    let cases = try OptimizerFixture.load().lora
    for workers in 1...3 {
      let jobs = cases.map { one in
        let update = LowRankUpdate(
          a: matrix(1, one.rank, one.inputs), b: matrix(2, one.outputs, one.rank), scale: Float(one.scale))
        let wide = RowBuffer(rows: one.rows, columns: one.outputs + 5)
        let columns = wide.all.columns(3..<3 + one.outputs)
        columns.copy(RowBuffer(matrix(5, one.rows, one.outputs)).all)
        return LowRankGradient.Job(update, columns, RowBuffer(matrix(4, one.rows, one.inputs)).all)
      }
      for (found, one) in matched(LowRankGradient.compute(jobs, workers: workers), cases) {
        #expect(difference(found.a.all.matrix, one.da) <= 1e-5)
        #expect(difference(found.b.all.matrix, one.db) <= 1e-5)
      }
    }
    #expect(LowRankGradient.compute([], workers: 2).isEmpty)
  }

  @Test func aFreshUpdateAddsNothingAndDrawsAUniformly() {
    var generator = PhiloxGenerator(seed: 3, stream: "lora")
    let update = LowRankUpdate(outputs: 7, inputs: 400, rank: 50, scale: 2, using: &generator)
    var y = matrix(4, 3, 7)
    update.forward(matrix(5, 3, 400), addingTo: &y)
    #expect(y == matrix(4, 3, 7))
    let values = update.a.elements.map(Double.init)
    #expect(values.allSatisfy { abs($0) <= 0.05 })
    // Of 20,000 uniforms: the variance is bound^2 / 3 within 5 standard errors, sqrt(4/45) bound^2 / sqrt(n) each.
    let variance = values.reduce(0) { $0 + $1 * $1 } / 20_000
    #expect(abs(variance - 0.0025 / 3) <= 5 * 0.298 * 0.0025 / 141)
  }
}
