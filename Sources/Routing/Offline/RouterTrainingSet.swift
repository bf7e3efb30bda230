import PreferenceData
import Randomness

/// What one pair teaches an offline router.
public struct RouterTarget: Sendable, Equatable {
  /// The pair's index in the dataset, and its row in the features.
  public let pair: Int
  /// Comparisons for the Bradley-Terry loss; may be none.
  public let comparisons: [ArmComparison]
  /// Whether each model is right; nil where the label is masked, or the model ties.
  public let labels: [Bool?]
  /// Score differences in units of the model's root mean square, positive where it is right; nil where masked.
  public let differences: [Double?]

  public init(pair: Int, comparisons: [ArmComparison], labels: [Bool?], differences: [Double?]) {
    self.pair = pair
    self.comparisons = comparisons
    self.labels = labels
    self.differences = differences
  }
}

/// The training set of an offline router, made from behaviour in steps that can each be left out.
public struct RouterTrainingSet: Sendable, Equatable {
  public struct Configuration: Sendable, Equatable, Codable {
    /// Keeps the disagreement set alone: where all are right or all are wrong there is nothing to choose.
    public var keepsDisagreementOnly = true
    /// Thins comparisons until each model wins as often as it loses.
    public var thinsComparisons = true
    /// Masks labels until each model has as many right as wrong ones.
    public var balancesLabels = true
    /// Which comparisons and labels go is drawn from this seed.
    public var seed: UInt64 = 1

    public init() {}
  }

  /// What each step kept of one reward model.
  public struct ArmCounts: Sendable, Equatable {
    public let rewardModel: String
    /// Labelled pairs that it gets right, and those of the samples kept.
    public let right: Int
    public let rightKept: Int
    public let wins: Int
    public let losses: Int
    public let winsKept: Int
    public let lossesKept: Int
    /// Labels that are not masked.
    public let rightLabels: Int
    public let wrongLabels: Int
  }

  public struct Counts: Sendable, Equatable {
    public let labelledPairs: Int
    public let unlabelledPairs: Int
    public let disagreementPairs: Int
    public let samples: Int
    /// Samples whose comparisons were all thinned out, or that never had any.
    public let samplesWithoutComparison: Int
    public let comparisons: Int
    public let comparisonsKept: Int
    public let arms: [ArmCounts]
  }

  public let configuration: Configuration
  public let rewardModels: [String]
  public let targets: [RouterTarget]
  public let counts: Counts
  /// What a user should know before trusting the router, e.g. a model that is always right.
  public let warnings: [String]

  /// - Throws: `RoutingError.training` where no two models disagree on any pair.
  public init(_ behavior: RewardModelBehavior, _ configuration: Configuration = Configuration()) throws(RoutingError) {
    self.configuration = configuration
    rewardModels = behavior.rewardModels
    let arms = rewardModels.indices
    let disagreement = behavior.correctness.disagreementSet
    guard !disagreement.isEmpty else { throw .training(.noDisagreement(labelledPairs: behavior.pairs.count)) }
    let kept = configuration.keepsDisagreementOnly ? disagreement : Array(behavior.pairs.indices)
    let all = kept.map { behavior.comparisons(at: $0) }
    var warnings: [String] = []

    var comparisons = all
    if configuration.thinsComparisons {
      let thinning = ComparisonThinning(all.flatMap { $0 }, armCount: arms.count)
      var generator = PhiloxGenerator(seed: configuration.seed, stream: "offline-router-thinning")
      comparisons = thinning.apply(to: all, using: &generator)
      for (exempt, verb) in [(thinning.alwaysWinning, "loses to"), (thinning.alwaysLosing, "wins against")] {
        for arm in exempt {
          warnings.append(
            "'\(rewardModels[arm])' never \(verb) any of the other models to be balanced, so its comparisons are not thinned"
          )
        }
      }
    }

    var labels = kept.map { behavior.correctness.answers(pair: $0) }
    if configuration.balancesLabels {
      var generator = PhiloxGenerator(seed: configuration.seed, stream: "offline-router-masking")
      for arm in arms {
        let right = labels.indices.filter { labels[$0][arm] == true }
        let wrong = labels.indices.filter { labels[$0][arm] == false }
        guard !right.isEmpty, !wrong.isEmpty else {
          warnings.append(Self.warning(rewardModels[arm], right: right.count, wrong: wrong.count, of: labels.count))
          continue
        }
        let larger = right.count > wrong.count ? right : wrong
        let order = generator.permutation(larger.count)
        for index in order.dropFirst(min(right.count, wrong.count)) { labels[larger[index]][arm] = nil }
      }
    }

    let scales = arms.map { arm in
      let square = kept.reduce(0) { $0 + behavior.margins[$1][arm] * behavior.margins[$1][arm] }
      return square > 0 ? (square / Double(kept.count)).squareRoot() : 1
    }
    targets = kept.indices.map { sample in
      RouterTarget(
        pair: behavior.pairs[kept[sample]], comparisons: comparisons[sample], labels: labels[sample],
        differences: arms.map { labels[sample][$0] == nil ? nil : behavior.margins[kept[sample]][$0] / scales[$0] })
    }
    self.warnings = warnings
    func count(_ lists: [[ArmComparison]], _ holds: (ArmComparison) -> Bool) -> Int {
      lists.reduce(0) { $0 + $1.count(where: holds) }
    }
    counts = Counts(
      labelledPairs: behavior.pairs.count, unlabelledPairs: behavior.unlabelledCount,
      disagreementPairs: disagreement.count, samples: kept.count,
      samplesWithoutComparison: comparisons.count(where: \.isEmpty), comparisons: count(all) { _ in true },
      comparisonsKept: count(comparisons) { _ in true },
      arms: arms.map { arm in
        ArmCounts(
          rewardModel: behavior.rewardModels[arm],
          right: behavior.pairs.indices.count { behavior.correctness.isRight(arm: arm, pair: $0) },
          rightKept: kept.count { behavior.correctness.isRight(arm: arm, pair: $0) },
          wins: count(all) { $0.winner == arm }, losses: count(all) { $0.loser == arm },
          winsKept: count(comparisons) { $0.winner == arm }, lossesKept: count(comparisons) { $0.loser == arm },
          rightLabels: labels.count { $0[arm] == true }, wrongLabels: labels.count { $0[arm] == false })
      })
  }

  /// What to say of a model that is right, or wrong, on no sample: its labels cannot be balanced.
  private static func warning(_ name: String, right: Int, wrong: Int, of samples: Int) -> String {
    let ties = samples - right - wrong
    guard right + wrong > 0 else { return "'\(name)' ties on all \(samples) samples; leave it out of the pool" }
    let what = wrong == 0 ? "right" : "wrong"
    return
      "'\(name)' is \(what) on all \(samples) samples\(ties > 0 ? " but \(ties) ties" : ""), so its labels are not balanced; "
      + (wrong == 0 ? "it needs no router" : "leave it out of the pool")
  }
}
