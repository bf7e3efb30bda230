import Storage

/// The protocols of reward-model servers: what is posted, and where the scores stand in the answer.
///
/// The raw values are the names in pool files. Request and answer of each are fixtures of the tests.
public enum ServerDialect: String, Hashable, Sendable, CaseIterable {
  /// vLLM, `POST /classify`.
  case vllmClassify = "vllm-classify"
  /// vLLM, `POST /pooling` with the task "classify".
  case vllmPooling = "vllm-pooling"
  /// text-embeddings-inference, `POST /predict`.
  case tei
  /// The remote reward models of OpenRLHF, `POST /get_reward`.
  case openRLHF = "openrlhf"
  /// SGLang, `POST /classify`.
  case sglang

  /// The path of a URL that names none.
  var defaultPath: String {
    switch self {
    case .vllmClassify, .sglang: "/classify"
    case .vllmPooling: "/pooling"
    case .tei: "/predict"
    case .openRLHF: "/get_reward"
    }
  }

  /// The texts that the server takes in one call, unless it was started with other settings.
  var mostTextsPerCall: Int { self == .tei ? 32 : .max }

  /// Whether the server can be sent the turns of a dialogue, to write the text by its own template.
  var takesMessages: Bool { self == .vllmClassify || self == .vllmPooling }

  /// Whether the server adds special tokens to each text and cannot be told not to. OpenRLHF's adds none.
  var alwaysAddsSpecialTokens: Bool { self == .tei || self == .sglang }
}

/// How inputs become the body of a call.
struct RequestForm: Sendable {
  let dialect: ServerDialect
  /// The name of the model at the server; nil where it serves one.
  let model: String?
  /// Whether the server is to add special tokens, as far as it can be told: no, where a template wrote them.
  let addsSpecialTokens: Bool
  let truncates: Bool

  /// The body for some inputs; for messages, exactly one.
  func body(_ inputs: [ModelInput]) -> JSONValue {
    var body = JSONObject()
    switch dialect {
    case .vllmClassify, .vllmPooling:
      appendModel(to: &body)
      if dialect == .vllmPooling { body.append("task", .string("classify")) }
      if case .messages(let messages) = inputs[0].content {
        body.append(
          "messages",
          .array(messages.map { .object(["role": .string($0.role), "content": .string($0.content)]) }))
      } else {
        body.append("input", .array(inputs.map { .string($0.text) }))
      }
      // The default for one label is a sigmoid, which flattens large scores. Servers before 0.11.2 call the switch
      // "activation", and both ignore the name that they do not know.
      body.append("use_activation", .boolean(false))
      body.append("activation", .boolean(false))
      body.append("add_special_tokens", .boolean(addsSpecialTokens))
      if truncates { body.append("truncate_prompt_tokens", .integer(-1)) }
    case .tei:
      // A list of lists: a list of two texts would be read as one pair.
      body.append("inputs", .array(inputs.map { .array([.string($0.text)]) }))
      body.append("raw_scores", .boolean(true))
      body.append("truncate", .boolean(truncates))
    case .openRLHF:
      body.append("query", .array(inputs.map { .string($0.text) }))
      body.append("prompts", .array(inputs.map { .string($0.prompt) }))
      body.append("labels", .array(inputs.map { _ in .null }))
    case .sglang:
      appendModel(to: &body)
      body.append("text", .array(inputs.map { .string($0.text) }))
    }
    return .object(body)
  }

  private func appendModel(to body: inout JSONObject) {
    if let model { body.append("model", .string(model)) }
  }
}

/// Why an answer is no list of scores.
struct UnusableAnswer: Error {
  let problem: ServerAnswerProblem
}

extension ServerDialect {
  /// The scores of `count` inputs, in their order.
  func scores(in answer: JSONValue, count: Int) throws(UnusableAnswer) -> [Double] {
    switch self {
    case .vllmClassify: return try indexedScores(in: answer, field: "probs", count: count)
    case .vllmPooling: return try indexedScores(in: answer, field: "data", count: count)
    case .tei:
      return try list(answer, "the answer", count: count).map { item throws(UnusableAnswer) in
        guard case .array(let classes) = item, classes.count == 1 else {
          throw UnusableAnswer(problem: .mistyped(expected: .oneClass, found: item.summary))
        }
        return try score(try member("score", of: classes[0]))
      }
    case .openRLHF:
      let rewards = try member("rewards", of: answer)
      if count == 1, rewards.double != nil { return [try score(rewards)] }
      return try list(rewards, "\"rewards\"", count: count).map(score)
    case .sglang:
      return try list(answer, "the answer", count: count).map { item throws(UnusableAnswer) in
        try score(try member("embedding", of: item))
      }
    }
  }

  /// The scores of a list whose items say which input they belong to.
  private func indexedScores(in answer: JSONValue, field: String, count: Int) throws(UnusableAnswer) -> [Double] {
    var scores = [Double?](repeating: nil, count: count)
    for item in try list(try member("data", of: answer), "\"data\"", count: count) {
      let index = try member("index", of: item)
      guard case .integer(let index) = index, scores.indices.contains(index), scores[index] == nil else {
        throw UnusableAnswer(problem: .index(found: index.summary, texts: count))
      }
      scores[index] = try score(try member(field, of: item))
    }
    return scores.compactMap { $0 }
  }

  private func list(_ value: JSONValue, _ name: String, count: Int) throws(UnusableAnswer) -> [JSONValue] {
    guard case .array(let items) = value else {
      throw UnusableAnswer(problem: .mistyped(expected: .list(name: name), found: value.summary))
    }
    guard items.count == count else {
      throw UnusableAnswer(problem: .scoreCount(list: name, found: items.count, texts: count))
    }
    return items
  }

  private func member(_ key: String, of value: JSONValue) throws(UnusableAnswer) -> JSONValue {
    guard case .object(let object) = value, let member = object[key] else {
      throw UnusableAnswer(problem: .mistyped(expected: .object(key: key), found: value.summary))
    }
    return member
  }

  /// A finite number, alone or as the only element of a list. Several are the labels of a classifier, none of which is
  /// the score.
  private func score(_ value: JSONValue) throws(UnusableAnswer) -> Double {
    if case .array(let values) = value, values.count == 1 { return try score(values[0]) }
    guard let score = value.double, score.isFinite else {
      throw UnusableAnswer(problem: .mistyped(expected: .score, found: value.summary))
    }
    return score
  }
}
