import Alignment
import PreferenceData
import Randomness
import Storage
import Studies
import Testing

@Suite struct ReplayReportTests {
  @Test func denominatorsCountTheirPairs() async throws {
    let study = try study(try twoDomainWorld(12))
    let outcomes = [try await study.run(.single(0, of: study.dataset.rewardModels)), try await study.run(.oracle)]
    var generator = PhiloxGenerator(seed: 1, stream: "test-report")
    let report = ReplayReport(pools: [(study, outcomes)], using: &generator)
    #expect(report.pairCounts == [12, 12, 12])
    #expect(report.bestSingle == "even-rm")
    #expect(report.rows.map(\.method) == ["even-rm", "oracle (hindsight)"])
    #expect(report.rows[0].accuracy.accuracies.map { $0?.value } == [0.5, 0.5, 0.5])
    #expect(report.rows[0].accuracy.toBestSingle == Estimate(value: 0, low: 0, high: 0))
    #expect(report.rows[1].accuracy.toBestSingle?.value == 0.5)
    #expect(report.summary.disagreementPairs == 12)
    #expect(report.terminalTable.rows[0][1].hasPrefix("50.00 ["))
  }

  @Test func severalPoolsAreOneSampleOfCopies() async throws {
    let study = try study(try twoDomainWorld(12))
    let outcomes = [try await study.run(.single(0, of: study.dataset.rewardModels)), try await study.run(.random)]
    var generator = PhiloxGenerator(seed: 2, stream: "test-report")
    let one = ReplayReport(pools: [(study, outcomes)], using: &generator)
    generator = PhiloxGenerator(seed: 2, stream: "test-report")
    let three = ReplayReport(pools: [(study, outcomes), (study, outcomes), (study, outcomes)], using: &generator)
    #expect(three.rows.map(\.method) == ["random"])
    #expect(three.pairCounts == [36, 36, 36])
    // Copies stay together, so they add no evidence: the interval is that of one pool.
    #expect(three.rows[0].accuracy[.all] == one.rows[1].accuracy[.all])
  }

  @Test func anEmptyDenominatorIsADash() async throws {
    let world = try twoDomainWorld(4)
    let agreeing = try ReplayWorld(
      dataset: world.dataset.selecting(arms: [0]), contexts: world.contexts)
    let study = try study(agreeing)
    var generator = PhiloxGenerator(seed: 3, stream: "test-report")
    let report = ReplayReport(
      pools: [(study, [try await study.run(.single(0, of: study.dataset.rewardModels))])], using: &generator)
    #expect(report.pairCounts == [4, 2, 0])
    #expect(report.rows[0].accuracy[.disagreement] == nil)
    #expect(report.terminalTable.rows[0][3] == "-")
    let summary = try JSONRecord(
      JSONDocument.read(Array(JSONText.line(report.summary)), file: "summary"), at: FilePlace(file: "summary"))
    let row = try summary.records("methods")[0]
    #expect(row.optional("accuracy_disagreement") == nil)
    #expect(try row.finite("accuracy_all") == 0.5)
  }
}
