import Dialogues
import Foundation
import PreferenceData
import Storage
import Transformers

extension ScoreCollection.Member {
  /// The entry of a pool file; the model itself is made when it has pairs to score.
  ///
  /// - Parameters:
  ///   - queue: shared by the models that compute in this process.
  ///   - serverChunksInFlight: chunks of pairs that a server is asked about at one time. Other kinds compute here, one
  ///     chunk after the other.
  public init(_ entry: PoolEntry, queue: ForwardQueue, serverChunksInFlight: Int = 4) {
    self.init(
      RewardModelDescription(
        name: entry.name, huggingFaceID: entry.huggingFaceID, parameters: entry.parameters),
      identity: entry.identity, pricePerThousandTokens: entry.pricePerThousandTokens,
      chunksInFlight: entry.kind.isServer ? serverChunksInFlight : 1,
      makeModel: { try await entry.makeRewardModel(queue: queue) })
  }
}

extension PoolEntry {
  /// All that scores depend on; not prices, limits and tokens.
  fileprivate var identity: JSONObject {
    var object: JSONObject = ["kind": .string(kind.rawValue)]
    switch source {
    case .transformer(let checkpoint, let format, let precision, let maxTokens):
      object.append("path", .string(checkpoint.path))
      object.append("template", .string(format == .router ? PoolEntry.routerFormat : format.rawValue))
      object.append("precision", .string(precision.rawValue))
      if let maxTokens { object.append("max_tokens", .integer(maxTokens)) }
    case .recorded(let folder, let rewardModel):
      object.append("path", .string(folder.path))
      object.append("reward_model", .string(rewardModel))
    case .server(let server):
      // Without the query, which may hold a secret.
      var address = URLComponents(url: server.url, resolvingAgainstBaseURL: true)
      address?.query = nil
      object.append("url", .string(address?.string ?? ""))
      if let model = server.model { object.append("model", .string(model)) }
      object.append("template", .string(server.formatName))
    }
    return object
  }
}

extension PoolEntry.Server {
  /// The format as a pool file names it.
  fileprivate var formatName: String {
    switch format {
    case .chat(let folder): folder.path
    case .router: PoolEntry.routerFormat
    case nil: PoolEntry.messagesFormat
    }
  }
}
