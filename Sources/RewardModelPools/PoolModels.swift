import PreferenceData
import RewardModels

extension PoolEntry {
  /// The reward model that the entry describes, ready to score.
  ///
  /// - Throws: `PoolError.unusableModel`, which names the entry and says why there is none.
  public func makeRewardModel() throws -> any RewardModel {
    do {
      switch source {
      case .recorded(let folder, let rewardModel):
        let dataset = try PreferenceDataset(folder: folder, rewardModels: [rewardModel])
        return try RecordedRewardModel(dataset, arm: 0, name: name)
      case .transformer, .server:
        throw PoolError.unusableModel(place: place, problem: "this build makes no models of the kind \(kind.rawValue)")
      }
    } catch let error as PoolError {
      throw error
    } catch {
      throw PoolError.unusableModel(place: place, problem: "\(error)")
    }
  }
}
