extension Sequence<Double> {
  /// The middle one of the ascending values, of an even number the upper; 0 of none.
  public var upperMedian: Double {
    let ascending = sorted()
    return ascending.isEmpty ? 0 : ascending[ascending.count / 2]
  }
}
