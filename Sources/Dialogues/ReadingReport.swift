import Tokenization
import Transformers

/// How dialogues are read, and what that took.
public struct ReadingReport: Sendable, Equatable, Codable {
  public var dialogues: Int
  /// Dialogues that cannot be read: the chat template refuses their messages, or the tokenizer makes nothing of them.
  public var unreadable = 0
  /// Dialogues that differ in their tokens, and those of them that the model need not read because the result is known.
  public var distinctDialogues = 0
  public var knownDialogues = 0
  /// Tokens of the distinct dialogues; of those that were known; and those that went through the model, shared beginnings once.
  public var tokens = 0
  public var knownTokens = 0
  public var computedTokens = 0
  /// Distinct dialogues that were longer than allowed, and the tokens cut from them.
  public var truncatedDialogues = 0
  public var truncatedTokens = 0
  /// Wall time of the forward passes.
  public var seconds = 0.0
  /// What seems wrong with the texts; nil where nobody looked.
  public var suspicions: Suspicions?

  public struct Suspicions: Sendable, Equatable, Codable {
    /// Distinct texts that begin with the special token that begins every text, and then with it again.
    public var doubledBOS = 0
    /// Dialogues whose prompt or response spells out a special token.
    public var templated = 0
  }

  public init(dialogues: Int) { self.dialogues = dialogues }

  mutating func add(_ encoding: Encoding, isKnown: Bool) {
    distinctDialogues += 1
    tokens += encoding.ids.count
    if encoding.truncatedCount > 0 {
      truncatedDialogues += 1
      truncatedTokens += encoding.truncatedCount
    }
    if isKnown {
      knownDialogues += 1
      knownTokens += encoding.ids.count
    }
  }
}

extension ReadingReport {
  /// Counts one forward pass.
  mutating func count(_ batch: TextBatch, seconds: Double) {
    computedTokens += batch.tokens.tokens.count
    self.seconds += seconds
  }
}

extension DialoguePlan {
  /// The plan's report with what a model would compute, and with what seems wrong with the texts. Tokenizes each turn once more.
  ///
  /// - Parameter dialogues: those that the plan was made for.
  public func inspected(_ dialogues: [Dialogue], reader: DialogueReader) -> ReadingReport {
    var report = report
    report.computedTokens = batches.reduce(0) { $0 + $1.tokens.tokens.count }
    var suspicions = ReadingReport.Suspicions()
    if let first = reader.firstToken { suspicions.doubledBOS = ids.count { $0.starts(with: [first, first]) } }
    suspicions.templated = dialogues.count { reader.specialToken(in: $0) != nil }
    report.suspicions = suspicions
    return report
  }

  /// What seems wrong with how the dialogues are read although they can be, a line each.
  ///
  /// - Parameter dialogues: those that the plan was made for.
  public func warnings(for dialogues: [Dialogue], reader: DialogueReader) -> [String] {
    let report = inspected(dialogues, reader: reader)
    var warnings: [String] = []
    if let doubled = report.suspicions?.doubledBOS, doubled > 0 {
      let token = reader.firstToken.flatMap { reader.tokenizer.token(of: Int($0)) } ?? ""
      warnings.append(
        "\(doubled) of \(report.distinctDialogues) texts begin with \(token) twice; "
          + "take it out of the prompts, since template or tokenizer writes it")
    }
    if let templated = report.suspicions?.templated, templated > 0 {
      let token = dialogues.lazy.compactMap(reader.specialToken).first ?? ""
      warnings.append(
        "\(templated) of \(report.dialogues) dialogues spell out special tokens, e.g. \(token); "
          + "if a template was applied to the data already, pass them as they were before")
    }
    if report.unreadable > 0 {
      let problem = textOfDialogue.lazy.compactMap { if case .failure(let error) = $0 { "\(error)" } else { nil } }
        .first
      warnings.append(
        "\(report.unreadable) of \(report.dialogues) dialogues cannot be read, the first because of \(problem ?? "")")
    }
    if report.truncatedDialogues > 0 {
      warnings.append(
        "\(report.truncatedDialogues) of \(report.distinctDialogues) texts have more than \(reader.maxTokens) tokens; "
          + "\(report.truncatedTokens) tokens are cut at their \(reader.cut.rawValue)")
    }
    return warnings
  }
}
