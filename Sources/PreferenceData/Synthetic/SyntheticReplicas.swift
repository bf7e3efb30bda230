import Foundation

extension PreferenceDataset {
  /// The dataset with more reward models than were recorded: SYNTHETIC copies of the recorded ones with noise, for studies of
  /// wider pools. What they are right about is no evidence about reward models.
  ///
  /// Copy r of model n, named `NAME synthetic-copy-r`, scores a response as
  ///
  ///     score' = score + noise s_n e / sqrt(2),   e ~ N(0, 1) for each response
  ///
  /// where s_n is the root mean square of the model's score differences: the difference of a pair gets noise of `noise` times
  /// its usual size. Copies are dealt out in turn, the first of every model before the second of any.
  ///
  /// - Parameters:
  ///   - count: how many reward models there are to be, at least as many as recorded.
  ///   - noise: from 0, a plain copy, up.
  /// - Complexity: O(count x pairs).
  public func replicated(
    to count: Int, noise: Double, using generator: inout some RandomNumberGenerator
  ) -> PreferenceDataset {
    precondition(count >= rewardModels.count, "\(rewardModels.count) recorded models do not shrink to \(count)")
    precondition(noise >= 0 && noise.isFinite, "the noise is \(noise)")
    var models = rewardModels
    var allScores = scores
    for copy in rewardModels.count..<max(count, rewardModels.count) {
      let source = copy % rewardModels.count
      let original = rewardModels[source]
      let square = scores[source].reduce(0) { $0 + ($1.a - $1.b) * ($1.a - $1.b) }
      let scale = noise * (square / Double(max(pairs.count, 1))).squareRoot() / 2.0.squareRoot()
      models.append(
        RewardModelDescription(
          name: "\(original.name) \(SyntheticWorld.source)-copy-\(copy / rewardModels.count)",
          parameters: original.parameters))
      allScores.append(
        scores[source].map { score in
          ScorePair(
            a: score.a + scale * generator.standardNormal(), b: score.b + scale * generator.standardNormal())
        })
    }
    return PreferenceDataset(pairs: pairs, rewardModels: models, scores: allScores)
  }
}
