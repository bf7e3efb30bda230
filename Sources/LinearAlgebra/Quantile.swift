/// The quantile of ascending values: linear interpolation between order statistics, as `numpy.quantile` does. O(1).
///
/// - Precondition: there is a value, and `probability` lies in 0...1.
package func quantile(_ probability: Double, ofAscending values: [Double]) -> Double {
  precondition(!values.isEmpty, "no values, no quantile")
  precondition((0...1).contains(probability), "\(probability) is no probability")
  let position = probability * Double(values.count - 1)
  let index = Int(position)
  guard index + 1 < values.count else { return values[values.count - 1] }
  return values[index] + (position - Double(index)) * (values[index + 1] - values[index])
}
