import Foundation

/// The address that is posted to.
struct ServerURL: Sendable {
  /// The whole URL, with path and query.
  let text: String
  let host: String
  let endpoint: RemoteEndpoint

  /// A URL without a path gets the dialect's.
  ///
  /// - Throws: `RemoteRewardModelError.invalidURL`.
  init(_ url: String, model: String, dialect: ServerDialect) throws(RemoteRewardModelError) {
    func invalid(_ problem: ServerURLProblem, shown: String = url) -> RemoteRewardModelError {
      .invalidURL(model: model, url: shown, problem)
    }
    guard var components = URLComponents(string: url) else { throw invalid(.malformed) }
    guard let scheme = components.scheme?.lowercased(), ["http", "https"].contains(scheme) else {
      throw invalid(.scheme)
    }
    guard let host = components.host, !host.isEmpty else { throw invalid(.noHost) }
    guard components.user == nil, components.password == nil else {
      components.user = nil
      components.password = nil
      throw invalid(.credentials, shown: components.string ?? "")
    }
    if let port = components.port, !(1...65535).contains(port) { throw invalid(.port(port)) }
    components.scheme = scheme
    components.fragment = nil
    if ["", "/"].contains(components.path) { components.path = dialect.defaultPath }
    text = components.string ?? url
    components.query = nil
    endpoint = RemoteEndpoint(model: model, url: components.string ?? "")
    self.host = host.trimmingCharacters(in: ["[", "]"])
  }

  /// Looks the host up, without a request to it. Name servers are asked on a thread of its own.
  ///
  /// - Throws: `RemoteRewardModelError.unresolvedHost`.
  func resolve() async throws(RemoteRewardModelError) {
    let isKnown = await withCheckedContinuation { continuation in
      Thread.detachNewThread { [host] in continuation.resume(returning: !Host(name: host).addresses.isEmpty) }
    }
    if !isKnown { throw .unresolvedHost(endpoint, host: host) }
  }
}
