import Dialogues
import PreferenceData

/// An ordered pool of reward models, the arms, that counts what it asks of them and scores no text twice.
///
/// A score is kept for each (arm, prompt and response), by the bytes of the text and not by pair id: a response that
/// occurs in several pairs is scored once by each model. Requests that arrive while their score is still being computed
/// wait for it. A scoring that fails is forgotten, so that the next request tries again; everyone who waited gets the error,
/// never a score in its place.
///
/// The models are called outside the actor's turn: calls overlap where the caller's tasks do. A call that has begun runs to
/// its end even if the task that asked is cancelled, since others may wait for it.
///
/// Memory: one entry for each scored (arm, text), and the strings of each distinct text.
public actor MeteredPool {
  /// The models, in arm order.
  public nonisolated let models: [any RewardModel]

  private enum Entry {
    case known(Double)
    /// The element of the outcomes that a running call will return.
    case pending(Task<[ScoringOutcome], Never>, index: Int)
  }

  private struct Key: Hashable {
    let text: Int
    let variant: UInt64
  }

  private struct Batch {
    let arm: Int
    var requests: [ScoringRequest] = []
    var keys: [Key] = []
    /// Where the requests of each pair begin.
    var starts: [Int] = []
  }

  private var meters: [Usage]
  private var entries: [[Key: Entry]]
  /// Numbers each distinct text, so that its bytes are hashed once a request and not once a model.
  private var textNumbers: [Dialogue: Int] = [:]

  /// - Throws: `emptyPool`, `duplicateModel`.
  public init(_ models: [any RewardModel]) throws(RewardModelError) {
    if models.isEmpty { throw .emptyPool }
    var names: Set<String> = []
    for model in models where !names.insert(model.name).inserted { throw .duplicateModel(name: model.name) }
    self.models = models
    meters = models.map { _ in Usage() }
    entries = models.map { _ in [:] }
  }

  /// What each arm was made to do so far, in arm order.
  public var usage: [Usage] { meters }

  /// The sum over the arms.
  public var totalUsage: Usage { meters.reduce(Usage(), +) }

  /// The scores of one arm for a pair.
  ///
  /// - Throws: what the model throws, `wrongScoreCount`, `scoreNotFinite`.
  public func scores(of pair: PreferencePair, arm: Int) async throws -> ScorePair {
    try await scores(of: [pair], arm: arm)[0]
  }

  /// The scores of some arms for a pair, in the order of `arms`. The models run concurrently.
  ///
  /// - Throws: what a model throws, `wrongScoreCount`, `scoreNotFinite`; then nothing is returned, though what the other
  ///   arms score is kept and counted.
  public func scores(of pair: PreferencePair, arms: some Sequence<Int>) async throws -> [ScorePair] {
    // All calls begin before the first is waited for.
    let pending = arms.map { begin([pair], arm: $0) }
    var scores: [ScorePair] = []
    for entries in pending { scores += try await finish(entries).map { try $0.get() } }
    return scores
  }

  /// The scores of one arm for several pairs, in their order: one request to the model for all texts that are new.
  ///
  /// - Throws: what the model throws, `wrongScoreCount`, `scoreNotFinite`, for the first pair that it failed.
  public func scores(of pairs: [PreferencePair], arm: Int) async throws -> [ScorePair] {
    try await outcomes(of: pairs, arm: arm).map { try $0.get() }
  }

  /// The scores of one arm for several pairs, in their order, or what kept the model from a pair: one request to the
  /// model for all texts that are new. A pair is scored only where both of its responses are.
  public func outcomes(of pairs: [PreferencePair], arm: Int) async -> [Result<ScorePair, any Error>] {
    await finish(begin(pairs, arm: arm))
  }

  /// Takes scores that one arm gave to pairs in an earlier run: their texts are not asked for again, and not counted.
  ///
  /// A text whose score the pool knows, or waits for, keeps that one.
  public func remember(_ scores: [ScorePair], of pairs: [PreferencePair], arm: Int) {
    precondition(models.indices.contains(arm), "arm \(arm) of a pool of \(models.count) reward models")
    precondition(scores.count == pairs.count, "\(scores.count) scores for \(pairs.count) pairs")
    for (pair, score) in zip(pairs, scores) {
      for side in ResponseSide.allCases {
        let key = key(ScoringRequest(pair, side: side), arm: arm)
        if entries[arm][key] == nil { entries[arm][key] = .known(score[side]) }
      }
    }
  }

  /// The entries of both responses of each pair; starts a call for those that are not there.
  private func begin(_ pairs: [PreferencePair], arm: Int) -> [Entry] {
    precondition(models.indices.contains(arm), "arm \(arm) of a pool of \(models.count) reward models")
    var batch = Batch(arm: arm)
    var keys: [Key] = []
    var positions: [Key: Int] = [:]
    for pair in pairs {
      let before = batch.requests.count
      for side in ResponseSide.allCases {
        let request = ScoringRequest(pair, side: side)
        let key = key(request, arm: arm)
        keys.append(key)
        guard entries[arm][key] == nil, positions[key] == nil else { continue }
        positions[key] = batch.requests.count
        batch.requests.append(request)
        batch.keys.append(key)
      }
      if batch.requests.count > before { batch.starts.append(before) }
    }
    if !batch.requests.isEmpty {
      let call = Task { [batch] in await run(batch) }
      for (index, key) in batch.keys.enumerated() { entries[arm][key] = .pending(call, index: index) }
    }
    return keys.compactMap { entries[arm][$0] }
  }

  /// Waits for the scores of `entries`, two a pair.
  private func finish(_ entries: [Entry]) async -> [Result<ScorePair, any Error>] {
    var outcomes: [ScoringOutcome] = []
    outcomes.reserveCapacity(entries.count)
    for entry in entries {
      switch entry {
      case .known(let score): outcomes.append(.success(score))
      case .pending(let call, let index): outcomes.append(await call.value[index])
      }
    }
    return stride(from: 0, to: outcomes.count, by: 2).map { first in
      Result { ScorePair(a: try outcomes[first].get(), b: try outcomes[first + 1].get()) }
    }
  }

  /// Asks the model, counts, and turns pending entries into known ones, or into none after a failure.
  private func run(_ batch: Batch) async -> [ScoringOutcome] {
    let model = models[batch.arm]
    let clock = ContinuousClock()
    let start = clock.now
    let outcomes = Self.checked(await model.outcomes(batch.requests), of: batch.requests, by: model.name)
    var usage = Usage(calls: batch.starts.count, seconds: start.duration(to: clock.now) / .seconds(1))
    for (index, outcome) in outcomes.enumerated() {
      switch outcome {
      case .success(let score):
        entries[batch.arm][batch.keys[index]] = .known(score)
        usage.scores += 1
        usage.tokens += model.tokens(in: batch.requests[index])
      case .failure: entries[batch.arm][batch.keys[index]] = nil
      }
    }
    let ends = batch.starts.dropFirst() + [outcomes.count]
    usage.failures = zip(batch.starts, ends).count { start, end in
      outcomes[start..<end].contains { if case .failure = $0 { true } else { false } }
    }
    meters[batch.arm] += usage
    return outcomes
  }

  private static func checked(
    _ outcomes: [ScoringOutcome], of requests: [ScoringRequest], by model: String
  ) -> [ScoringOutcome] {
    guard outcomes.count == requests.count else {
      let error = RewardModelError.wrongScoreCount(model: model, expected: requests.count, found: outcomes.count)
      return requests.map { _ in .failure(error) }
    }
    return zip(outcomes, requests).map { outcome, request in
      outcome.flatMap { score in
        score.isFinite
          ? .success(score)
          : .failure(
            RewardModelError.scoreNotFinite(
              model: model, pairID: request.pairID, side: request.side, value: "\(score)"))
      }
    }
  }

  private func key(_ request: ScoringRequest, arm: Int) -> Key {
    Key(text: number(request.dialogue), variant: models[arm].variant(of: request))
  }

  private func number(_ text: Dialogue) -> Int {
    if let number = textNumbers[text] { return number }
    textNumbers[text] = textNumbers.count
    return textNumbers.count - 1
  }
}
