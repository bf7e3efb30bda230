import Foundation
import LinearAlgebra
import PreferenceData
import Routing
import Storage
import Testing

@Suite(.serialized) struct OfflineTrainerTests {
  private func trainer(
    _ world: PlantedWorld, training pairs: Range<Int>, validation: Range<Int>? = nil,
    _ training: OfflineTraining = OfflineTraining(),
    set configuration: RouterTrainingSet.Configuration = RouterTrainingSet.Configuration()
  ) throws -> OfflineTrainer {
    let behavior = try RewardModelBehavior(world.dataset, pairs: Array(pairs))
    return try OfflineTrainer(
      training, set: RouterTrainingSet(behavior, configuration), behavior: behavior, features: world.features,
      validation: validation.map { try RewardModelBehavior(world.dataset, pairs: Array($0)) })
  }

  private func small(_ epochs: Int = 4) -> OfflineTraining {
    var training = OfflineTraining()
    training.epochs = epochs
    training.dimension = 12
    training.batchSize = 32
    training.patience = 0
    return training
  }

  private func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("offline-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }

  /// 5,000 labelled pairs, judged on 20,000 others.
  @Test func aPlantedRouterIsRecoveredWithinTwoPoints() throws {
    BLASRuntime.setThreads(1)
    let world = PlantedWorld(pairs: 25_000, seed: 11)
    var training = OfflineTraining()
    training.dimension = 32
    var trainer = try trainer(world, training: 0..<4000, validation: 4000..<5000, training)
    while !trainer.isFinished { try trainer.runEpoch() }
    let arms = try trainer.router(encoder: "test").judge(world.features).arms
    let test = 5000..<25_000
    let (found, planted) = (world.accuracy(arms, over: test), world.accuracy(world.bestArms, over: test))
    print("planted \(planted), recovered \(found) in \(trainer.state.epoch) epochs")
    #expect(found > planted - 0.02)
  }

  /// Where the features say nothing a router gains nothing. Thinning hides which model is better on the whole, so that the paper's
  /// recipe falls to the mean of the models; without thinning it learns the best one, and follows noise away from it for up
  /// to two points.
  @Test(arguments: [true, false])
  func shuffledLabelsGainNothing(thins: Bool) throws {
    BLASRuntime.setThreads(1)
    let world = PlantedWorld(pairs: 25_000, biases: [0.8, 0.5, 0.2, 0], shuffled: true, seed: 12)
    var training = OfflineTraining()
    training.dimension = 32
    var set = RouterTrainingSet.Configuration()
    set.thinsComparisons = thins
    var trainer = try trainer(world, training: 0..<4000, validation: 4000..<5000, training, set: set)
    while !trainer.isFinished { try trainer.runEpoch() }
    let arms = try trainer.router(encoder: "test").judge(world.features).arms
    let test = 5000..<25_000
    let singles = (0..<4).map { world.accuracy(arm: $0, over: test) }
    let (best, mean) = (singles.max() ?? 0, singles.reduce(0, +) / 4)
    let found = world.accuracy(arms, over: test)
    print("shuffled, thins \(thins): best single \(best), mean \(mean), router \(found)")
    #expect(found < best + 0.005)
    #expect(found > (thins ? mean - 0.01 : best - 0.02))
  }

  @Test func resumingEqualsTheUninterruptedRunBitForBit() throws {
    BLASRuntime.setThreads(1)
    let world = PlantedWorld(pairs: 400, seed: 13)
    var whole = try trainer(world, training: 0..<300, validation: 300..<400, small())
    for _ in 0..<4 { try whole.runEpoch() }
    for interruption in 1...3 {
      try withFolder { folder in
        var first = try trainer(world, training: 0..<300, validation: 300..<400, small())
        for _ in 0..<interruption { try first.runEpoch() }
        for _ in 0..<interruption { _ = try first.step() }
        try first.save(to: folder.appendingPathComponent("state"), settings: ["a": "1"])
        var second = try trainer(world, training: 0..<300, validation: 300..<400, small())
        try second.resume(from: folder.appendingPathComponent("state"), settings: ["a": "1"])
        #expect(second.state == first.state && second.optimizer.savedHeads == first.optimizer.savedHeads)
        while !second.isFinished { try second.runEpoch() }
        #expect(second.state == whole.state && second.optimizer.savedHeads == whole.optimizer.savedHeads)
        let routers = try [("whole", whole), ("resumed", second)].map { name, trainer in
          try trainer.router(encoder: "test").save(to: folder.appendingPathComponent(name))
          return try ["router.safetensors", "manifest.json"].map {
            try AtomicFile.read(folder.appendingPathComponent(name).appendingPathComponent($0))
          }
        }
        #expect(routers[0] == routers[1])
      }
    }
  }

  @Test func anotherSettingIsRefusedByName() throws {
    let world = PlantedWorld(pairs: 100, seed: 14)
    try withFolder { folder in
      let state = folder.appendingPathComponent("state")
      var trainer = try trainer(world, training: 0..<100, small())
      try trainer.save(to: state, settings: ["lambda": "0.5", "seed": "1"])
      let error = #expect(throws: RoutingError.self) {
        try trainer.resume(from: state, settings: ["lambda": "0.2", "seed": "1"])
      }
      #expect(error.map(String.init(describing:))?.contains("lambda was 0.5 and is 0.2;") == true)
    }
  }

  @Test func aDivergingRunStopsWithBatchAndTensor() throws {
    let world = PlantedWorld(pairs: 200, seed: 15)
    var training = small()
    training.learningRate = 1e38
    training.clipNorm = 0
    training.warmup = 0
    var trainer = try trainer(world, training: 0..<200, training)
    let error = #expect(throws: RoutingError.self) { while true { _ = try trainer.step() } }
    guard case .diverged(1, let step, let tensor, let pairs) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(step >= 1 && !tensor.isEmpty && pairs.count == 32 && pairs.allSatisfy { $0.hasPrefix("pair-") })
  }

  @Test func trainingStopsEarlyAndKeepsTheBestEpoch() throws {
    let world = PlantedWorld(pairs: 300, shuffled: true, seed: 16)
    var training = small(100)
    training.patience = 3
    var trainer = try trainer(world, training: 0..<200, validation: 200..<300, training)
    while !trainer.isFinished { try trainer.runEpoch() }
    #expect(trainer.state.epoch < 100 && trainer.state.epoch == trainer.state.bestEpoch + 3)
    #expect(trainer.state.bestAccuracy == trainer.state.history.map(\.accuracy).max())
    #expect(trainer.router(encoder: "test").training?.epoch == trainer.state.bestEpoch)
  }

  @Test func featuresThatAreNotFiniteAreRefused() throws {
    let world = PlantedWorld(pairs: 50, seed: 17)
    var features = world.features
    features[3, 2] = .nan
    let behavior = try RewardModelBehavior(world.dataset)
    #expect(throws: RoutingError.notFinite(what: "the feature vector of pair 3", index: 2)) {
      try OfflineTrainer(small(), set: RouterTrainingSet(behavior), behavior: behavior, features: features)
    }
  }

  @Test func savedRoutersAreCheckedForModelsAndEncoder() throws {
    let world = PlantedWorld(pairs: 100, seed: 18)
    var trainer = try trainer(world, training: 0..<100, small(1))
    try trainer.runEpoch()
    let router = trainer.router(encoder: "hashed-16")
    try withFolder { folder in
      // In a training run's folder the best router is found.
      try router.save(to: folder.appendingPathComponent("best"))
      let names = ["rm-0", "rm-1", "rm-2", "rm-3"]
      #expect(try OfflineRouter(folder: folder, rewardModels: names, encoder: "hashed-16") == router)
      #expect(OfflineRouter.exists(at: folder))
      #expect(router.training?.pairs?.overlap(with: world.dataset.pairs).trained == 100)
      let other = #expect(throws: RoutingError.self) { try OfflineRouter(folder: folder, encoder: "hashed-32") }
      #expect(other.map(String.init(describing:))?.contains("'hashed-16', not 'hashed-32'") == true)
      #expect(throws: RoutingError.self) { try OfflineRouter(folder: folder, rewardModels: names.reversed()) }
      #expect(throws: RoutingError.self) { try OfflineRouter(folder: folder.appendingPathComponent("nowhere")) }
      #expect(throws: RoutingError.contextSize(found: 3, expected: 16)) {
        try router.contexts(Matrix(rows: 1, columns: 3))
      }
    }
  }

  /// The published checkpoint has the encoder's tensors too, in any of the float types.
  @Test func aPublishedCheckpointLoadsWithoutItsEncoder() throws {
    let world = PlantedWorld(pairs: 60, seed: 19)
    let network = try trainer(world, training: 0..<60, small()).network
    try withFolder { folder in
      let url = folder.appendingPathComponent("model.safetensors")
      var tensors = network.tensors()
      tensors["backbone.embed_tokens.weight"] = .init([Float](repeating: 1, count: 6), shape: [3, 2])
      try AtomicFile.write(Safetensors.encode(tensors), to: url)
      let (router, ignored) = try OfflineRouter.published(
        url, rewardModels: ["a", "b", "c", "d"], encoder: "smollm2")
      #expect(router.network == network && ignored == ["backbone.embed_tokens.weight"])
      tensors["bt_vectors"] = .init([Float](repeating: 1, count: 8), shape: [4, 2])
      try AtomicFile.write(Safetensors.encode(tensors), to: url)
      #expect(throws: RoutingError.self) {
        try OfflineRouter.published(url, rewardModels: ["a", "b", "c", "d"], encoder: "smollm2")
      }
    }
  }

  /// A step of 5,000 pairs x 1,152 features x d = 576: counted, not timed, that all work is in whole batches.
  @Test func theFullSizeTrainsAnEpoch() throws {
    // As all suites here: another number would change the bits of those that run beside this one.
    BLASRuntime.setThreads(1)
    let world = PlantedWorld(pairs: 5000, features: 1152, seed: 20)
    var set = RouterTrainingSet.Configuration()
    set.keepsDisagreementOnly = false
    var training = OfflineTraining()
    training.patience = 0
    var trainer = try trainer(world, training: 0..<5000, training, set: set)
    let clock = ContinuousClock()
    let time = try clock.measure { try trainer.runEpoch() }
    print("one epoch of 5000 x 1152 x 576: \(time)")
    #expect(trainer.state.steps == 79)
  }
}
