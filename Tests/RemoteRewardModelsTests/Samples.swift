import Dialogues
import Foundation
import PreferenceData
import RemoteRewardModels
import RewardModels
import Storage
import Testing

enum Samples {
  /// Pair `p0` of responses `a 0`, `b 0`, and so on: two requests a pair, side by side.
  static func requests(pairs: Int) -> [ScoringRequest] {
    (0..<pairs).flatMap { number in
      ["A", "B"].compactMap(ResponseSide.init).map { side in
        ScoringRequest(
          pairID: "p\(number)", side: side,
          dialogue: Dialogue(prompt: .text("question \(number)"), response: "\(side.rawValue) \(number)"))
      }
    }
  }

  /// The text that the published router's format makes of a request.
  static func text(_ request: ScoringRequest) -> String {
    RouterTemplate.text(of: request.dialogue)
  }

  static func scores(_ requests: [ScoringRequest], model: String = "rm") -> [Double] {
    requests.map { FaultyServer.score(model: model, text: text($0)) }
  }

  /// Begins each text with the token `<s>`.
  static func template(beginning: String = "{{ bos_token }}") throws -> ChatTemplate {
    try ChatTemplate(
      beginning
        + "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}\n{% endfor %}"
        + "{% if add_generation_prompt %}<|assistant|>{% endif %}",
      name: "template", specialTokens: ["bos_token": "<s>"])
  }

  static func fixture(_ name: String) throws -> [UInt8] {
    let folder = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
    return try AtomicFile.read(folder.appendingPathComponent("\(name).json"))
  }

  /// A model with delays in milliseconds.
  static func model(
    _ dialect: ServerDialect, url: String, format: TextFormat? = .router, token: BearerToken? = nil,
    limits: CallLimits = CallLimits(timeout: .seconds(20)), retries: Int = 2,
    breaker: CircuitBreakerConfiguration = CircuitBreakerConfiguration(failures: 1000)
  ) throws -> HTTPRewardModel {
    try HTTPRewardModel(
      name: "judge",
      configuration: HTTPRewardModel.Configuration(
        url: url, dialect: dialect, model: "org/rm", format: format, token: token, limits: limits,
        retry: RetryPolicy(retries: retries, firstDelay: .milliseconds(2), longestDelay: .milliseconds(10)),
        breaker: breaker, seed: 7))
  }
}

extension Result {
  var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}
