/// The area under the receiver operating characteristic of a score: the chance that it is higher for a positive than for a negative case,
/// equal scores counting one half (the statistic of Mann and Whitney). Nil where one of the two classes is empty.
///
/// O(n log n).
package func areaUnderCurve(_ scores: [Double], isPositive: [Bool]) -> Double? {
  precondition(scores.count == isPositive.count, "\(scores.count) scores of \(isPositive.count) cases")
  let positives = isPositive.count { $0 }
  let negatives = isPositive.count - positives
  guard positives > 0, negatives > 0 else { return nil }
  let order = scores.indices.sorted { scores[$0] < scores[$1] }
  // The sum of the positives' ranks from 1, where equal scores share the mean of theirs.
  var (rankSum, start) = (0.0, 0)
  while start < order.count {
    var end = start
    while end < order.count, scores[order[end]] == scores[order[start]] { end += 1 }
    let rank = Double(start + 1 + end) / 2
    rankSum += rank * Double(order[start..<end].count { isPositive[$0] })
    start = end
  }
  let least = Double(positives) * Double(positives + 1) / 2
  return (rankSum - least) / (Double(positives) * Double(negatives))
}
