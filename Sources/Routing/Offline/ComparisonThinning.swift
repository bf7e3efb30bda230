import Randomness

/// Thinning of comparisons so that each arm wins as often as it loses, with as few deleted as can be.
///
/// A comparison is an edge winner -> loser. Deleting the edges of a path takes one win from the arm where it begins and one loss from
/// the arm where it ends, and changes no balance between: the fewest deletions are a minimum-cost flow of unit costs from arms
/// that win too often to arms that lose too often, found by successive shortest paths (Bellman-Ford, since deletions may be
/// taken back).
///
/// An arm that only wins, or only loses, has no balance but the empty one. Such arms, and those that become so without them, are
/// exempt: their comparisons all stay.
///
/// - Complexity: O(paths x N^3) for N arms, after counting.
///
/// Source: Ahuja, Magnanti & Orlin, Network Flows, 1993, section 9.7.
package struct ComparisonThinning {
  let armCount: Int
  /// `deletions[winner][loser]`.
  package private(set) var deletions: [[Int]]
  /// Arms that never lose, and arms that never win, against those that are balanced.
  package private(set) var alwaysWinning: [Int] = []
  package private(set) var alwaysLosing: [Int] = []

  package init(_ comparisons: [ArmComparison], armCount: Int) {
    self.armCount = armCount
    deletions = [[Int]](repeating: [Int](repeating: 0, count: armCount), count: armCount)
    var counts = deletions
    for comparison in comparisons { counts[comparison.winner][comparison.loser] += 1 }
    exempt(&counts)
    balance(counts)
  }

  private mutating func exempt(_ counts: inout [[Int]]) {
    while true {
      let wins = counts.map { $0.reduce(0, +) }
      let losses = (0..<armCount).map { arm in counts.reduce(0) { $0 + $1[arm] } }
      let winning = (0..<armCount).filter { wins[$0] > 0 && losses[$0] == 0 }
      let losing = (0..<armCount).filter { wins[$0] == 0 && losses[$0] > 0 }
      guard !winning.isEmpty || !losing.isEmpty else { return }
      alwaysWinning += winning
      alwaysLosing += losing
      for arm in winning + losing {
        for other in 0..<armCount {
          counts[arm][other] = 0
          counts[other][arm] = 0
        }
      }
    }
  }

  private mutating func balance(_ counts: [[Int]]) {
    var surplus = (0..<armCount).map { arm in
      counts[arm].reduce(0, +) - counts.reduce(0) { $0 + $1[arm] }
    }
    while let path = shortestPath(counts, surplus: surplus), let first = path.first, let last = path.last {
      let steps = zip(path, path.dropFirst())
      var amount = min(surplus[first], -surplus[last])
      for (from, to) in steps { amount = min(amount, capacity(counts, from, to)) }
      for (from, to) in steps {
        // A deletion that is taken back costs less than a new one, so it is what the path meant where there is one.
        let undone = min(amount, deletions[to][from])
        deletions[to][from] -= undone
        deletions[from][to] += amount - undone
      }
      surplus[first] -= amount
      surplus[last] += amount
    }
  }

  /// How much a path may carry over a step: deletions that can be taken back come first, and alone.
  private func capacity(_ counts: [[Int]], _ from: Int, _ to: Int) -> Int {
    deletions[to][from] > 0 ? deletions[to][from] : counts[from][to] - deletions[from][to]
  }

  /// A cheapest path from an arm that wins too often to one that loses too often; nil where all are balanced.
  private func shortestPath(_ counts: [[Int]], surplus: [Int]) -> [Int]? {
    let unreached = Int.max / 2
    var distance = surplus.map { $0 > 0 ? 0 : unreached }
    var previous = [Int?](repeating: nil, count: armCount)
    for _ in 0..<armCount {
      var isChanged = false
      for from in 0..<armCount where distance[from] < unreached {
        for to in 0..<armCount where capacity(counts, from, to) > 0 {
          let next = distance[from] + (deletions[to][from] > 0 ? -1 : 1)
          if next < distance[to] {
            (distance[to], previous[to], isChanged) = (next, from, true)
          }
        }
      }
      if !isChanged { break }
    }
    let ends = (0..<armCount).filter { surplus[$0] < 0 && distance[$0] < unreached }
    guard let end = ends.min(by: { distance[$0] < distance[$1] }) else { return nil }
    var path = [end]
    while let before = previous[path[path.count - 1]] { path.append(before) }
    return path.reversed()
  }

  /// The comparisons that stay, as `[sample][comparison]`: which of equal ones go is drawn.
  package func apply(
    to comparisons: [[ArmComparison]], using generator: inout PhiloxGenerator
  ) -> [[ArmComparison]] {
    var samples: [ArmComparison: [Int]] = [:]
    for (sample, own) in comparisons.enumerated() {
      for comparison in own { samples[comparison, default: []].append(sample) }
    }
    var dropped: [ArmComparison: Set<Int>] = [:]
    for winner in 0..<armCount {
      for loser in 0..<armCount where deletions[winner][loser] > 0 {
        let comparison = ArmComparison(winner: winner, loser: loser)
        let list = samples[comparison] ?? []
        let order = generator.permutation(list.count)
        dropped[comparison] = Set(order.prefix(deletions[winner][loser]).map { list[$0] })
      }
    }
    return comparisons.enumerated().map { sample, own in
      own.filter { dropped[$0]?.contains(sample) != true }
    }
  }
}
