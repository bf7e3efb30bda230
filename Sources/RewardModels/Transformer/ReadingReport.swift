/// How a model would read a list of requests.
public struct ReadingReport: Sendable, Equatable, Codable {
  /// Responses to score, and those that cannot be read: the chat template refuses their messages.
  public var requests: Int
  public var unreadable = 0
  /// Texts that differ in their tokens; the tokens of these; and those that go through the model where all are scored in
  /// one call, shared beginnings once.
  public var distinctTexts = 0
  public var tokens = 0
  public var computedTokens = 0
  /// Distinct texts that are longer than allowed, and the tokens cut from them.
  public var truncatedTexts = 0
  public var truncatedTokens = 0
  /// Distinct texts that begin with the special token that begins every text, and then with it again.
  public var doubledBOS = 0
  /// Requests whose prompt or response spells out a special token.
  public var templated = 0

  public init(requests: Int) { self.requests = requests }
}

extension TransformerRewardModel {
  /// How these requests would be read; tokenizes them and computes nothing.
  public func report(for requests: [ScoringRequest]) -> ReadingReport {
    let plan = ScoringPlan(requests, model: self)
    var report = ReadingReport(requests: requests.count)
    report.unreadable = plan.textOfRequest.count { if case .failure = $0 { true } else { false } }
    report.distinctTexts = plan.ids.count
    report.tokens = plan.ids.reduce(0) { $0 + $1.count }
    report.computedTokens = plan.batches.reduce(0) { $0 + $1.tokens.tokens.count }
    report.truncatedTexts = plan.truncatedCounts.count { $0 > 0 }
    report.truncatedTokens = plan.truncatedCounts.reduce(0, +)
    if let first = reader.firstToken { report.doubledBOS = plan.ids.count { $0.starts(with: [first, first]) } }
    report.templated = requests.count { reader.specialToken(in: $0) != nil }
    return report
  }

  /// What seems wrong with these requests, a line each; nothing is computed.
  public func warnings(for requests: [ScoringRequest]) -> [String] {
    let report = report(for: requests)
    var warnings: [String] = []
    func warn(_ text: String) { warnings.append("reward model '\(name)': \(text)") }
    if report.doubledBOS > 0 {
      let token = reader.firstToken.flatMap { reader.tokenizer.token(of: Int($0)) } ?? ""
      warn(
        "\(report.doubledBOS) of \(report.distinctTexts) texts begin with \(token) twice; "
          + "take it out of the prompts, since template or tokenizer writes it")
    }
    if report.templated > 0 {
      let token = requests.lazy.compactMap(reader.specialToken).first ?? ""
      warn(
        "\(report.templated) of \(report.requests) dialogues spell out special tokens, e.g. \(token); "
          + "if a template was applied to the data already, pass them as they were before")
    }
    if report.unreadable > 0 {
      let problem =
        requests.lazy.compactMap { request in
          do { _ = try encoding(of: request) } catch { return "\(error)" }
          return nil
        }.first ?? ""
      warn("\(report.unreadable) of \(report.requests) dialogues cannot be read, the first because of \(problem)")
    }
    if report.truncatedTexts > 0 {
      warn(
        "\(report.truncatedTexts) of \(report.distinctTexts) texts have more than \(maxTokens) tokens; "
          + "\(report.truncatedTokens) tokens are cut at their \(cut.rawValue)")
    }
    return warnings
  }
}
