import RouterKit

/// A step of fine-tuning a router with its transformer, the same each time: seeded tokens, and reward models that are right by
/// coin.
struct TrainingWork {
  let batch: TokenBatch
  /// Of each pair first A's text, then B's.
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

/// A transformer with router heads in training: forward, backward, clipping and AdamW, each timed.
struct TrainingRun {
  /// Seconds of one step.
  struct Phases {
    var forward = 0.0
    /// Pair features and heads, both ways.
    var heads = 0.0
    var backward = 0.0
    /// The gradients' norm, and AdamW.
    var optimizer = 0.0
    /// The model made anew of its parameters.
    var packing = 0.0

    var total: Double { forward + heads + backward + optimizer + packing }
  }

  private(set) var transformer: TrainableTransformer
  private var heads: RouterNetwork<Float>
  private let isCheckpointing: Bool
  private let threads: Int
  private var optimizer: AdamW
  private var headOptimizer: AdamW
  private var gradients: [[Float]]
  private var scratch = TrainingScratch()

  private static let largestNorm = 1.0

  init(_ transformer: TrainableTransformer, arms: Int, isCheckpointing: Bool, threads: Int, seed: UInt64) {
    self.transformer = transformer
    self.isCheckpointing = isCheckpointing
    self.threads = threads
    let size = transformer.configuration.hiddenSize
    var generator = PhiloxGenerator(seed: seed, stream: "router-heads")
    heads = RouterNetwork(features: 2 * size, dimension: size, arms: arms, using: &generator)
    optimizer = AdamW(
      transformer.parameters, groups: [ParameterGroup(name: "backbone", learningRate: 1e-5, weightDecay: 0.01)],
      isTrained: transformer.isTrained)
    headOptimizer = AdamW(
      heads.arrays, groups: [ParameterGroup(name: "heads", learningRate: 1e-3, weightDecay: 0.01)])
    gradients = transformer.zeroGradients
  }

  /// Of the transformer, which has most.
  var trainedParameters: Int {
    zip(transformer.parameters, transformer.isTrained).reduce(0) { $0 + ($1.1 ? $1.0.values.count : 0) }
  }

  /// One step; returns the loss before it.
  mutating func step(_ work: TrainingWork) throws -> (loss: Double, norm: Double, phases: Phases) {
    var phases = Phases()
    let clock = ContinuousClock()
    var start = clock.now
    func lap() -> Double {
      defer { start = clock.now }
      return (clock.now - start).seconds
    }
    let pass = try transformer.forwardPooled(
      work.batch, segments: work.segments, isCheckpointing: isCheckpointing, workers: threads, scratch: &scratch)
    phases.forward = lap()

    let states = pass.vectors
    let features = PairFeatures.rows(states)
    var headGradient = RouterNetwork<Float>(features: features.columns, dimension: heads.dimension, arms: work.arms)
    let (loss, found) = heads.loss(
      features: features, targets: work.targets, RouterLossConfiguration(), addingTo: &headGradient,
      featureGradient: true)
    guard let featureGradient = found else { preconditionFailure("the gradient by the features was asked for") }
    let stateGradient = Matrix(
      rows: (0..<work.targets.count).flatMap { pair in
        let gradients = PairFeatures.stateGradients(
          states.row(2 * pair), states.row(2 * pair + 1), featureGradient.row(pair))
        return [gradients.first, gradients.second]
      })
    phases.heads = lap()

    clear(&gradients, threads: threads)
    transformer.backward(stateGradient, pass, into: &gradients)
    phases.backward = lap()

    let headGradients = headGradient.arrays.map(\.values)
    let number = optimizer.stepCount + 1
    let own = try gradientNorm(gradients, of: transformer.parameters, step: number, threads: threads)
    let other = try gradientNorm(headGradients, of: heads.arrays, step: number, threads: threads)
    let norm = (own * own + other * other).squareRoot()
    let factor = clippingFactor(norm: norm, maximum: Self.largestNorm)
    heads.update { headOptimizer.step(&$0, gradients: headGradients, gradientFactor: factor, threads: threads) }
    transformer.update {
      optimizer.step(&$0, gradients: gradients, gradientFactor: factor, threads: threads)
      phases.optimizer = lap()
    }
    phases.packing = lap()
    return (loss.total, norm, phases)
  }
}
