import Dialogues
import PreferenceData

/// A judge of responses: a higher score is a better answer. Scores are comparable within one model only.
///
/// A score is a function of prompt and response. The pool relies on it: it asks once for each text (see `variant(of:)`).
public protocol RewardModel: Sendable {
  /// Names the model in reports and errors; unique in a pool.
  var name: String { get }

  /// One score a request, in the order of the requests.
  ///
  /// - Throws: whatever keeps the model from scoring all of them. No score may stand for a failure.
  func scores(_ requests: [ScoringRequest]) async throws -> [Double]

  /// One outcome a request, in the order of the requests: its score, or what kept the model from it.
  ///
  /// What a pool asks. By default that of `scores`, all or nothing; a model that asks a server several times for one list
  /// says which part failed. The two responses of a pair stand next to each other, and an implementation that cuts the
  /// list should not cut between them.
  func outcomes(_ requests: [ScoringRequest]) async -> [ScoringOutcome]

  /// How many tokens the model reads to score `request`.
  ///
  /// The default is the estimate of `ScoringRequest.estimatedTokens`; a model that has a tokenizer counts.
  func tokens(in request: ScoringRequest) -> Int

  /// What seems wrong with how the model would read these requests although it can, a line each; by default nothing. Nothing
  /// is scored.
  func warnings(for requests: [ScoringRequest]) -> [String]

  /// Tells requests of equal text apart where the model's score depends on more than the text; by default 0 for all.
  ///
  /// The pool scores two requests once if both text and variant are equal.
  func variant(of request: ScoringRequest) -> UInt64
}

/// A score, or what kept a model from giving it.
public typealias ScoringOutcome = Result<Double, any Error>

extension RewardModel {
  public func outcomes(_ requests: [ScoringRequest]) async -> [ScoringOutcome] {
    do {
      let scores = try await scores(requests)
      guard scores.count == requests.count else {
        throw RewardModelError.wrongScoreCount(model: name, expected: requests.count, found: scores.count)
      }
      return scores.map { .success($0) }
    } catch {
      return requests.map { _ in .failure(error) }
    }
  }

  public func tokens(in request: ScoringRequest) -> Int { request.estimatedTokens }
  public func warnings(for requests: [ScoringRequest]) -> [String] { [] }
  public func variant(of request: ScoringRequest) -> UInt64 { 0 }
}

/// One response that a reward model is to score.
public struct ScoringRequest: Hashable, Sendable {
  /// With `side`, names the response in a dataset: what a recording is looked up by.
  public let pairID: String
  public let side: ResponseSide
  /// What is scored.
  public let dialogue: Dialogue

  public init(pairID: String, side: ResponseSide, dialogue: Dialogue) {
    self.pairID = pairID
    self.side = side
    self.dialogue = dialogue
  }

  public init(_ pair: PreferencePair, side: ResponseSide) {
    self.init(pairID: pair.id, side: side, dialogue: Dialogue(pair, side: side))
  }

  public var response: String { dialogue.response }

  /// Those of A and B.
  public static func both(of pair: PreferencePair) -> [ScoringRequest] {
    ResponseSide.allCases.map { ScoringRequest(pair, side: $0) }
  }

  /// The UTF-8 bytes of prompt (roles and contents of a conversation) and response over four, rounded up.
  ///
  /// Four bytes a token is what byte-pair vocabularies of 32k to 256k entries come to on English prose; code and other
  /// scripts take fewer bytes a token, so there the estimate is low.
  public var estimatedTokens: Int {
    let promptBytes =
      switch dialogue.prompt {
      case .text(let text): text.utf8.count
      case .messages(let messages): messages.reduce(0) { $0 + $1.role.utf8.count + $1.content.utf8.count }
      }
    return (promptBytes + response.utf8.count + 3) / 4
  }
}
