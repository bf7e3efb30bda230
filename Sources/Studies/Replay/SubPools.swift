/// Which reward models a study puts together: subsets of a pool, in lexicographic order.
public enum SubPools {
  /// No study goes through more sub-pools than these.
  public static let limit = 1000

  /// All sub-pools of the given sizes; the whole pool without sizes.
  ///
  /// - Throws: `StudyError.poolTooLarge`, `StudyError.tooManyPools`, before any is made.
  public static func all(of count: Int, sizes: ClosedRange<Int>?) throws(StudyError) -> [[Int]] {
    guard let sizes else { return [Array(0..<count)] }
    guard sizes.upperBound <= count else { throw .poolTooLarge(size: sizes.upperBound, rewardModels: count) }
    let number = sizes.reduce(0) { saturatingSum($0, binomial(count, $1)) }
    guard number <= limit else { throw .tooManyPools(count: number, limit: limit) }
    return sizes.flatMap { size in (0..<binomial(count, size)).map { subset(rank: $0, size: size, of: count) } }
  }

  /// At most `most` sub-pools of one size, evenly spread over their order, the first and the last among them.
  public static func spread(of count: Int, size: Int, most: Int) -> [[Int]] {
    precondition((1...count).contains(size) && most > 1, "\(most) pools of \(size) out of \(count)")
    let number = binomial(count, size)
    guard number > most else { return (0..<number).map { subset(rank: $0, size: size, of: count) } }
    return (0..<most).map { step in
      let (whole, part) = (number - 1).quotientAndRemainder(dividingBy: most - 1)
      return subset(rank: step * whole + step * part / (most - 1), size: size, of: count)
    }
  }

  /// The subset of 0..<count that has `rank` others before it.
  private static func subset(rank: Int, size: Int, of count: Int) -> [Int] {
    var (rank, element) = (rank, 0)
    var subset: [Int] = []
    while subset.count < size {
      // The subsets that go on with this element.
      let own = binomial(count - element - 1, size - subset.count - 1)
      if rank < own { subset.append(element) } else { rank -= own }
      element += 1
    }
    return subset
  }

  /// n over k; `Int.max` where that is more than an Int holds.
  private static func binomial(_ n: Int, _ k: Int) -> Int {
    guard k >= 0, k <= n else { return 0 }
    var value: UInt = 1
    for i in 0..<min(k, n - k) {
      // The product is divided at full width: it overflows long before n over k does.
      let product = value.multipliedFullWidth(by: UInt(n - i))
      guard product.high <= i else { return .max }
      value = UInt(i + 1).dividingFullWidth(product).quotient
      guard value <= Int.max else { return .max }
    }
    return Int(value)
  }

  private static func saturatingSum(_ one: Int, _ other: Int) -> Int {
    let (sum, overflow) = one.addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
