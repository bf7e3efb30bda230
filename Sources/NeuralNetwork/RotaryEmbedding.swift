import Foundation
import LinearAlgebra

/// Rotary position embedding: the pair (x[j], x[j + d/2]) of a head of size d at position p is turned by p theta_j.
///
///     theta_j = base^(-2j/d), then stretched as `scaling` says
///
/// Source: Su et al., "RoFormer" (arXiv 2104.09864); the pairing of halves and the scalings are those of Transformers'
/// `modeling_rope_utils.py`. Frequencies and angles are computed in Double.
public struct RotaryEmbedding: Sendable, Equatable {
  /// How frequencies are stretched for texts longer than those of the first training.
  public enum Scaling: Sendable, Equatable {
    case none
    /// theta / factor.
    case linear(factor: Double)
    /// For a sequence of L > `originalPositions` tokens the base becomes base (factor L / original - (factor - 1))^(d /
    /// (d-2)).
    case dynamic(factor: Double, originalPositions: Int)
    /// Llama 3.1: long waves are divided by the factor, short ones kept, those between interpolated.
    case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalPositions: Int)
  }

  public let headSize: Int
  public let base: Double
  public let scaling: Scaling

  public init(headSize: Int, base: Double, scaling: Scaling = .none) {
    precondition(headSize > 0 && headSize % 2 == 0, "a head of \(headSize) has no pairs to turn")
    self.headSize = headSize
    self.base = base
    self.scaling = scaling
  }

  /// The length that the angles of a sequence depend on: its own where `dynamic` scaling sets in, otherwise nil, and
  /// then every sequence has the same angles.
  public func decisiveLength(_ length: Int) -> Int? {
    guard case .dynamic(_, let original) = scaling, length > original else { return nil }
    return length
  }

  /// theta_0 ..< theta_{d/2}, in radians a position, for a sequence of `length` tokens.
  public func frequencies(length: Int) -> [Double] {
    let size = Double(headSize)
    var base = base
    if case .dynamic(let factor, let original) = scaling, length > original {
      base *= pow(factor * Double(length) / Double(original) - (factor - 1), size / (size - 2))
    }
    let plain = (0..<headSize / 2).map { pow(base, -2 * Double($0) / size) }
    switch scaling {
    case .none, .dynamic:
      return plain
    case .linear(let factor):
      return plain.map { $0 / factor }
    case .llama3(let factor, let low, let high, let original):
      return plain.map { frequency in
        let wavelength = 2 * Double.pi / frequency
        if wavelength < Double(original) / high { return frequency }
        if wavelength > Double(original) / low { return frequency / factor }
        let smooth = (Double(original) / wavelength - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
      }
    }
  }

  /// Cosines and sines of the positions 0..<positions.
  public func table(positions: Int, length: Int) -> RotaryTable {
    let frequencies = frequencies(length: length)
    var cosines: [Float] = []
    var sines: [Float] = []
    cosines.reserveCapacity(positions * frequencies.count)
    sines.reserveCapacity(positions * frequencies.count)
    for position in 0..<positions {
      for frequency in frequencies {
        let angle = Double(position) * frequency
        cosines.append(Float(cos(angle)))
        sines.append(Float(sin(angle)))
      }
    }
    return RotaryTable(headSize: headSize, cosines: cosines, sines: sines)
  }
}

/// The angles of consecutive positions from 0 on: positions x headSize/2 cosines and sines.
public struct RotaryTable: Sendable {
  public let headSize: Int
  let cosines: [Float]
  let sines: [Float]

  /// The same angles, negative: turns gradients back.
  public var inverse: RotaryTable { RotaryTable(headSize: headSize, cosines: cosines, sines: sines.map { -$0 }) }

  /// Turns the heads of `x`, whose rows stand at consecutive positions from `position` on.
  public func apply(_ x: RowBlock, from position: Int) {
    let half = headSize / 2
    let range = position * half..<(position + x.rows) * half
    rotate(x, headSize: headSize, cosines: cosines[range], sines: sines[range])
  }
}
