import Foundation
import Testing

/// Runs the built `bayesrouter crossvalidate`.
@Suite struct CrossValidateCommandTests {
  private struct Summary: Decodable {
    struct Part: Decodable {
      struct Method: Decodable {
        struct Bin: Decodable { let count: Int }
        let method: String
        let fitted: Bool
        let comparisonAccuracy: Double?
        let classificationAccuracy: Double?
        let expectedCalibrationError: Double?
        let reliability: [Bin]?
      }
      let fraction: Double
      let methods: [Method]
    }
    struct Curve: Decodable {
      let fractions: [Double]
      let oracle: Double
    }
    let parts: [Part]
    let learningCurve: Curve?
  }

  @Test func aRunLeavesCalibrationAndLearningCurve() throws {
    try withTemporaryFolder { folder in
      let data = folder.appendingPathComponent("data").path
      #expect(try run(["synthesize", "--pairs", "60", "--rms", "4", "--out", data]).status == 0)
      let out = folder.appendingPathComponent("run")
      let result = try run([
        "crossvalidate", "--data", data, "--folds", "3", "--seeds", "1", "--fractions", "1,0.5", "--out", out.path,
      ])
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.output.contains("gap to the oracle") || result.output.contains("closes no gap"))
      let names = Set(try FileManager.default.contentsOfDirectory(atPath: out.path))
      #expect(
        names.isSuperset(of: [
          "config.json", "summary.json", "table.md", "table.csv", "reliability.gp", "forecasts.gp", "learning-curve.gp",
        ]))
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      let summary = try decoder.decode(
        Summary.self, from: Data(contentsOf: out.appendingPathComponent("summary.json")))
      #expect(summary.parts.map(\.fraction) == [0.5, 1] && summary.learningCurve?.fractions == [0.5, 1])
      for method in summary.parts[1].methods {
        #expect(method.fitted == (method.reliability != nil), "\(method.method)")
        guard let bins = method.reliability else { continue }
        // Every pair is held out once, with all four models.
        #expect(bins.reduce(0) { $0 + $1.count } == 240)
        for value in [
          method.comparisonAccuracy, method.classificationAccuracy, method.expectedCalibrationError,
        ] {
          #expect((0...1).contains(try #require(value)))
        }
      }
    }
  }
}
