import Storage

/// The scores of one arm that were used last, at most `capacity` of them.
///
/// A score that is kept or found goes to the young generation. Where that is full, at half of the capacity, it becomes
/// the old one, and what the old one held is forgotten. So the `capacity / 2` scores used last are always there, nothing
/// is forgotten before more than `capacity / 2` others were used since, and both keeping and finding take O(1)
/// amortised, without a list in the order of use.
struct ScoreMemory {
  /// What a score belongs to: a text by the hash of its bytes, and the model's variant.
  struct Key: Hashable {
    let text: Fingerprint
    let variant: UInt64
  }

  private let generationSize: Int
  private var young: [Key: Double] = [:]
  private var old: [Key: Double] = [:]

  init(capacity: Int) {
    precondition(capacity >= 2, "a memory of \(capacity) scores has no two generations")
    generationSize = capacity / 2
  }

  /// The number of scores, never above the capacity.
  var count: Int { young.count + old.count }

  /// The score of a key, which has been used now; nil where it was never kept, or is forgotten.
  mutating func use(_ key: Key) -> Double? {
    if let score = young[key] { return score }
    guard let score = old[key] else { return nil }
    keep(score, for: key)
    return score
  }

  /// Keeps a score; forgets the old generation where the young one is full.
  mutating func keep(_ score: Double, for key: Key) {
    old[key] = nil
    if young.count == generationSize, young[key] == nil {
      swap(&young, &old)
      young.removeAll(keepingCapacity: true)
    }
    young[key] = score
  }
}
