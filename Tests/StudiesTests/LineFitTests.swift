import Randomness
import Studies
import Testing

@Suite struct LineFitTests {
  private let x = [4.0, 5, 6, 7, 8]

  @Test func exactLinesAreFoundWithIntervalsOfNoWidth() {
    var generator = PhiloxGenerator(seed: 1, stream: "fit")
    let fit = LineFit(x: x, repetitions: [x.map { 3 * $0 - 2 }, x.map { 3 * $0 - 2 }], using: &generator)
    // Sums of five products of magnitude up to 22: a few ulps.
    #expect(abs(fit.slope - 3) < 1e-14 && abs(fit.intercept + 2) < 1e-13)
    #expect(abs(fit.slopeInterval.high - fit.slopeInterval.low) < 1e-14)
    #expect(abs(fit.value(at: 10) - 28) < 1e-13)
  }

  @Test func handComputedLeastSquares() {
    var generator = PhiloxGenerator(seed: 1, stream: "fit")
    // x̄ = 2, ȳ = 3, sum of products = (-1)(-2) + 0 + (1)(2) = 4 over 2, but y = 1, 3, 5 bent to 1, 2, 6: (2 + 3)/2.
    let fit = LineFit(x: [1, 2, 3], repetitions: [[1, 2, 6]], using: &generator)
    #expect(fit.slope == 2.5 && fit.intercept == -2)
  }

  /// One disturbed repetition of seven does not move the line.
  @Test func aDisturbedRepetitionDoesNotMatter() {
    var generator = PhiloxGenerator(seed: 1, stream: "fit")
    var repetitions = [[Double]](repeating: x, count: 7)
    repetitions[3] = x.map { $0 * 100 }
    let fit = LineFit(x: x, repetitions: repetitions, using: &generator)
    #expect(abs(fit.slope - 1) < 1e-14)
  }

  /// Over 200 data sets with normal noise, the 95 % interval holds the true slope in 85 % at the least: a bootstrap over
  /// 20 repetitions is a little narrow, and five binomial deviations of 200 draws are 8 %.
  @Test func intervalsCoverTheTruth() {
    var generator = PhiloxGenerator(seed: 2, stream: "fit")
    let covered = (0..<200).count { _ in
      let repetitions = (0..<20).map { _ in x.map { 0.5 * $0 + 1 + 0.2 * generator.nextNormal() } }
      let fit = LineFit(x: x, repetitions: repetitions, resamples: 400, using: &generator)
      return fit.slopeInterval.low <= 0.5 && 0.5 <= fit.slopeInterval.high
    }
    #expect(covered >= 170, "\(covered) of 200")
  }
}
