import Randomness
import RemoteRewardModels
import Storage

/// A reward-model server on a free port of 127.0.0.1 that speaks one dialect, fails as it is told, and remembers what it
/// was sent.
///
/// A score is a function of (model, text) alone, so that a test can tell whether a score belongs to its text.
struct FaultyServer: Sendable {
  let dialect: ServerDialect
  let url: String
  let log: RequestLog

  /// What goes wrong with one request.
  enum Fault: Hashable, Sendable {
    /// No answer at all.
    case stall
    /// The beginning of an answer, and no more.
    case stallInBody
    /// The connection ends in the middle of the answer.
    case cutOff
    /// A status with an error in the dialect's form.
    case status(Int, retryAfter: Int? = nil)
    /// No JSON.
    case garbage
    /// One score is NaN, as Python writes it.
    case notANumber
    /// One score is beyond the range of a Double.
    case infinite
    case missingScore
    case extraScore
    /// A redirect to another path of this server.
    case redirect
  }

  struct Settings: Sendable {
    var model = "rm"
    var faults = FaultPlan.none
    /// How long each answer takes.
    var latency = Duration.zero
    /// Answered as it stands, instead of scores.
    var answer: [UInt8]?
    /// Error messages repeat what the client sent as authorization.
    var echoesToken = false
  }

  /// Runs a server for as long as `body` takes.
  static func run<Value: Sendable>(
    _ dialect: ServerDialect, _ settings: Settings = Settings(),
    _ body: @Sendable (FaultyServer) async throws -> Value
  ) async throws -> Value {
    let handler = Handler(dialect: dialect, settings: settings, log: RequestLog())
    return try await LoopbackServer.run(answering: { try await handler.answer($0) }) { port in
      try await body(FaultyServer(dialect: dialect, url: "http://127.0.0.1:\(port)", log: handler.log))
    }
  }

  /// A URL on which nothing listens any more.
  static func closedURL() async throws -> String { try await run(.tei) { $0.url } }

  /// In (-4, 4): the first draw of a stream that model and text name.
  static func score(model: String, text: String) -> Double {
    var generator = PhiloxGenerator(seed: 1, stream: "\(model)\u{0}\(text)")
    return 8 * generator.nextUniform() - 4
  }
}

/// Which requests fail, and how.
enum FaultPlan: Sendable {
  case none
  /// The i-th request gets the i-th element, all after the last none.
  case scripted([FaultyServer.Fault?])
  /// Each request fails with this probability, by one of `kinds`.
  case random(probability: Double, kinds: [FaultyServer.Fault], seed: UInt64)
}

/// What a server was sent.
actor RequestLog {
  struct Entry: Sendable {
    let path: String
    let authorization: String?
    let body: JSONValue
  }

  private(set) var entries: [Entry] = []
  private(set) var mostAtOnce = 0
  private var running = 0

  func begin(_ entry: Entry) -> Int {
    entries.append(entry)
    running += 1
    mostAtOnce = max(mostAtOnce, running)
    return entries.count - 1
  }

  func end() { running -= 1 }
}

private struct Handler: Sendable {
  let dialect: ServerDialect
  let settings: FaultyServer.Settings
  let log: RequestLog

  func answer(_ request: LoopbackServer.Request) async throws -> LoopbackServer.Answer {
    guard request.method == "POST" else { return json("{}", status: 404) }
    let body = try JSONDocument.read(request.body, file: "the request")
    let authorization = request.header("authorization")
    let index = await log.begin(RequestLog.Entry(path: request.path, authorization: authorization, body: body))
    do {
      let response = try await respond(to: body, fault: fault(of: index), authorization: authorization)
      await log.end()
      return response
    } catch {
      await log.end()
      throw error
    }
  }

  private func fault(of index: Int) -> FaultyServer.Fault? {
    switch settings.faults {
    case .none: return nil
    case .scripted(let faults): return index < faults.count ? faults[index] : nil
    case .random(let probability, let kinds, let seed):
      var generator = PhiloxGenerator(seed: seed, stream: "faults", index: UInt64(index))
      guard generator.nextUniform() < probability else { return nil }
      return kinds[generator.nextIndex(below: kinds.count)]
    }
  }

  private func respond(
    to body: JSONValue, fault: FaultyServer.Fault?, authorization: String?
  ) async throws -> LoopbackServer.Answer {
    try await Task.sleep(for: settings.latency)
    var scores = try dialect.texts(in: body).map { FaultyServer.score(model: settings.model, text: $0) }
    var literal: String?
    switch fault {
    case nil: break
    case .stall: try await Task.sleep(for: .seconds(600))
    case .status(let status, let retryAfter):
      let message = settings.echoesToken ? "not for \(authorization ?? "")" : "scripted failure"
      var response = json(dialect.complaint(message), status: status)
      if let retryAfter { response.headers["retry-after"] = "\(retryAfter)" }
      return response
    case .redirect:
      var response = json("{}", status: 307)
      response.headers["location"] = "/elsewhere"
      return response
    case .garbage: return json("<html>\(settings.echoesToken ? authorization ?? "" : "not JSON")</html>")
    case .missingScore: scores.removeLast()
    case .extraScore: scores.append(0)
    case .notANumber: literal = "NaN"
    case .infinite: literal = "1e999"
    case .cutOff: return LoopbackServer.Answer(body: Array("[[{".utf8), ending: .cutOff)
    case .stallInBody: return LoopbackServer.Answer(body: Array("[[{".utf8), ending: .stalled)
    }
    if let answer = settings.answer { return json(answer) }
    var values = scores.map(JSONValue.number)
    // JSON has no such number, so a text stands in for it until it is written.
    if literal != nil { values[0] = .string("literal") }
    let text = dialect.answer(values).text()
    return json(literal.map { text.replacing("\"literal\"", with: $0) } ?? text)
  }

  private func json(_ text: String, status: Int = 200) -> LoopbackServer.Answer {
    json(Array(text.utf8), status: status)
  }

  private func json(_ bytes: [UInt8], status: Int = 200) -> LoopbackServer.Answer {
    LoopbackServer.Answer(status: status, headers: ["content-type": "application/json"], body: bytes)
  }
}

/// The servers' side of the dialects, written apart from the clients'.
extension ServerDialect {
  struct BadRequest: Error {}

  /// The texts of a request; of messages, their JSON.
  fileprivate func texts(in body: JSONValue) throws -> [String] {
    guard case .object(let body) = body else { throw BadRequest() }
    if let messages = body["messages"] { return [messages.text()] }
    let key =
      switch self {
      case .vllmClassify, .vllmPooling: "input"
      case .tei: "inputs"
      case .openRLHF: "query"
      case .sglang: "text"
      }
    guard case .array(let values) = body[key] else { throw BadRequest() }
    return try values.map { value in
      switch (self, value) {
      case (.tei, .array(let texts)) where texts.count == 1:
        guard case .string(let text) = texts[0] else { throw BadRequest() }
        return text
      case (.vllmClassify, .string(let text)), (.vllmPooling, .string(let text)), (.openRLHF, .string(let text)),
        (.sglang, .string(let text)):
        return text
      default: throw BadRequest()
      }
    }
  }

  /// An answer. vLLM's items come last first, since their indices say where they belong.
  fileprivate func answer(_ scores: [JSONValue]) -> JSONValue {
    switch self {
    case .vllmClassify:
      let items = scores.enumerated().map { index, score in
        JSONValue.object([
          "index": .integer(index), "label": .null, "probs": .array([score]), "num_classes": .integer(1),
        ])
      }
      return .object(["object": .string("list"), "data": .array(items.reversed())])
    case .vllmPooling:
      let items = scores.enumerated().map { index, score in
        JSONValue.object(["index": .integer(index), "object": .string("pooling"), "data": .array([.array([score])])])
      }
      return .object(["object": .string("list"), "data": .array(items.reversed())])
    case .tei: return .array(scores.map { .array([.object(["score": $0, "label": .string("LABEL_0")])]) })
    case .openRLHF: return .object(["rewards": .array(scores), "scores": .array(scores), "extra_logs": .object([:])])
    case .sglang: return .array(scores.map { .object(["embedding": .array([$0])]) })
    }
  }

  fileprivate func complaint(_ message: String) -> String {
    switch self {
    case .tei: JSONValue.object(["error": .string(message), "error_type": .string("Scripted")]).text()
    case .openRLHF: message
    default:
      JSONValue.object(["error": .object(["message": .string(message), "type": .string("Scripted")])]).text()
    }
  }
}
