import Foundation

/// One step of AdamW on one flat tensor, decay decoupled from the gradient:
///
///     m = b1 m + (1 - b1) g,   v = b2 v + (1 - b2) g^2
///     p = p - rate (m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon) + decay p)
///
/// Source: Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
package enum FlatAdamW {
  private static let firstDecay: Float = 0.9
  private static let secondDecay: Float = 0.999
  private static let epsilon: Float = 1e-8

  /// - Parameters:
  ///   - scale: multiplies the gradient, for clipping.
  ///   - step: t, from 1.
  package static func step(
    _ parameters: inout [Float], gradient: [Float], scale: Float, first: inout [Float], second: inout [Float],
    rate: Float, decay: Float, step: Int
  ) {
    let count = parameters.count
    precondition(gradient.count == count && first.count == count && second.count == count, "AdamW: sizes differ")
    let firstCorrection = 1 / (1 - pow(firstDecay, Float(step)))
    let secondCorrection = 1 / (1 - pow(secondDecay, Float(step)))
    parameters.withUnsafeMutableBufferPointer { p in
      first.withUnsafeMutableBufferPointer { m in
        second.withUnsafeMutableBufferPointer { v in
          gradient.withUnsafeBufferPointer { g in
            for i in 0..<count {
              let slope = g[i] * scale
              let mean = firstDecay * m[i] + (1 - firstDecay) * slope
              let square = secondDecay * v[i] + (1 - secondDecay) * slope * slope
              m[i] = mean
              v[i] = square
              let direction = mean * firstCorrection / ((square * secondCorrection).squareRoot() + epsilon)
              p[i] -= rate * (direction + decay * p[i])
            }
          }
        }
      }
    }
  }
}
