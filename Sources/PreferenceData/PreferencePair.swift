/// One turn of a conversation.
public struct Message: Codable, Hashable, Sendable {
  public let role: String
  public let content: String

  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }
}

/// What both responses of a pair answer: plain text, or a conversation.
public enum Prompt: Hashable, Sendable {
  case text(String)
  case messages([Message])

  /// The prompt as one text: a conversation as `role: content` lines.
  public var text: String {
    switch self {
    case .text(let text): text
    case .messages(let messages): messages.map { "\($0.role): \($0.content)" }.joined(separator: "\n")
    }
  }
}

/// Names one of the two responses of a pair.
public enum ResponseSide: String, Codable, Hashable, Sendable, CaseIterable {
  case a = "A"
  case b = "B"

  public var other: ResponseSide { self == .a ? .b : .a }
}

/// A prompt with two responses and, where known, which of them is better.
public struct PreferencePair: Hashable, Sendable {
  public let id: String
  /// What kind of task it is, for reports by domain.
  public let domain: String?
  /// Where the pair comes from.
  public let source: String?
  /// Names the pairs that this one must not be parted from where data are split, e.g. judgements of one story by
  /// several aspects; nil where the prompt alone says so.
  public let group: String?
  public let prompt: Prompt
  public let responseA: String
  public let responseB: String
  /// The gold label: the better response; nil where nobody knows.
  public let label: ResponseSide?

  public init(
    id: String, domain: String? = nil, source: String? = nil, group: String? = nil, prompt: Prompt, responseA: String,
    responseB: String, label: ResponseSide?
  ) {
    self.id = id
    self.domain = domain
    self.source = source
    self.group = group
    self.prompt = prompt
    self.responseA = responseA
    self.responseB = responseB
    self.label = label
  }

  public func response(_ side: ResponseSide) -> String {
    side == .a ? responseA : responseB
  }
}
