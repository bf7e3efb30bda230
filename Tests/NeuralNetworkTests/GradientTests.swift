import NeuralNetwork
import TestSupport
import Testing

/// Norms, clipping and accumulation of gradients.
@Suite struct GradientTests {
  private func parameters(_ gradients: [[Float]]) -> [Parameter] {
    gradients.enumerated().map { Parameter(name: "p\($0)", shape: [$1.count], values: $1) }
  }

  @Test func clippingEqualsPyTorch() throws {
    for one in try OptimizerFixture.load().clipping {
      let gradient = dyadics(6, 0, 100).map { $0 * Float(one.scale) }
      let parts = [Array(gradient[..<33]), Array(gradient[33...])]
      let norm = try gradientNorm(parts, of: parameters(parts), step: 1)
      #expect(abs(norm - one.norm) <= 1e-6 * one.norm)
      #expect(abs(clippingFactor(norm: norm, maximum: 1) - one.factor) <= 1e-6 * one.factor)
    }
  }

  @Test func theNormIsThatOfDoubleAndDoesNotOverflow() throws {
    let count = 200_003
    let gradient = (0..<count).map { Float($0 % 1000) * 1e30 }
    var squares = 0.0
    for value in gradient { squares += Double(value) * Double(value) }
    let expected = squares.squareRoot()
    for threads in 1...3 {
      let norm = try gradientNorm([gradient], of: parameters([gradient]), step: 1, threads: threads)
      #expect(abs(norm - expected) <= 1e-6 * expected)
    }
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func aGradientThatIsNotFiniteIsNamed(value: Float) throws {
    for place in [0, 70_000, 99_999] {
      var gradients = [[Float](repeating: .greatestFiniteMagnitude, count: 5), [Float](repeating: 1, count: 100_000)]
      gradients[1][place] = value
      let error = NeuralNetworkError.notFiniteGradient(
        parameter: "p1", index: place, value: "\(value)", step: 12, batch: ["a", "b"])
      #expect(throws: error) { try gradientNorm(gradients, of: parameters(gradients), step: 12, batch: ["a", "b"]) }
      #expect(
        error.description.hasPrefix("step 12: the gradient of \"p1\" is \(value) at index \(place), batch a, b;"))
    }
  }

  /// Parts of 3, 0, 1 and 8 pairs give the mean over all 12.
  @Test func partsAddUpToTheirWeightedMean() {
    let weights = [3.0, 0, 1, 8]
    let parts = weights.indices.map { [dyadics(1, $0, 70_001 - 4), dyadics(2, $0, 3)] }
    for threads in 1...2 {
      var accumulator = GradientAccumulator()
      for (part, weight) in matched(parts, weights) { accumulator.add(part, weight: weight, threads: threads) }
      #expect(accumulator.weight == 12)
      for i in 0..<2 {
        var worst = 0.0
        for (j, value) in accumulator.mean[i].enumerated() {
          var expected = 0.0
          for (part, weight) in matched(parts, weights) { expected += weight / 12 * Double(part[i][j]) }
          worst = max(worst, abs(expected - Double(value)))
        }
        #expect(worst <= 4 * Double(Float.ulpOfOne))
      }
    }
    var single = GradientAccumulator()
    single.add(parts[0], weight: 5)
    #expect(single.mean == parts[0])
  }

  @Test func factorsEqualTransformers() throws {
    for one in try OptimizerFixture.load().schedules {
      let shape = try #require(LearningRateSchedule.Shape(rawValue: one.shape))
      let schedule = LearningRateSchedule(shape, warmupSteps: one.warmup, totalSteps: one.total)
      for (step, factor) in one.factors.enumerated() {
        #expect(abs(schedule.factor(step) - factor) <= 1e-15, "\(shape), \(one.warmup) of \(one.total), step \(step)")
      }
    }
  }
}
