import Dialogues
import Foundation
import LinearAlgebra
import PreferenceData
import Randomness
import Routing
import Storage
import Testing
import Transformers

/// Training of a small checkpoint of random weights together with a router's heads.
@Suite(.serialized) struct EncoderInTrainingTests {
  private static let checkpoint = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("TransformersTests/Fixtures/llama-gqa")

  /// Which model is right hangs on the first letter of the first response; lengths differ, some prompts and responses are shared.
  private func makeDataset(pairs: Int, seed: UInt64) -> PreferenceDataset {
    var generator = PhiloxGenerator(seed: seed, stream: "encoder-in-training-tests")
    func word(_ letters: String, _ count: Int) -> String {
      let letters = Array(letters)
      return String((0..<count).map { _ in letters[Int(generator.nextUniform() * Double(letters.count))] })
    }
    var scores: [[ScorePair]] = [[], []]
    let items = (0..<pairs).map { index in
      let isFirst = generator.nextUniform() < 0.5
      let response = word(isFirst ? "ab" : "xy", 3 + index % 17)
      let isRight = [isFirst, !isFirst]
      for arm in 0..<2 { scores[arm].append(ScorePair(a: isRight[arm] ? 1 : 0, b: isRight[arm] ? 0 : 1)) }
      return PreferencePair(
        id: "pair-\(index)", domain: nil, source: nil, prompt: .text("q\(index / 2)" + word("mn", index % 5)),
        responseA: response, responseB: index.isMultiple(of: 7) ? response : word("kl", 2 + index % 11), label: .a)
    }
    return PreferenceDataset(
      pairs: items, rewardModels: ["one", "two"].map { RewardModelDescription(name: $0) },
      scores: scores)
  }

  private func training(_ epochs: Int = 2) -> OfflineTraining {
    var training = OfflineTraining()
    (training.epochs, training.batchSize, training.patience, training.dimension) = (epochs, 8, 0, 12)
    training.encoderLearningRate = 1e-3
    return training
  }

  private func tuned(_ tuning: EncoderTuning, passTokens: Int = 8192, isCheckpointing: Bool = false) -> TunedEncoder {
    var encoder = TunedEncoder(folder: Self.checkpoint, tuning: tuning)
    encoder.tokensAtATime = passTokens
    encoder.isCheckpointing = isCheckpointing
    return encoder
  }

  private func trainer(
    _ dataset: PreferenceDataset, _ encoder: TunedEncoder, _ training: OfflineTraining, heldOut: Range<Int>? = nil
  ) throws -> OfflineTrainer {
    let held = heldOut ?? 0..<0
    let behavior = try RewardModelBehavior(dataset, pairs: dataset.pairs.indices.filter { !held.contains($0) })
    return try OfflineTrainer(
      training, set: RouterTrainingSet(behavior), behavior: behavior,
      encoder: encoder.load(Dialogue.both(of: dataset.pairs), training: training),
      validation: heldOut.map { try RewardModelBehavior(dataset, pairs: Array($0)) })
  }

  private func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tuning-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }

  static let tunings: [EncoderTuning] = [.lastLayers(1), .full, .lowRank(2)]

  @Test(arguments: tunings)
  func anEncoderLearnsWhatItsHeadsCannot(tuning: EncoderTuning) throws {
    BLASRuntime.setThreads(1)
    let dataset = makeDataset(pairs: 160, seed: 1)
    var training = training(6)
    training.encoderLearningRate = 1e-2
    var trainer = try trainer(dataset, tuned(tuning), training, heldOut: 120..<160)
    while !trainer.isFinished { try trainer.runEpoch() }
    let losses = trainer.state.history.map(\.loss.total)
    print("\(tuning): losses \(losses), accuracy \(trainer.state.history.map(\.accuracy))")
    #expect(losses[5] < 0.8 * losses[0])
    #expect(trainer.state.bestAccuracy > 0.7)
  }

  /// Sums in another order: equal but for rounding.
  @Test(arguments: [false, true])
  func passesAndCheckpointingChangeNothingButRounding(isCheckpointing: Bool) throws {
    BLASRuntime.setThreads(1)
    let dataset = makeDataset(pairs: 24, seed: 2)
    var training = training(1)
    training.batchSize = 24
    var whole = try trainer(dataset, tuned(.full), training)
    var parts = try trainer(dataset, tuned(.full, passTokens: 100, isCheckpointing: isCheckpointing), training)
    #expect(parts.encoder?.texts.passes(over: Array(0..<24)).count ?? 0 > 4)
    let (one, other) = (try whole.step(), try parts.step())
    #expect(one.tokens == other.tokens && one.tokens > 0)
    #expect(abs(one.loss.total - other.loss.total) < 1e-6)
    #expect(abs(one.gradientNorm - other.gradientNorm) < 1e-5 * one.gradientNorm)
  }

  @Test(arguments: tunings)
  func resumingWithinAnEpochEqualsTheUninterruptedRunBitForBit(tuning: EncoderTuning) throws {
    BLASRuntime.setThreads(1)
    let dataset = makeDataset(pairs: 40, seed: 3)
    func start() throws -> OfflineTrainer { try trainer(dataset, tuned(tuning), training(), heldOut: 32..<40) }
    var whole = try start()
    while !whole.isFinished { try whole.runEpoch() }
    for interruption in 1...3 {
      try withFolder { folder in
        let state = folder.appendingPathComponent("state")
        var first = try start()
        for _ in 0..<2 * interruption { _ = try first.step() }
        try first.save(to: state, settings: [:])
        var second = try start()
        try second.resume(from: state, settings: [:])
        while !second.isFinished { try second.runEpoch() }
        #expect(second.state == whole.state)
        #expect(second.optimizer.savedHeads == whole.optimizer.savedHeads)
        #expect(second.optimizer.savedTransformer == whole.optimizer.savedTransformer)
      }
    }
  }

  /// What was trained is what is loaded: the saved router behind the saved encoder judges as the one in memory.
  @Test(arguments: tunings)
  func aSavedEncoderGivesTheFeaturesOfTheTrainedOne(tuning: EncoderTuning) throws {
    BLASRuntime.setThreads(1)
    let dataset = makeDataset(pairs: 24, seed: 4)
    let tuned = tuned(tuning)
    var trainer = try trainer(dataset, tuned, training(1))
    while !trainer.isFinished { try trainer.runEpoch() }
    let encoder = try #require(trainer.encoder)
    #expect(encoder.model.trainedParameters.count < encoder.model.parameters.count || tuning == .full)
    try withFolder { folder in
      try trainer.router(best: false, encoder: "").save(to: folder.appendingPathComponent("last")) {
        try tuned.save(encoder, to: $0.appendingPathComponent(OfflineRouter.encoderName))
      }
      let own = try #require(OfflineRouter.encoderFolder(folder.appendingPathComponent("last")))
      let loaded = try DialogueEncoder(folder: own)
      let router = try OfflineRouter(folder: folder.appendingPathComponent("last"), encoder: loaded.name)
      #expect(try tuned.startName(encoder) != loaded.name)
      var cache = StateCache(encoder: loaded.fingerprint, size: loaded.size)
      let states = try loaded.encode(Dialogue.both(of: dataset.pairs), cache: &cache).states
      #expect(
        try PairFeatures.rows(states)
          == encoder.texts.features(of: Array(dataset.pairs.indices), encoder.model.model))
      #expect(router.network == trainer.network)
    }
  }

  @Test func wrongRunsAreRefused() throws {
    let dataset = makeDataset(pairs: 16, seed: 5)
    var training = training()
    training.encoderLearningRate = nil
    #expect(throws: RoutingError.self) { try trainer(dataset, tuned(.full), training) }
    try withFolder { folder in
      let state = folder.appendingPathComponent("state")
      var last = try trainer(dataset, tuned(.lastLayers(1)), self.training())
      try last.save(to: state, settings: [:])
      var full = try trainer(dataset, tuned(.full), self.training())
      let error = #expect(throws: RoutingError.self) { try full.resume(from: state, settings: [:]) }
      #expect(error.map { "\($0)" }?.contains("not those of this encoder") == true)
      try last.resume(from: state, settings: [:])
    }
    #expect(EncoderTuning("last:0") == nil && EncoderTuning("lora:x") == nil && EncoderTuning("full:1") == nil)
    #expect(["frozen", "last:2", "full", "lora:8"].allSatisfy { EncoderTuning($0)?.description == $0 })
  }
}
