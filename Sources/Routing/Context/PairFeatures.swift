import LinearAlgebra

/// u of two pooled states, and its gradient.
public enum PairFeatures {
  /// u = [(h_1 + h_2)/2 ; |h_1 - h_2|]; it does not depend on the order of the states, bit for bit.
  public static func u(_ first: ArraySlice<Float>, _ second: ArraySlice<Float>) -> [Float] {
    zip(first, second).map { ($0 + $1) / 2 } + zip(first, second).map { ($0 - $1).magnitude }
  }

  /// One row of features for each two rows of states.
  public static func rows(_ states: Matrix<Float>) -> Matrix<Float> {
    let pairs = states.rows / 2
    return Matrix(
      rows: pairs, columns: 2 * states.columns,
      elements: (0..<pairs).flatMap { u(states.row(2 * $0), states.row(2 * $0 + 1)) })
  }

  /// The gradients by the two states from that by u: dh_1 = du_mean/2 + sign(h_1 - h_2) du_distance, dh_2 the same with a minus.
  /// Where two coordinates are equal the distance has no slope.
  public static func stateGradients(
    _ first: ArraySlice<Float>, _ second: ArraySlice<Float>, _ gradient: ArraySlice<Float>
  ) -> (first: [Float], second: [Float]) {
    precondition(
      first.count == second.count && gradient.count == 2 * first.count,
      "a gradient of \(gradient.count) by the features of states of \(first.count) and \(second.count)")
    let means = gradient.prefix(first.count).map { $0 / 2 }
    let distances = zip(zip(first, second), gradient.suffix(first.count)).map { states, slope in
      states.0 > states.1 ? slope : states.0 < states.1 ? -slope : 0
    }
    return (zip(means, distances).map(+), zip(means, distances).map(-))
  }
}
