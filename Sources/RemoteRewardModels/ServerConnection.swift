import AsyncHTTPClient
import Storage

/// One attempt of a call: posts JSON, and reads the whole answer within time and size.
struct ServerConnection: Sendable {
  /// Bytes of the largest answer that is read; 64 MiB are a million scores and more.
  static let largestAnswer = 64 << 20
  /// Bytes of a complaint that are read, and characters of it that are shown.
  private static let largestComplaint = 64 << 10
  private static let excerptLength = 200

  let url: ServerURL
  let token: BearerToken?
  let timeout: Duration

  /// Follows no redirect, so that no token travels, and leaves limits and retries to the model.
  private static let client = {
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1024
    configuration.connectionPool.retryConnectionEstablishment = false
    return HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
  }()

  /// The answer to `body`.
  ///
  /// - Throws: `RemoteRewardModelError`, `CancellationError`.
  func post(_ body: [UInt8]) async throws -> JSONValue {
    try await withThrowingTaskGroup(of: JSONValue?.self) { group in
      group.addTask { try await exchange(body) }
      group.addTask {
        try await Task.sleep(for: timeout)
        return nil
      }
      defer { group.cancelAll() }
      guard let answer = try await group.next() ?? nil else {
        throw RemoteRewardModelError.timeout(url.endpoint, limit: timeout)
      }
      return answer
    }
  }

  private func exchange(_ body: [UInt8]) async throws -> JSONValue {
    var request = HTTPClientRequest(url: url.text)
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    request.headers.add(name: "Accept", value: "application/json")
    if let token { request.headers.add(name: "Authorization", value: token.authorization) }
    request.body = .bytes(body)
    let bytes: [UInt8]
    do {
      // The race in `post` keeps the time; this is only to be later.
      let response = try await Self.client.execute(request, timeout: .hours(24))
      guard 200..<300 ~= response.status.code else { throw await refusal(response) }
      bytes = try await read(response.body, atMost: Self.largestAnswer)
    } catch let error as RemoteRewardModelError {
      throw error
    } catch {
      try Task.checkCancellation()
      throw RemoteRewardModelError.connection(url.endpoint, cause: excerpt("\(error)"))
    }
    if bytes.count > Self.largestAnswer { throw unusable(.tooLarge(limitBytes: Self.largestAnswer)) }
    do {
      return try JSONDocument.read(bytes, file: "the answer")
    } catch {
      throw unusable(.notJSON(explanation: "\(error)"))
    }
  }

  func unusable(_ problem: ServerAnswerProblem) -> RemoteRewardModelError {
    .unusableAnswer(url.endpoint, problem.quoting(excerpt))
  }

  /// The bytes of `body`; of a longer one than `limit`, more than `limit` and not all.
  private func read(_ body: HTTPClientResponse.Body, atMost limit: Int) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    for try await chunk in body {
      bytes += chunk.readableBytesView
      if bytes.count > limit { break }
    }
    // To a cancelled task a body may end early as if it were whole.
    try Task.checkCancellation()
    return bytes
  }

  private func refusal(_ response: HTTPClientResponse) async -> RemoteRewardModelError {
    // What the status says holds even if the rest cannot be read.
    let bytes = (try? await read(response.body, atMost: Self.largestComplaint)) ?? []
    let (type, message) = Self.complaint(in: bytes)
    let retryAfter = response.headers.first(name: "Retry-After").flatMap { UInt32($0) }
    return .refused(
      url.endpoint,
      ServerRefusal(
        status: Int(response.status.code), type: type.map(excerpt), message: excerpt(message),
        retryAfter: retryAfter.map { .seconds($0) }))
  }

  /// Type and message in the forms of vLLM, text-embeddings-inference and FastAPI; else the text as it is.
  private static func complaint(in bytes: [UInt8]) -> (type: String?, message: String) {
    let text = String(decoding: bytes, as: UTF8.self)
    guard case .object(let object) = try? JSONDocument.read(bytes, file: "") else { return (nil, text) }
    let inner = if case .object(let inner) = object["error"] { inner } else { object }
    func string(_ keys: String...) -> String? {
      for key in keys { if case .string(let text) = inner[key] { return text } }
      return nil
    }
    return (string("error_type", "type"), string("message", "error", "detail") ?? text)
  }

  /// The beginning of a text that a server may have written, on one line, without the token.
  private func excerpt(_ text: String) -> String {
    let redacted = token?.redacted(text) ?? text
    let line = String(
      String.UnicodeScalarView(redacted.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    return line.count > Self.excerptLength ? line.prefix(Self.excerptLength) + "…" : line
  }
}
