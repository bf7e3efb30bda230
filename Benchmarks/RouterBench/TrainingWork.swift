import RouterKit

/// A step of fine-tuning a router with its transformer, the same each time: seeded tokens, and reward models that are right by
/// coin.
struct TrainingWork {
  let batch: TokenBatch
  /// The segment where each text ends, of each pair first A's, then B's.
  let segments: [Int]
  /// Tokens of all texts; the batch has each pair's prompt once.
  let textTokens: Int
  let targets: [RouterTarget]
  let arms: Int

  /// - Parameters:
  ///   - pairs: each of two texts of `length` tokens, of which the first `prompt` are the same.
  ///   - arms: reward models, of which each pair has one at least that is right and one that is wrong.
  init(pairs: Int, length: Int, prompt: Int, arms: Int, vocabulary: Int, seed: UInt64) {
    var generator = PhiloxGenerator(seed: seed, stream: "training-work")
    var batch = TokenBatch()
    func tokens(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32(generator.nextIndex(below: vocabulary)) } }
    segments = (0..<pairs).flatMap { _ in
      let shared = prompt > 0 ? batch.append(tokens(prompt)) : nil
      return (0..<2).map { _ in batch.append(tokens(length - prompt), continuing: shared) }
    }
    self.batch = batch
    textTokens = 2 * pairs * length
    self.arms = arms
    targets = (0..<pairs).map { pair in
      let order = generator.permutation(arms)
      var right = (0..<arms).map { _ in generator.nextUniform() < 0.5 }
      (right[order[0]], right[order[1]]) = (true, false)
      let comparisons = (0..<arms).flatMap { winner in
        (0..<arms).filter { right[winner] && !right[$0] }.map { ArmComparison(winner: winner, loser: $0) }
      }
      return RouterTarget(
        pair: pair, comparisons: comparisons, labels: right, differences: [Double?](repeating: nil, count: arms))
    }
  }

  /// The rows of the batch whose states are wanted.
  var rows: [Int] { segments.map { batch.lastRow(of: $0) } }
}

/// A transformer with router heads in training, its steps timed by their parts.
struct TimedTraining {
  /// The seconds of one step.
  struct Phases {
    var forward = 0.0
    /// Pair features and heads, both ways.
    var heads = 0.0
    var backward = 0.0
    /// The gradients' norm, AdamW, the check of what it left, and the gradients' return to 0.
    var optimizer = 0.0
    /// The model made anew of its parameters.
    var packing = 0.0

    var total: Double { forward + heads + backward + optimizer + packing }
  }

  private var optimizer: TransformerOptimizer<RouterNetwork<Float>>
  private let isCheckpointing: Bool
  private let threads: Int

  init(_ transformer: TrainableTransformer, arms: Int, isCheckpointing: Bool, threads: Int, seed: UInt64) {
    self.isCheckpointing = isCheckpointing
    self.threads = threads
    let size = transformer.configuration.hiddenSize
    var generator = PhiloxGenerator(seed: seed, stream: "router-heads")
    optimizer = TransformerOptimizer(
      transformer, group: ParameterGroup(name: "backbone", learningRate: 1e-5, weightDecay: 0.01),
      heads: RouterNetwork(features: 2 * size, dimension: size, arms: arms, using: &generator),
      headGroup: ParameterGroup(name: "heads", learningRate: 1e-3, weightDecay: 0.01), largestNorm: 1)
  }

  var transformer: TrainableTransformer { optimizer.transformer }

  /// The number of the transformer's trained parameters, beside which the heads' are few.
  var trainedParameters: Int { transformer.trainedParameters.reduce(0) { $0 + $1.values.count } }

  /// Takes one step; returns the loss before it.
  mutating func step(_ work: TrainingWork) throws -> (loss: Double, norm: Double, phases: Phases) {
    var phases = Phases()
    let clock = ContinuousClock()
    var start = clock.now
    func lap() -> Double {
      defer { start = clock.now }
      return (clock.now - start).seconds
    }
    let pass = try optimizer.forwardPooled(
      work.batch, segments: work.segments, isCheckpointing: isCheckpointing, workers: threads)
    phases.forward = lap()

    let states = pass.vectors
    let features = PairFeatures.rows(states)
    let (loss, found) = optimizer.accumulate { heads, gradient in
      heads.loss(
        features: features, targets: work.targets, RouterLossConfiguration(), addingTo: &gradient,
        featureGradient: true)
    }
    guard let featureGradient = found else { preconditionFailure("the gradient by the features was asked for") }
    let stateGradient = Matrix(
      rows: (0..<work.targets.count).flatMap { pair in
        let gradients = PairFeatures.stateGradients(
          states.row(2 * pair), states.row(2 * pair + 1), featureGradient.row(pair))
        return [gradients.first, gradients.second]
      })
    phases.heads = lap()

    optimizer.backward(stateGradient, pass)
    phases.backward = lap()

    let report = try optimizer.step(threads: threads)
    phases.packing = report.packingSeconds
    phases.optimizer = lap() - report.packingSeconds
    return (loss.total, report.gradientNorm, phases)
  }
}
