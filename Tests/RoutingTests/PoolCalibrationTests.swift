import Foundation
import PreferenceData
import Randomness
import Routing
import Storage
import Testing

@Suite struct PoolCalibrationTests {
  private static let names = ["large", "small"]

  private func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("calibration-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }

  /// Two models on pairs with labels of both sides; each tenth pair has no label, and the second model is tied on each seventh.
  private func dataset(pairs count: Int = 200, labelled: Bool = true) -> PreferenceDataset {
    let judgements = [
      plantedJudgements(count, a: 0.8, b: 1, scale: 4, seed: 21), plantedJudgements(count, a: 0.3, b: 0.6, seed: 22),
    ]
    let labels = (0..<count).map { index -> ResponseSide? in
      labelled && index % 10 != 9 ? (index % 3 == 0 ? .a : .b) : nil
    }
    let pairs = labels.enumerated().map { index, label in
      PreferencePair(
        id: "pair-\(index)", prompt: .text("prompt \(index / 2)"), responseA: "a", responseB: "b", label: label)
    }
    let scores = judgements.enumerated().map { arm, row in
      row.enumerated().map { index, judgement -> ScorePair in
        if arm == 1 && index % 7 == 0 { return ScorePair(a: 1, b: 1) }
        let forA = judgement.isRight == ((labels[index] ?? .a) == .a)
        return ScorePair(a: forA ? abs(judgement.margin) : 0, b: forA ? 0 : abs(judgement.margin))
      }
    }
    return PreferenceDataset(
      pairs: pairs, rewardModels: Self.names.map { RewardModelDescription(name: $0) }, scores: scores)
  }

  @Test func eachModelIsFittedToItsLabelledPairsWithoutTies() throws {
    let dataset = dataset()
    let calibration = try PoolCalibration(fitting: dataset)
    #expect(calibration.rewardModels == Self.names)
    let labelled = dataset.pairs.indices.filter { $0 % 10 != 9 }
    #expect(calibration["large"]?.evidence.pairs == labelled.count && calibration["large"]?.evidence.ties == 0)
    #expect(calibration["small"]?.evidence.ties == labelled.count { $0 % 7 == 0 })
    #expect(calibration["none"] == nil)
    for (arm, name) in Self.names.enumerated() {
      let alone = try MarginCalibration(rewardModel: name, judgements: dataset.labelledJudgements(arm: arm))
      #expect(calibration[name] == alone)
      #expect(try calibration.logOdds(rewardModel: name, margin: -2) == alone.logOdds(margin: -2))
      #expect(try calibration.probability(rewardModel: name, margin: -2) == alone.probability(margin: -2))
    }
  }

  @Test func onlyTheModelThatWasAskedLearns() throws {
    var calibration = try PoolCalibration(fitting: dataset())
    var alone = try #require(calibration["small"])
    try calibration.observe(rewardModel: "small", margin: 3, isRight: true)
    try calibration.observe(rewardModel: "small", margin: 2)
    try alone.observe(margin: 3, isRight: true)
    try alone.observe(margin: 2)
    #expect(calibration["small"] == alone && alone.updateCount == 1)
    #expect(calibration["large"] == (try PoolCalibration(fitting: dataset()))["large"])
    for _ in 0..<4 { try calibration.observe(rewardModel: "large", margin: 1e9) }
    #expect(calibration.scaleWarnings.count == 1)
  }

  @Test func whatCannotBeCalibratedIsNamed() throws {
    #expect(throws: RoutingError.calibration(.noLabels(pairs: 20))) {
      try PoolCalibration(fitting: dataset(pairs: 20, labelled: false))
    }
    #expect(throws: RoutingError.duplicateArm(name: "a")) { try PoolCalibration(rewardModels: ["a", "b", "a"]) }
    let calibration = try PoolCalibration(rewardModels: Self.names)
    #expect(throws: RoutingError.unknownArm(name: "x", known: Self.names)) {
      try calibration.logOdds(rewardModel: "x", margin: 1)
    }
    // Finite scores whose difference is not.
    let whole = dataset(pairs: 40)
    var scores = whole.scores
    scores[1][3] = ScorePair(a: 1e308, b: -1e308)
    let overflowing = PreferenceDataset(pairs: whole.pairs, rewardModels: whole.rewardModels, scores: scores)
    #expect(throws: RoutingError.calibration(.margin(rewardModel: "small", pair: "pair-3", value: "inf"))) {
      try PoolCalibration(fitting: overflowing)
    }
  }

  // MARK: Files

  @Test func aFileReadsBackBitForBit() throws {
    try withFolder { folder in
      let file = folder.appendingPathComponent("calibration.json")
      var calibration = try PoolCalibration(fitting: dataset())
      for step in 0..<90 {
        try calibration.observe(rewardModel: Self.names[step % 2], margin: 0.1 + Double(step), isRight: step % 3 > 0)
      }
      try calibration.write(to: file)
      #expect(try PoolCalibration(contentsOf: file) == calibration)
      // By name: the order does not matter.
      #expect(try PoolCalibration(contentsOf: file, rewardModels: ["small", "large"]) == calibration)
      #expect(throws: StorageError.exists(path: file.path)) { try calibration.write(to: file) }
      let first = try AtomicFile.read(file)
      try calibration.write(to: file, replacing: true)
      #expect(try AtomicFile.read(file) == first)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["calibration.json"])
    }
  }

  @Test func otherModelsAreNamed() throws {
    try withFolder { folder in
      let file = folder.appendingPathComponent("calibration.json")
      try PoolCalibration(rewardModels: Self.names).write(to: file)
      let error = RoutingError.savedState(path: file.path, .otherCalibration(missing: ["new"], surplus: ["small"]))
      #expect(throws: error) { try PoolCalibration(contentsOf: file, rewardModels: ["large", "new"]) }
      #expect(error.description.contains("lacks new") && error.description.contains("has small besides"))
    }
  }

  @Test func anotherFormatIsRefused() throws {
    try withFolder { folder in
      let file = folder.appendingPathComponent("calibration.json")
      try AtomicFile.write(Data(#"{"formatVersion": 2, "rewardModels": []}"#.utf8), to: file)
      #expect(throws: RoutingError.savedState(path: file.path, .formatVersion(found: 2, readable: 1))) {
        try PoolCalibration(contentsOf: file)
      }
      try AtomicFile.write(Data("{}".utf8), to: file)
      #expect(
        throws: RoutingError.savedState(
          path: file.path, .notADescription(of: .calibration, .missingField("formatVersion")))
      ) { try PoolCalibration(contentsOf: file) }
    }
  }

  /// Single bytes changed all over the file: refused, or read as a calibration that can be used.
  @Test func changedFilesNeverTrap() throws {
    try withFolder { folder in
      let file = folder.appendingPathComponent("calibration.json")
      var calibration = try PoolCalibration(fitting: dataset())
      for step in 0..<5 { try calibration.observe(rewardModel: "small", margin: Double(step), isRight: true) }
      try calibration.write(to: file)
      let whole = Data(try AtomicFile.read(file))
      var generator = PhiloxGenerator(seed: 42, stream: "test-mutation")
      for _ in 0..<300 {
        var changed = whole
        changed[generator.nextIndex(below: whole.count)] = UInt8(generator.nextIndex(below: 128))
        try changed.write(to: file)
        guard var read = try? PoolCalibration(contentsOf: file) else { continue }
        for name in read.rewardModels {
          try read.observe(rewardModel: name, margin: 2, isRight: false)
          #expect((0...1).contains(try read.probability(rewardModel: name, margin: 2)))
        }
        _ = read.scaleWarnings
      }
    }
  }

  // MARK: Router folders

  private func state(_ calibration: PoolCalibration?) -> RouterState {
    RouterState(
      router: ThompsonSamplingRouter(
        armNames: Self.names, priors: [GaussianPrior](repeating: GaussianPrior(dimension: 3, variance: 0.5), count: 2),
        configuration: .init(noiseVariance: 0.2)),
      normalizer: RewardNormalizer(.none), generator: PhiloxGenerator(seed: 1, stream: "calibrated"),
      encoder: "hashed-3", calibration: calibration)
  }

  @Test func aRouterFolderKeepsTheCalibration() throws {
    try withFolder { parent in
      let folder = parent.appendingPathComponent("router")
      var calibration = try PoolCalibration(fitting: dataset())
      try calibration.observe(rewardModel: "large", margin: 1.5, isRight: false)
      try state(calibration).save(to: folder)
      #expect(try RouterState(folder: folder).calibration == calibration)
      #expect(try PoolCalibration(contentsOf: folder.appendingPathComponent("calibration.json")) == calibration)
      // A folder that should have one is damaged without.
      try AtomicFile.remove(folder.appendingPathComponent("calibration.json"))
      #expect(throws: StorageError.self) { try RouterState(folder: folder) }
    }
  }

  @Test func withoutCalibrationAFolderIsAsItWas() throws {
    try withFolder { parent in
      let folder = parent.appendingPathComponent("router")
      try state(nil).save(to: folder)
      #expect(
        Set(try FileManager.default.contentsOfDirectory(atPath: folder.path)) == [
          "manifest.json", "posteriors.safetensors",
        ])
      let bytes = try AtomicFile.read(folder.appendingPathComponent("manifest.json"))
      let manifest = String(decoding: bytes, as: UTF8.self)
      #expect(!manifest.contains("alibration"))
      #expect(try RouterState(folder: folder).calibration == nil)
    }
  }

  @Test func aRouterOfOtherModelsIsNotSaved() throws {
    try withFolder { parent in
      let folder = parent.appendingPathComponent("router")
      let calibration = try PoolCalibration(rewardModels: ["large", "other"])
      #expect(
        throws: RoutingError.savedState(
          path: folder.appendingPathComponent("calibration.json").path,
          .otherCalibration(missing: ["small"], surplus: ["other"]))
      ) { try state(calibration).save(to: folder) }
      #expect(!FileManager.default.fileExists(atPath: folder.path))
    }
  }
}
