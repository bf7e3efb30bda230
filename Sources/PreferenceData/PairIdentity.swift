import Storage

/// Hashes that tell a pair, its prompt and its group from others without holding their texts. 64 bits each: of a
/// million pairs two are taken for one with a probability of 3e-8.
public struct PairIdentity: Hashable, Sendable {
  public let prompt: UInt64
  /// The hash of the prompt and both responses, in whichever order; not of the label.
  public let pair: UInt64
  /// The hash of the group's name; nil for a pair without one.
  public let group: UInt64?

  public init(_ pair: PreferencePair) {
    func hash(_ text: String) -> Fingerprint { Fingerprint(Array(text.utf8)) }
    let prompt = hash(pair.prompt.simplified.text)
    let responses = [pair.responseA, pair.responseB].map(hash).sorted { ($0.high, $0.low) < ($1.high, $1.low) }
    self.prompt = prompt.high
    group = pair.group.map { hash($0).high }
    self.pair = responses.reduce(prompt) { $0.combined(with: $1) }.high
  }
}
