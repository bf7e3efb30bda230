/// Where long work stands. Libraries tell it to a callback; programs draw it.
public struct WorkProgress: Sendable, Equatable {
  /// What is being done, e.g. "accuracy".
  public let stage: String
  public let done: Int
  public let total: Int
  /// What is counted, in the plural.
  public let unit: String
  /// The state of the work in a few words, e.g. its loss.
  public let note: String?

  public init(_ stage: String, done: Int, of total: Int, unit: String, note: String? = nil) {
    self.stage = stage
    self.done = done
    self.total = total
    self.unit = unit
    self.note = note
  }
}
