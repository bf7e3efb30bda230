import Foundation
internal import CKernels

/// The numbers of one step of AdamW at one rate, the same for all elements.
public struct AdamWStep: Sendable {
  let kernel: kernels_adamw

  /// - Parameters:
  ///   - number: t, counted from 1.
  ///   - gradientFactor: multiplies each gradient first.
  public init(
    number: Int, learningRate: Double, weightDecay: Double, beta1: Double, beta2: Double, epsilon: Double,
    gradientFactor: Double
  ) {
    precondition(number > 0, "steps count from 1")
    kernel = kernels_adamw(
      gradient_factor: Float(gradientFactor), first_share: Float(1 - beta1), second_kept: Float(beta2),
      second_share: Float(1 - beta2), second_correction: Float((1 - pow(beta2, Double(number))).squareRoot()),
      epsilon: Float(epsilon), rate: Float(learningRate / (1 - pow(beta1, Double(number)))),
      kept: Float(1 - learningRate * weightDecay))
  }

  /// Moves the parameters, and the running means of the gradient and of its square, in place.
  ///
  /// An element's bits depend neither on the number of threads nor on the CPU. Seven floats of memory an element.
  public func apply(
    gradients: [Float], to parameters: inout [Float], first: inout [Float], second: inout [Float], threads: Int
  ) {
    let count = parameters.count
    precondition(
      gradients.count == count && first.count == count && second.count == count,
      "AdamW: \(gradients.count) gradients, \(first.count) and \(second.count) moments for \(count) parameters")
    gradients.withUnsafeBufferPointer { g in
      parameters.withUnsafeMutableBufferPointer { p in
        first.withUnsafeMutableBufferPointer { m in
          second.withUnsafeMutableBufferPointer { v in
            let (g, p, m, v) = (Address(g), Address(p), Address(m), Address(v))
            forEachPart(of: count, threads: threads) { _, part in
              withUnsafePointer(to: kernel) { step in
                kernels_adamw_f32(step, part.count, g[part], p[part], m[part], v[part])
              }
            }
          }
        }
      }
    }
  }
}

/// sum x^2 in Double, the same for any number of threads and on any CPU; not finite exactly where some x is not.
public func squareSum(_ x: [Float], threads: Int) -> Double {
  var sums = [Double](repeating: 0, count: (x.count + partSize - 1) / partSize)
  x.withUnsafeBufferPointer { x in
    sums.withUnsafeMutableBufferPointer { sums in
      let (values, results) = (Address(x), UInt(bitPattern: sums.baseAddress))
      forEachPart(of: x.count, threads: threads) { index, part in
        UnsafeMutablePointer<Double>(bitPattern: results)![index] = kernels_square_sum_f32(part.count, values[part])
      }
    }
  }
  return sums.reduce(0, +)
}

/// x = 0.
public func clear(_ x: inout [Float], threads: Int) {
  x.withUnsafeMutableBufferPointer { x in
    let values = Address(x)
    forEachPart(of: x.count, threads: threads) { _, part in values[part].update(repeating: 0, count: part.count) }
  }
}

/// y += share (x - y), the same for any number of threads and on any CPU.
public func blend(_ x: [Float], share: Double, into y: inout [Float], threads: Int) {
  precondition(x.count == y.count, "blend: \(x.count) values into \(y.count)")
  x.withUnsafeBufferPointer { x in
    y.withUnsafeMutableBufferPointer { y in
      let (source, target) = (Address(x), Address(y))
      forEachPart(of: x.count, threads: threads) { _, part in
        kernels_blend_f32(part.count, Float(share), source[part], target[part])
      }
    }
  }
}

/// Floats that a thread takes at a time: few enough to share out a matrix, many enough that taking them costs nothing.
private let partSize = 1 << 16

private func forEachPart(of count: Int, threads: Int, _ body: @Sendable (_ index: Int, _ part: Range<Int>) -> Void) {
  concurrentFor((count + partSize - 1) / partSize, workers: threads) { _, index in
    body(index, index * partSize..<min(count, (index + 1) * partSize))
  }
}

/// Where an array lies, in a form that threads may share.
private struct Address: Sendable {
  private let start: UInt

  init(_ buffer: UnsafeBufferPointer<Float>) { start = UInt(bitPattern: buffer.baseAddress) }
  init(_ buffer: UnsafeMutableBufferPointer<Float>) { start = UInt(bitPattern: buffer.baseAddress) }

  /// The first element of a part that is not empty.
  subscript(part: Range<Int>) -> UnsafeMutablePointer<Float> {
    UnsafeMutablePointer(bitPattern: start)! + part.lowerBound
  }
}
