import PreferenceData
import RewardModels
import Routing

/// Who labels a pair: one reward model, or all of them together. This is where O(1) and O(N) part.
public enum LabelSource: Sendable {
  /// The first of these reward models, by its arm; where it fails the pair, the next one for the whole pair. One call, and one
  /// more for each failure.
  case arms([Int])
  /// Every reward model of the pool: N calls. Those that fail are left out.
  case ensemble(any Ensemble)

  /// One reward model and no other.
  public static func arm(_ arm: Int) -> LabelSource { .arms([arm]) }

  /// The reward model that a router chose, and after it the others in the order of their scores.
  public static func routed(_ decision: Decision) -> LabelSource {
    .arms([decision.arm] + decision.armsByScore.filter { $0 != decision.arm })
  }
}

/// A reward model's failure to score a pair.
public struct ArmFailure: Sendable, Hashable, Codable {
  public let arm: Int
  public let rewardModel: String
  /// The error's text.
  public let problem: String

  public init(arm: Int, rewardModel: String, problem: String) {
    self.arm = arm
    self.rewardModel = rewardModel
    self.problem = problem
  }
}

/// A pair's label as reward models gave it.
public struct Annotation: Sendable, Equatable {
  public let verdict: Verdict
  /// The reward model that gave both scores; nil for an ensemble.
  public let arm: Int?
  /// The scores behind the verdict; nil for an ensemble.
  public let scores: ScorePair?
  /// The reward models that failed the pair, in the order in which they were asked.
  public let failures: [ArmFailure]

  /// Whether all reward models were asked.
  public var fromEnsemble: Bool { arm == nil }

  /// Expected agreement with the gold label: a single model's tie counts what the rule says, one half by default; an
  /// ensemble's is broken by a coin and counts one half by either rule.
  public func correctness(label: ResponseSide, ties: TieRule = .half) -> Double {
    verdict == .tie && !fromEnsemble ? ties.worth : verdict.correctness(label: label)
  }
}

/// Labels preference pairs with reward models: asks one, or all, as the label source says.
///
/// A router decides before it and never sees a score; a pool counts behind it and never sees a decision. Both scores of a
/// comparison come from one reward model: where one response cannot be scored, the pair goes to the next model as a whole.
public struct PreferenceAnnotator: Sendable {
  public let pool: MeteredPool

  public init(pool: MeteredPool) {
    self.pool = pool
  }

  /// The label of one pair; 1 call for `.arm`, N calls for `.ensemble`, fewer where a text was scored before.
  ///
  /// - Throws: `AlignmentError.nobodyLabels`.
  public func annotate(_ pair: PreferencePair, by source: LabelSource) async throws -> Annotation {
    try await annotate([pair], by: [source])[0]
  }

  /// The labels of several pairs, in their order. Each reward model gets all of its pairs in one request, and the models
  /// work side by side.
  ///
  /// - Throws: `AlignmentError.nobodyLabels` for the first pair that every reward model of its source failed. What was scored
  ///   stays in the pool, so that another try asks for the rest alone.
  public func annotate(_ pairs: [PreferencePair], by sources: [LabelSource]) async throws -> [Annotation] {
    precondition(pairs.count == sources.count, "\(pairs.count) pairs against \(sources.count) label sources")
    var answers = [Answers](repeating: Answers(), count: pairs.count)
    while true {
      // What is still wanted: each pair's next reward model, or all of them.
      var wanted: [Int: [Int]] = [:]
      for (index, source) in sources.enumerated() {
        for arm in answers[index].missing(source, armCount: pool.models.count) {
          wanted[arm, default: []].append(index)
        }
      }
      guard !wanted.isEmpty else { break }
      for (arm, outcomes) in await ask(wanted, pairs) {
        for (index, outcome) in zip(wanted[arm] ?? [], outcomes) { answers[index].record(outcome, of: arm) }
      }
    }
    return try zip(zip(pairs, sources), answers).map { try annotation(of: $0.0, by: $0.1, $1) }
  }

  /// The outcomes of each reward model's pairs; all models at once. A model alone needs no task of its own.
  private func ask(
    _ wanted: [Int: [Int]], _ pairs: [PreferencePair]
  ) async -> [(arm: Int, outcomes: [Result<ScorePair, any Error>])] {
    if wanted.count == 1, let (arm, indices) = wanted.first {
      return [(arm, await pool.outcomes(of: indices.map { pairs[$0] }, arm: arm))]
    }
    return await withTaskGroup(of: (arm: Int, outcomes: [Result<ScorePair, any Error>]).self) { group in
      for (arm, indices) in wanted.sorted(by: { $0.key < $1.key }) {
        group.addTask { (arm, await pool.outcomes(of: indices.map { pairs[$0] }, arm: arm)) }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
  }

  private func annotation(of pair: PreferencePair, by source: LabelSource, _ answers: Answers) throws -> Annotation {
    let order: [Int]
    switch source {
    case .arms(let arms): order = arms
    case .ensemble: order = Array(pool.models.indices)
    }
    let failures = order.compactMap { arm in
      answers.problems[arm].map { ArmFailure(arm: arm, rewardModel: pool.models[arm].name, problem: $0) }
    }
    guard let arm = order.first(where: { answers.scores[$0] != nil }), let scores = answers.scores[arm] else {
      throw AlignmentError.nobodyLabels(pairID: pair.id, failures: failures)
    }
    switch source {
    case .arms:
      return Annotation(verdict: Verdict(scores), arm: arm, scores: scores, failures: failures)
    case .ensemble(let ensemble):
      let verdict = ensemble.verdict(scores: order.map { answers.scores[$0] })
      return Annotation(verdict: verdict, arm: nil, scores: nil, failures: failures)
    }
  }
}

/// What the reward models said of one pair so far.
private struct Answers {
  private(set) var scores: [Int: ScorePair] = [:]
  private(set) var problems: [Int: String] = [:]

  mutating func record(_ outcome: Result<ScorePair, any Error>, of arm: Int) {
    switch outcome {
    case .success(let scores): self.scores[arm] = scores
    case .failure(let error): problems[arm] = "\(error)"
    }
  }

  /// The arms to ask next; none once the source has its answer, or nobody is left.
  func missing(_ source: LabelSource, armCount: Int) -> [Int] {
    func isUnasked(_ arm: Int) -> Bool { scores[arm] == nil && problems[arm] == nil }
    switch source {
    case .arms(let arms): return scores.isEmpty ? Array(arms.filter(isUnasked).prefix(1)) : []
    case .ensemble: return (0..<armCount).filter(isUnasked)
    }
  }
}
