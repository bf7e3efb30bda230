import Dialogues
import PreferenceData
import Storage

/// An ordered pool of reward models, the arms, that counts what it asks of them and scores no text twice that it
/// remembers.
///
/// A score is kept for each (arm, prompt and response), by the bytes of the text and not by pair id: a response that
/// occurs in several pairs is scored once by each model. Requests that arrive while their score is still being computed
/// wait for it. A scoring that fails is forgotten, so that the next request tries again; everyone who waited gets the error,
/// never a score in its place.
///
/// The models are called outside the actor's turn: calls overlap where the caller's tasks do. A call that has begun runs to
/// its end even if the task that asked is cancelled, since others may wait for it.
///
/// Memory: at most `capacity` scores an arm, whatever the length of the texts. Where more texts come, the scores that
/// were not used for the longest time are forgotten, but never one of the `capacity / 2` used last, and never one that a
/// call under way will give. A forgotten text costs what a new one costs: the model is asked again, and that is counted.
///
/// Texts are known by 128 bits of hash (`Dialogue.fingerprint`). Two texts of one hash would share a score; that does
/// not happen by chance, though somebody who wants it could make such texts.
public actor MeteredPool {
  /// The models, in arm order.
  public nonisolated let models: [any RewardModel]

  /// The scores that an arm remembers unless told otherwise: about 64 MiB where so many texts came.
  public static let defaultCapacity = 1 << 20

  private typealias Key = ScoreMemory.Key

  private enum Entry {
    case known(Double)
    /// The element of the outcomes that a running call will return.
    case pending(Task<[ScoringOutcome], Never>, index: Int)
  }

  /// A response to score, its text hashed once for all arms.
  private struct Text {
    let request: ScoringRequest
    let fingerprint: Fingerprint
  }

  private struct Batch {
    let arm: Int
    var requests: [ScoringRequest] = []
    var keys: [Key] = []
    /// Where the requests of each pair begin.
    var starts: [Int] = []
  }

  private var meters: [Usage]
  private var memories: [ScoreMemory]
  /// The texts of the calls under way, which are never forgotten.
  private var pending: [[Key: Entry]]

  /// - Parameter capacity: how many scores of each arm are remembered, at least 2.
  /// - Throws: `emptyPool`, `duplicateModel`.
  public init(
    _ models: [any RewardModel], capacity: Int = MeteredPool.defaultCapacity
  ) throws(RewardModelError) {
    if models.isEmpty { throw .emptyPool }
    var names: Set<String> = []
    for model in models where !names.insert(model.name).inserted { throw .duplicateModel(name: model.name) }
    self.models = models
    meters = models.map { _ in Usage() }
    memories = models.map { _ in ScoreMemory(capacity: capacity) }
    pending = models.map { _ in [:] }
  }

  /// What each arm was made to do so far, in arm order.
  public var usage: [Usage] { meters }

  /// The sum over the arms.
  public var totalUsage: Usage { meters.reduce(Usage(), +) }

  /// How many scores of each arm are remembered, in arm order; those of calls under way are not among them.
  package var rememberedScores: [Int] { memories.map(\.count) }

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
    let texts = Self.texts(of: [pair])
    let begun = arms.map { begin(texts, arm: $0) }
    var scores: [ScorePair] = []
    for entries in begun { scores += try await finish(entries).map { try $0.get() } }
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
    await finish(begin(Self.texts(of: pairs), arm: arm))
  }

  /// Takes scores that one arm gave to pairs in an earlier run: their texts are not asked for again, and not counted,
  /// as long as they are remembered.
  ///
  /// A text whose score the pool knows, or waits for, keeps that one.
  public func remember(_ scores: [ScorePair], of pairs: [PreferencePair], arm: Int) {
    precondition(models.indices.contains(arm), "arm \(arm) of a pool of \(models.count) reward models")
    precondition(scores.count == pairs.count, "\(scores.count) scores for \(pairs.count) pairs")
    let known = scores.flatMap { [$0.a, $0.b] }
    for (text, score) in zip(Self.texts(of: pairs), known) {
      let key = key(text, arm: arm)
      if entry(key, arm: arm) == nil { memories[arm].keep(score, for: key) }
    }
  }

  /// Both responses of each pair, A's first.
  private static func texts(of pairs: [PreferencePair]) -> [Text] {
    pairs.flatMap(ScoringRequest.both).map { Text(request: $0, fingerprint: $0.dialogue.fingerprint) }
  }

  /// The entries of texts, two a pair; starts a call for those that are neither remembered nor under way.
  private func begin(_ texts: [Text], arm: Int) -> [Entry] {
    precondition(models.indices.contains(arm), "arm \(arm) of a pool of \(models.count) reward models")
    var batch = Batch(arm: arm)
    var keys: [Key] = []
    // What was found is held here: to use one score may make the memory forget another one of this list.
    var found: [Key: Entry] = [:]
    var positions: [Key: Int] = [:]
    for first in stride(from: 0, to: texts.count, by: 2) {
      let before = batch.requests.count
      for text in texts[first..<first + 2] {
        let key = key(text, arm: arm)
        keys.append(key)
        guard found[key] == nil, positions[key] == nil else { continue }
        if let entry = entry(key, arm: arm) {
          found[key] = entry
        } else {
          positions[key] = batch.requests.count
          batch.requests.append(text.request)
          batch.keys.append(key)
        }
      }
      if batch.requests.count > before { batch.starts.append(before) }
    }
    if !batch.requests.isEmpty {
      let call = Task { [batch] in await run(batch) }
      for (key, index) in positions { found[key] = .pending(call, index: index) }
      for key in batch.keys { pending[arm][key] = found[key] }
    }
    return keys.compactMap { found[$0] }
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

  /// Asks the model, counts, and turns pending entries into remembered scores, or into nothing after a failure.
  private func run(_ batch: Batch) async -> [ScoringOutcome] {
    let model = models[batch.arm]
    let clock = ContinuousClock()
    let start = clock.now
    let outcomes = Self.checked(await model.outcomes(batch.requests), of: batch.requests, by: model.name)
    var usage = Usage(calls: batch.starts.count, seconds: start.duration(to: clock.now) / .seconds(1))
    for (index, outcome) in outcomes.enumerated() {
      pending[batch.arm][batch.keys[index]] = nil
      guard case .success(let score) = outcome else { continue }
      memories[batch.arm].keep(score, for: batch.keys[index])
      usage.scores += 1
      usage.tokens += model.tokens(in: batch.requests[index])
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

  private func key(_ text: Text, arm: Int) -> Key {
    Key(text: text.fingerprint, variant: models[arm].variant(of: text.request))
  }

  /// The score of a text, or the call that will give it; nil where it has to be asked for.
  private func entry(_ key: Key, arm: Int) -> Entry? {
    pending[arm][key] ?? memories[arm].use(key).map { .known($0) }
  }
}
