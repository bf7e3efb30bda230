import Foundation

/// What is known of the two parameters (a, b) of a margin's calibration: a Gaussian by Laplace's approximation.
///
/// The model of one judgement with the regressor x is logit P(right) = a + max(b, 0) x, with the prior (a, b) ~ N((0.4, 0.5), 0.25 I).
/// For b < 0 the likelihood does not depend on b and the prior falls away from its mean, so that the most likely b is never negative: the
/// mode is sought with b >= 0, where the logarithm of the posterior is strictly concave and the mode unique. Where b is 0, the covariance
/// is that of the side b > 0.
public struct CalibrationPosterior: Sendable, Equatable {
  /// The logit of being right where x is 0, i.e. at a margin of the usual size.
  public private(set) var a: Double
  /// How much the logit grows with x; never negative.
  public private(set) var b: Double
  /// The variance of a.
  public private(set) var varianceA: Double
  /// The covariance of a and b.
  public private(set) var covarianceAB: Double
  /// The variance of b.
  public private(set) var varianceB: Double

  /// The prior. At its mean, a margin of the usual size is right with probability 0.60, one ten times as large with 0.78.
  public static let prior = CalibrationPosterior(a: 0.4, b: 0.5, varianceA: 0.25, covarianceAB: 0, varianceB: 0.25)

  private init(a: Double, b: Double, varianceA: Double, covarianceAB: Double, varianceB: Double) {
    (self.a, self.b) = (a, b)
    (self.varianceA, self.covarianceAB, self.varianceB) = (varianceA, covarianceAB, varianceB)
  }

  /// A saved posterior; nil where the numbers are none, e.g. of a damaged file.
  init?(a: Double, b: Double, covariance: [[Double]]) {
    guard covariance.count == 2, covariance.allSatisfy({ $0.count == 2 }), covariance[0][1] == covariance[1][0] else {
      return nil
    }
    self.init(
      a: a, b: b, varianceA: covariance[0][0], covarianceAB: covariance[0][1], varianceB: covariance[1][1])
    guard a.isFinite, b.isFinite, b >= 0, varianceA.isFinite, varianceB.isFinite, varianceA > 0, varianceB > 0,
      varianceA * varianceB > covarianceAB * covarianceAB
    else { return nil }
  }

  /// The 2 x 2 covariance of (a, b), row by row.
  public var covariance: [[Double]] { [[varianceA, covarianceAB], [covarianceAB, varianceB]] }

  /// The logit of being right at a regressor.
  func logit(_ x: Double) -> Double { b > 0 ? a + b * x : a }

  // MARK: Offline

  /// A judgement as the regression sees it.
  struct Example {
    let x: Double
    let isRight: Bool
  }

  /// The posterior after all examples at once: Newton's method to the mode, and the inverse of the Hessian there.
  ///
  /// Source of the approximation: MacKay, "The Evidence Framework Applied to Classification Networks", Neural Computation 4(5), 1992.
  /// O(examples) a step; some ten steps.
  init(fitting examples: [Example]) {
    // The mode over b >= 0 of a concave function is that over all b, of a + b x, or lies on the line b = 0.
    var mode = Objective(examples: examples, hasSlope: true).minimum
    if mode.b < 0 { mode = Objective(examples: examples, hasSlope: false).minimum }
    let curvature = Objective(examples: examples, hasSlope: true).derivatives(mode)
    let determinant = curvature.aa * curvature.bb - curvature.ab * curvature.ab
    self.init(
      a: mode.a, b: mode.b, varianceA: curvature.bb / determinant, covarianceAB: -curvature.ab / determinant,
      varianceB: curvature.aa / determinant)
  }

  /// The negative logarithm of the posterior of a and b, but for a constant, of the linear logit a + b x; `hasSlope` says whether b is
  /// free, or held at 0.
  private struct Objective {
    let examples: [Example]
    let hasSlope: Bool

    typealias Point = (a: Double, b: Double)
    typealias Derivatives = (a: Double, b: Double, aa: Double, ab: Double, bb: Double)

    func value(_ point: Point) -> Double {
      let (toA, toB) = (point.a - prior.a, point.b - prior.b)
      let penalty = (toA * toA / prior.varianceA + toB * toB / prior.varianceB) / 2
      return examples.reduce(penalty) { sum, example in
        let logit = point.a + point.b * example.x
        return sum + softplus(example.isRight ? -logit : logit)
      }
    }

    /// The gradient and the Hessian.
    func derivatives(_ point: Point) -> Derivatives {
      var sums: Derivatives = (
        (point.a - prior.a) / prior.varianceA, (point.b - prior.b) / prior.varianceB, 1 / prior.varianceA, 0,
        1 / prior.varianceB
      )
      for example in examples {
        let probability = logistic(point.a + point.b * example.x)
        let residual = probability - (example.isRight ? 1 : 0)
        let weight = probability * (1 - probability)
        sums.a += residual
        sums.b += residual * example.x
        sums.aa += weight
        sums.ab += weight * example.x
        sums.bb += weight * example.x * example.x
      }
      return sums
    }

    /// Newton's method from the prior's mean, its steps halved while the objective grows.
    var minimum: Point {
      var point: Point = (prior.a, hasSlope ? prior.b : 0)
      var height = value(point)
      for _ in 0..<200 {
        let slope = derivatives(point)
        let determinant = slope.aa * slope.bb - slope.ab * slope.ab
        var step: Point = (slope.a / slope.aa, 0)
        if hasSlope {
          step.a = (slope.bb * slope.a - slope.ab * slope.b) / determinant
          step.b = (slope.aa * slope.b - slope.ab * slope.a) / determinant
        }
        var (length, next, nextHeight) = (1.0, point, height)
        repeat {
          next = (point.a - length * step.a, point.b - length * step.b)
          nextHeight = value(next)
          length /= 2
          // Near the minimum a step changes the objective by less than the rounding of its sum.
        } while nextHeight > height + 1e-13 * abs(height) && length > 1e-10
        (point, height) = (next, nextHeight)
        if max(abs(step.a), abs(step.b)) <= 1e-13 * (1 + max(abs(point.a), abs(point.b))) { break }
      }
      return point
    }
  }

  // MARK: Online

  /// Takes one judgement into account by one step of Newton's method (an extended Kalman filter's): with f = (1, x) and p the probability
  /// of being right, S <- S - S f f^T S p(1-p) / (1 + p(1-p) f^T S f), then (a, b) <- (a, b) + S f (y - p). O(1).
  ///
  /// A step to b < 0 ends where the Gaussian is highest on the line b = 0; what pulls further down is forgotten, so that b can grow again.
  mutating func observe(_ example: Example) {
    let x = example.x
    let probability = logistic(logit(x))
    let weight = probability * (1 - probability)
    let gain = (a: varianceA + covarianceAB * x, b: covarianceAB + varianceB * x)
    let shrinkage = weight / (1 + weight * (gain.a + gain.b * x))
    varianceA -= shrinkage * gain.a * gain.a
    covarianceAB -= shrinkage * gain.a * gain.b
    varianceB -= shrinkage * gain.b * gain.b
    let residual = (example.isRight ? 1 : 0) - probability
    a += (varianceA + covarianceAB * x) * residual
    b += (covarianceAB + varianceB * x) * residual
    if b < 0 {
      a -= covarianceAB / varianceB * b
      b = 0
    }
  }
}
