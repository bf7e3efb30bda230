import Foundation
import Storage

/// A secret that a server asks for, from an environment variable. No description, dump or error shows it.
public struct BearerToken: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The name of the environment variable.
  public let variable: String
  private let secret: String

  /// - Throws: `RemoteRewardModelError.missingToken`; `.unusableToken` for a token with a space, a control character (a
  ///   line feed at its end, say) or anything else that no header may hold.
  public init(
    variable: String, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(RemoteRewardModelError) {
    guard let secret = environment[variable], !secret.isEmpty else { throw .missingToken(variable: variable) }
    guard secret.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { throw .unusableToken(variable: variable) }
    self.variable = variable
    self.secret = secret
  }

  /// The value of the header "Authorization".
  var authorization: String { "Bearer \(secret)" }

  /// `text` without the token, as it is or escaped as in JSON.
  func redacted(_ text: String) -> String {
    let escaped = String(JSONValue.string(secret).text().dropFirst().dropLast())
    return [escaped.replacingOccurrences(of: "/", with: "\\/"), escaped, secret].reduce(text) {
      $0.replacingOccurrences(of: $1, with: description)
    }
  }

  public var description: String { "(token of \(variable))" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: ["variable": variable]) }
}
