import PreferenceData

/// Each model votes for the response that it scores strictly higher; a model whose scores are equal, or that failed, abstains. Equal numbers
/// of votes are a tie. Votes need no common scale.
public struct MajorityVote: Ensemble {
  public let name = "majority vote"

  public init() {}

  public func verdict(scores: [ScorePair?]) -> Verdict {
    precondition(scores.contains { $0 != nil }, "a vote takes at least one reward model")
    var lead = 0
    for score in scores {
      switch score?.preferred {
      case .a: lead += 1
      case .b: lead -= 1
      case nil: break
      }
    }
    return lead > 0 ? .preferred(.a) : lead < 0 ? .preferred(.b) : .tie
  }
}
