/// A reward model and its server, as error texts name them.
public struct RemoteEndpoint: Hashable, Sendable, CustomStringConvertible {
  public let model: String
  /// Without the query, which may hold a secret.
  public let url: String

  package init(model: String, url: String) {
    self.model = model
    self.url = url
  }

  public var description: String { "reward model '\(model)' at \(url)" }
}

/// A server's answer that is no success.
public struct ServerRefusal: Hashable, Sendable {
  public let status: Int
  /// The server's own name for the error, e.g. "BadRequestError".
  public let type: String?
  /// The beginning of the server's text.
  public let message: String
  /// How long the server asks to wait.
  public let retryAfter: Duration?

  package init(status: Int, type: String?, message: String, retryAfter: Duration?) {
    self.status = status
    self.type = type
    self.message = message
    self.retryAfter = retryAfter
  }

  /// Whether the same call may succeed later: of the 4xx, only 408 and 429.
  package var isTransient: Bool { [408, 429].contains(status) || status >= 500 }

  /// Whether the server is at fault and not the request, by status or by the type of a text-embeddings-inference server,
  /// which reports a failed computation as 424 and spells types differently by release.
  package var isServersFault: Bool {
    isTransient || ["overloaded", "unhealthy", "backend"].contains(type?.lowercased() ?? "")
  }

  fileprivate var advice: String {
    switch status {
    case 300..<400: "redirects are not followed; give the URL that it leads to"
    case 401, 403: "the server wants another token; name the environment variable that holds it"
    case 404, 405: "check the path of the URL, the dialect and the name of the model"
    case 429: "allow fewer calls or tokens"
    case _ where isServersFault: "see the server's log"
    default: "the server does not take the request; check dialect, text length and texts a call"
    }
  }
}

/// Why a URL cannot be called.
public enum ServerURLProblem: Hashable, Sendable, CustomStringConvertible {
  /// The text is no URL.
  case malformed
  /// The scheme is missing, or is neither http nor https.
  case scheme
  /// The URL names no host.
  case noHost
  /// The URL holds a name or a password.
  case credentials
  /// The port is none of 1 to 65535.
  case port(Int)

  public var description: String {
    switch self {
    case .malformed: "it is no URL"
    case .scheme: "it must begin with http:// or https://"
    case .noHost: "it names no host"
    case .credentials: "it holds a name or password; put a token into an environment variable"
    case .port(let port): "there is no port \(port)"
    }
  }
}

/// What can go wrong with a reward model behind a server. No text shows the token.
public enum RemoteRewardModelError: Error, Equatable, CustomStringConvertible {
  /// The URL cannot be called. `url` lacks name and password where they are what is wrong with it.
  case invalidURL(model: String, url: String, ServerURLProblem)
  /// No address is known for the host.
  case unresolvedHost(RemoteEndpoint, host: String)
  /// Messages are to be sent to a server that takes texts.
  case messagesNotTaken(model: String, dialect: ServerDialect)
  /// The environment variable is not set, or empty.
  case missingToken(variable: String)
  /// The token holds what no header may.
  case unusableToken(variable: String)
  /// No connection, or one that broke off; `cause` is the network library's own text.
  case connection(RemoteEndpoint, cause: String)
  case timeout(RemoteEndpoint, limit: Duration)
  case refused(RemoteEndpoint, ServerRefusal)
  /// The answer holds no score for each text.
  case unusableAnswer(RemoteEndpoint, ServerAnswerProblem)
  /// The server failed so often that it is not asked for a while.
  case circuitOpen(RemoteEndpoint, failures: Int, rest: Duration, last: String)

  /// Whether the same call may succeed later: the server or the network is at fault, not the request.
  public var isTransient: Bool {
    switch self {
    case .connection, .timeout, .unusableAnswer: true
    case .refused(_, let refusal): refusal.isTransient
    default: false
    }
  }

  /// Whether it tells that the server is down or failing, which a circuit breaker counts.
  var isServersFault: Bool {
    if case .refused(_, let refusal) = self { return refusal.isServersFault }
    return isTransient
  }

  public var description: String {
    switch self {
    case .invalidURL(let model, let url, let problem):
      "reward model '\(model)': the URL '\(url)' cannot be used: \(problem)"
    case .unresolvedHost(let endpoint, let host):
      "\(endpoint): the host '\(host)' has no address; check its spelling and the network"
    case .messagesNotTaken(let model, let dialect):
      "reward model '\(model)': a \(dialect.rawValue) server takes texts, not messages; give a chat template"
    case .missingToken(let variable):
      "the environment variable \(variable) is not set or empty; put the server's token there"
    case .unusableToken(let variable):
      "the token in the environment variable \(variable) holds a space, a line feed or another character that no "
        + "header may hold; set it again"
    case .connection(let endpoint, let cause):
      "\(endpoint): no connection, or one that broke off (\(cause)); is the server running?"
    case .timeout(let endpoint, let limit):
      "\(endpoint): no answer within \(limit); raise the timeout or send fewer texts a call"
    case .refused(let endpoint, let refusal):
      "\(endpoint): the server answered \(refusal.status)\(refusal.type.map { " \($0)" } ?? "")"
        + "\(refusal.message.isEmpty ? "" : ", \"\(refusal.message)\""); \(refusal.advice)"
    case .unusableAnswer(let endpoint, let problem):
      "\(endpoint): the answer cannot be used: \(problem); check the dialect and what the server runs"
    case .circuitOpen(let endpoint, let failures, let rest, let last):
      "\(endpoint): not asked, since \(failures) calls in a row failed; it is tried again after \(rest). "
        + "The last failure: \(last)"
    }
  }
}
