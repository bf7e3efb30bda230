import Dialogues
import PreferenceData
import RemoteRewardModels
import RewardModels
import Transformers

extension PoolEntry {
  /// The reward model that the entry describes, ready to score. A server's host is looked up, and nothing is sent to it.
  ///
  /// - Parameter queue: shared by the models that compute in this process.
  /// - Throws: `PoolError.unusableModel`, which names the entry and says why there is none.
  public func makeRewardModel(queue: ForwardQueue) async throws -> any RewardModel {
    do {
      switch source {
      case .recorded(let folder, let rewardModel):
        let dataset = try PreferenceDataset(folder: folder, rewardModels: [rewardModel])
        return try RecordedRewardModel(dataset, arm: 0, name: name)
      case .transformer(let checkpoint, let format, let precision, let maxTokens):
        return try TransformerRewardModel(
          folder: checkpoint, name: name, format: format, maxTokens: maxTokens, precision: precision, queue: queue)
      case .server(let server):
        let model = try HTTPRewardModel(name: name, configuration: configuration(server))
        try await model.check()
        return model
      }
    } catch let error as PoolError {
      throw error
    } catch {
      throw PoolError.unusableModel(place: place, cause: "\(error)")
    }
  }

  private func configuration(_ server: Server) throws -> HTTPRewardModel.Configuration {
    guard let dialect = ServerDialect(rawValue: kind.rawValue) else {
      preconditionFailure("\(kind.rawValue) is a server's kind without a dialect")
    }
    var limits = CallLimits()
    limits.concurrentCalls = server.limits.concurrency ?? limits.concurrentCalls
    limits.requestsPerSecond = server.limits.requestsPerSecond
    limits.tokensPerMinute = server.limits.tokensPerMinute
    limits.textsPerCall = server.limits.batch ?? limits.textsPerCall
    limits.timeout = server.limits.timeoutSeconds.map { .seconds($0) } ?? limits.timeout
    var retry = RetryPolicy()
    retry.retries = server.limits.retries ?? retry.retries
    return HTTPRewardModel.Configuration(
      url: server.url.absoluteString, dialect: dialect, model: server.model,
      format: try server.format.map { try TextFormat($0) },
      token: try server.tokenVariable.map { try BearerToken(variable: $0) }, limits: limits, retry: retry)
  }
}
