import Foundation
import PreferenceData

/// The pairs that a router was trained on and chosen by, as hashes: what is judged on them is judged by memory.
public struct RouterPairs: Sendable, Equatable {
  private let training: Set<UInt64>
  private let validation: Set<UInt64>
  /// The prompts of both, and the groups of those that have one.
  private let prompts: Set<UInt64>
  private let groups: Set<UInt64>

  /// - Parameter validation: the pairs that named the best epoch, if any did.
  public init(training: RewardModelBehavior, validation: RewardModelBehavior?) {
    let validating = validation?.identities ?? []
    self.training = Set(training.identities.map(\.pair))
    self.validation = Set(validating.map(\.pair))
    let all = training.identities + validating
    prompts = Set(all.map(\.prompt))
    groups = Set(all.compactMap(\.group))
  }

  /// The pairs that an online router has learnt from, and those of the router that gave its prior.
  public init(training pairs: [PreferencePair], prior: RouterPairs? = nil) {
    let identities = pairs.map(PairIdentity.init)
    training = Set(identities.map(\.pair)).union(prior?.training ?? [])
    validation = prior?.validation ?? []
    prompts = Set(identities.map(\.prompt)).union(prior?.prompts ?? [])
    groups = Set(identities.compactMap(\.group)).union(prior?.groups ?? [])
  }

  /// How many pairs of a set are new to the router.
  public struct Overlap: Sendable, Equatable, Codable {
    public fileprivate(set) var trained = 0
    public fileprivate(set) var validated = 0
    /// Further pairs whose prompt it has seen with other responses, or whose group it has seen.
    public fileprivate(set) var samePrompt = 0
    public fileprivate(set) var unseen = 0

    public var seen: Int { trained + validated + samePrompt }

    /// What to know before believing figures of these pairs; nil where all are new.
    public var warning: String? {
      guard seen > 0 else { return nil }
      let parts = [
        (trained, "it was trained on"), (validated, "its best epoch was chosen by"),
        (samePrompt, "share a prompt or a group with those"),
      ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
      return
        "the router knows \(seen) of these \(seen + unseen) pairs (\(parts.joined(separator: ", "))): figures on them are those "
        + "of memory"
    }
  }

  public func overlap(with pairs: [PreferencePair]) -> Overlap {
    pairs.reduce(into: Overlap()) { overlap, pair in
      let identity = PairIdentity(pair)
      if training.contains(identity.pair) {
        overlap.trained += 1
      } else if validation.contains(identity.pair) {
        overlap.validated += 1
      } else if haveSeen(identity) {
        overlap.samePrompt += 1
      } else {
        overlap.unseen += 1
      }
    }
  }

  /// Whether training or validation had the pair's prompt or group.
  public func haveSeen(_ pair: PreferencePair) -> Bool { haveSeen(PairIdentity(pair)) }

  private func haveSeen(_ identity: PairIdentity) -> Bool {
    prompts.contains(identity.prompt) || identity.group.map { groups.contains($0) } ?? false
  }
}

/// Texts of 16 hexadecimal digits a hash, ascending: a manifest stays one that people can open. That of the groups is
/// missing where no pair has one, as in manifests from before there were groups.
extension RouterPairs: Codable {
  private enum CodingKeys: String, CodingKey { case training, validation, prompts, groups }
  private static let digits = 16

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func hashes(_ key: CodingKeys) throws -> Set<UInt64> {
      let text = Array(try container.decode(String.self, forKey: key).utf8)
      return Set(
        try stride(from: 0, to: text.count, by: Self.digits).map { begin in
          let word = text[begin..<min(begin + Self.digits, text.count)]
          guard word.count == Self.digits, let hash = UInt64(String(decoding: word, as: UTF8.self), radix: 16) else {
            throw DecodingError.dataCorruptedError(
              forKey: key, in: container, debugDescription: "'pairs.\(key.stringValue)' is no list of hashes")
          }
          return hash
        })
    }
    (training, validation, prompts) = (try hashes(.training), try hashes(.validation), try hashes(.prompts))
    groups = container.contains(.groups) ? try hashes(.groups) : []
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    var lists = [(CodingKeys.training, training), (.validation, validation), (.prompts, prompts)]
    if !groups.isEmpty { lists.append((.groups, groups)) }
    for (key, hashes) in lists {
      let words = hashes.sorted().map { hash in
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: Self.digits - digits.count) + digits
      }
      try container.encode(words.joined(), forKey: key)
    }
  }
}
