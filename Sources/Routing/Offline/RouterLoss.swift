import Foundation
import LinearAlgebra

/// The parts of an offline router's loss on one batch, in nats (the difference part in standardised score units).
public struct RouterLoss: Sendable, Equatable, Codable {
  /// L_bt, L_cls, L_reg.
  public var comparison = 0.0
  public var classification = 0.0
  public var difference = 0.0
  /// L_bt + lambda L_cls + mu L_reg.
  public var total = 0.0

  public init() {}

  /// Adds a share of another loss, part by part.
  mutating func add(_ other: RouterLoss, share: Double = 1) {
    comparison += share * other.comparison
    classification += share * other.classification
    difference += share * other.difference
    total += share * other.total
  }
}

/// How the parts of the loss are weighed, and what the mean of L_bt runs over.
public struct RouterLossConfiguration: Sendable, Equatable, Codable {
  /// lambda, the weight of classification.
  public var classificationWeight = 0.5
  /// mu, the weight of the score differences.
  public var differenceWeight = 0.0
  /// Whether a sample without comparisons counts 0 in the batch mean of L_bt, as in the published code; else it is left out.
  public var countsEmptySamples = true

  public init() {}
}

/// What the means of a batch's loss run over. A batch that goes through in parts gives it to each: their losses and gradients
/// then sum to those of the batch.
package struct RouterLossScale: Sendable {
  /// Samples of L_bt, and unmasked labels.
  let samples: Int
  let labels: Int

  package init(_ targets: [RouterTarget], _ configuration: RouterLossConfiguration) {
    samples = configuration.countsEmptySamples ? targets.count : targets.count { !$0.comparisons.isEmpty }
    labels = targets.reduce(0) { $0 + $1.labels.count { $0 != nil } }
  }
}

/// The gradients of the loss by the three heads' scores, B x K each.
struct RouterScoreGradients {
  var comparison: Matrix<Double>
  var classification: Matrix<Double>
  var difference: Matrix<Double>
}

/// Loss and score gradients of a batch, in Double whatever the network's type.
///
///     L_bt  = mean_i mean_{(w,l) of i} softplus(-(s[i,w] - s[i,l]))
///     L_cls = mean over unmasked (i,n) of softplus(c[i,n]) - y[i,n] c[i,n]
///     L_reg = mean over unmasked (i,n) of |r[i,n] - difference[i,n]|
///
/// A part without any comparison or label is 0. `scale` is that of the whole batch where these targets are a part of one.
func routerLoss<Scalar: BLASScalar>(
  comparisonScores s: Matrix<Scalar>, logits c: Matrix<Scalar>, differenceScores r: Matrix<Scalar>,
  targets: [RouterTarget], _ configuration: RouterLossConfiguration, scale: RouterLossScale? = nil
) -> (loss: RouterLoss, gradients: RouterScoreGradients) {
  let zeros = Matrix<Double>(rows: s.rows, columns: s.columns)
  var gradients = RouterScoreGradients(comparison: zeros, classification: zeros, difference: zeros)
  var loss = RouterLoss()
  let scale = scale ?? RouterLossScale(targets, configuration)
  let labelCount = scale.labels
  for (i, target) in targets.enumerated() {
    let weight = 1 / Double(max(target.comparisons.count, 1) * max(scale.samples, 1))
    for comparison in target.comparisons {
      let margin = Double(s[i, comparison.winner]) - Double(s[i, comparison.loser])
      loss.comparison += weight * softplus(-margin)
      let slope = weight * logistic(-margin)
      gradients.comparison[i, comparison.winner] -= slope
      gradients.comparison[i, comparison.loser] += slope
    }
    for (n, label) in target.labels.enumerated() {
      guard let label else { continue }
      let logit = Double(c[i, n])
      let y = label ? 1.0 : 0
      loss.classification += (softplus(logit) - y * logit) / Double(labelCount)
      gradients.classification[i, n] = configuration.classificationWeight * (logistic(logit) - y) / Double(labelCount)
      guard configuration.differenceWeight > 0, let difference = target.differences[n] else { continue }
      let error = Double(r[i, n]) - difference
      loss.difference += abs(error) / Double(labelCount)
      let sign: Double = error > 0 ? 1 : error < 0 ? -1 : 0
      gradients.difference[i, n] = configuration.differenceWeight * sign / Double(labelCount)
    }
  }
  loss.total =
    loss.comparison + configuration.classificationWeight * loss.classification
    + configuration.differenceWeight * loss.difference
  return (loss, gradients)
}

/// log(1 + e^x) without overflow.
func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }

/// 1 / (1 + e^-x) without overflow.
func logistic(_ x: Double) -> Double {
  let small = exp(-abs(x))
  return x >= 0 ? 1 / (1 + small) : small / (1 + small)
}
