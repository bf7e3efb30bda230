/// Two disjoint sets of pairs, as ascending indices.
public struct PairSplit: Hashable, Sendable {
  public let training: [Int]
  public let heldOut: [Int]
}

/// Pairs that must not be parted, and splits that keep each group of them together, so that nothing on one side is
/// known from the other.
///
/// A pair belongs to the group that its data names, where they name one, else to the pairs of its prompt. Data may name
/// groups for some pairs alone: a pair without a group whose prompt a grouped pair has joins that group, the first one
/// where several groups have the prompt. Two groups of one prompt stay two, because the data say so. A conversation of
/// one user message is the same prompt as its text.
public struct PairGroups: Hashable, Sendable {
  /// Ascending pair indices, groups in order of their first pair.
  public let groups: [[Int]]

  /// O(pairs).
  public init(_ pairs: [PreferencePair]) {
    var groupOfPrompt: [Prompt: String] = [:]
    for pair in pairs {
      guard let group = pair.group else { continue }
      let prompt = pair.prompt.simplified
      if groupOfPrompt[prompt] == nil { groupOfPrompt[prompt] = group }
    }
    var numberOf: [Key: Int] = [:]
    var groups: [[Int]] = []
    for (index, pair) in pairs.enumerated() {
      let prompt = pair.prompt.simplified
      let key = (pair.group ?? groupOfPrompt[prompt]).map(Key.group) ?? .prompt(prompt)
      if let number = numberOf[key] {
        groups[number].append(index)
      } else {
        numberOf[key] = groups.count
        groups.append([index])
      }
    }
    self.groups = groups
  }

  /// What the pairs of one group have in common.
  private enum Key: Hashable {
    case group(String)
    case prompt(Prompt)
  }

  /// The number of each pair's group.
  public var groupOfPair: [Int] {
    var numbers = [Int](repeating: 0, count: groups.reduce(0) { $0 + $1.count })
    for (number, pairs) in groups.enumerated() { for pair in pairs { numbers[pair] = number } }
    return numbers
  }

  /// Holds out about this fraction of the pairs.
  ///
  /// The groups are shuffled; those at the front are held out, as many as bring the number of pairs closest to
  /// `fraction * pairs`, so it is off by at most half the largest group where both sides can be non-empty.
  ///
  /// - Throws: `PreferenceDataError` for a fraction outside (0, 1) or fewer than two groups.
  public func split(
    heldOut fraction: Double, using generator: inout some RandomNumberGenerator
  ) throws -> PairSplit {
    guard fraction > 0, fraction < 1 else { throw PreferenceDataError.fractionOutOfRange(fraction) }
    guard groups.count >= 2 else { throw PreferenceDataError.tooFewGroups(found: groups.count, needed: 2) }
    let shuffled = shuffledGroups(using: &generator)
    let target = fraction * Double(groups.reduce(0) { $0 + $1.count })
    var best = (count: 1, distance: Double.infinity)
    var pairs = 0
    for (index, group) in shuffled.dropLast().enumerated() {
      pairs += group.count
      let distance = abs(Double(pairs) - target)
      if distance < best.distance { best = (index + 1, distance) }
    }
    return PairSplit(
      training: shuffled[best.count...].joined().sorted(), heldOut: shuffled[..<best.count].joined().sorted())
  }

  /// k-fold cross-validation: each pair is held out exactly once.
  ///
  /// The groups are shuffled and each goes to the fold with the fewest pairs, so folds differ by at most the largest
  /// group.
  ///
  /// - Throws: `PreferenceDataError` for fewer than two folds or fewer groups than folds.
  public func folds(_ count: Int, using generator: inout some RandomNumberGenerator) throws -> [PairSplit] {
    guard count >= 2 else { throw PreferenceDataError.tooFewFolds(count) }
    guard groups.count >= count else {
      throw PreferenceDataError.tooFewGroups(found: groups.count, needed: count)
    }
    var heldOut = [[Int]](repeating: [], count: count)
    for group in shuffledGroups(using: &generator) {
      let fewest = heldOut.indices.min { heldOut[$0].count < heldOut[$1].count } ?? 0
      heldOut[fewest] += group
    }
    return heldOut.indices.map { fold in
      let others = heldOut.indices.filter { $0 != fold }
      return PairSplit(training: others.flatMap { heldOut[$0] }.sorted(), heldOut: heldOut[fold].sorted())
    }
  }

  private func shuffledGroups(using generator: inout some RandomNumberGenerator) -> [[Int]] {
    var shuffled = groups
    shuffled.shuffleReproducibly(using: &generator)
    return shuffled
  }
}

extension Prompt {
  /// A conversation of one user message as its text; anything else unchanged.
  var simplified: Prompt {
    if case .messages(let messages) = self, messages.count == 1, messages[0].role == "user" {
      return .text(messages[0].content)
    }
    return self
  }
}
