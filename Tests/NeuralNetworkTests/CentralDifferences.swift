/// The gradient of `loss` at `x` by central differences, (f(x + s) - f(x - s)) / 2s in each element with s = 1e-4: off by
/// s^2 f''' / 6, about 1e-8, and by roundings of 1e-16 / s.
func centralDifferences(_ x: Rows, _ loss: (Rows) -> Double) -> Rows {
  let step = 1e-4
  var moved = x
  return x.indices.map { i in
    x[i].indices.map { j in
      moved[i][j] = x[i][j] + step
      let above = loss(moved)
      moved[i][j] = x[i][j] - step
      let below = loss(moved)
      moved[i][j] = x[i][j]
      return (above - below) / (2 * step)
    }
  }
}

/// sum_ij a_ij b_ij.
func inner(_ a: Rows, _ b: Rows) -> Double {
  zip(a, b).reduce(0) { $0 + zip($1.0, $1.1).reduce(0) { $0 + $1.0 * $1.1 } }
}
