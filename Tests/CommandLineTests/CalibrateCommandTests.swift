import Foundation
import Testing

/// Runs the built `bayesrouter calibrate`.
@Suite struct CalibrateCommandTests {
  private struct Report: Decodable {
    struct Row: Decodable {
      let rewardModel: String
      let pairs: Int
      let a: Double
      let b: Double
      let expectedCalibrationError: Double
    }
    let labelledPairs: Int
    let rows: [Row]
  }

  private struct File: Decodable {
    struct Model: Decodable {
      let rewardModel: String
      let a: Double
      let b: Double
    }
    let formatVersion: Int
    let rewardModels: [Model]
  }

  @Test func aCalibrationIsPrintedDrawnAndWritten() throws {
    try withTemporaryFolder { folder in
      let data = folder.appendingPathComponent("data").path
      #expect(try run(["synthesize", "--pairs", "80", "--rms", "3", "--out", data]).status == 0)
      let (file, plots) = (folder.appendingPathComponent("calibration.json"), folder.appendingPathComponent("plots"))
      let arguments = ["calibrate", "--data", data, "--out", file.path, "--folds", "3"]
      let json = try run(arguments + ["--json", "--plot", plots.path])
      #expect(json.status == 0, "\(json.errors)")
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      let report = try decoder.decode(Report.self, from: Data(json.output.utf8))
      #expect(report.labelledPairs == 80 && report.rows.count == 3)
      let written = try JSONDecoder().decode(File.self, from: Data(contentsOf: file))
      #expect(written.formatVersion == 1)
      #expect(written.rewardModels.map(\.rewardModel) == report.rows.map(\.rewardModel))
      #expect(written.rewardModels.map(\.a) == report.rows.map(\.a))
      #expect(written.rewardModels.map(\.b) == report.rows.map(\.b))
      let drawn = Set(try FileManager.default.contentsOfDirectory(atPath: plots.path))
      #expect(drawn.isSuperset(of: ["reliability.gp", "forecasts.gp"]))

      let before = try Data(contentsOf: file)
      let refused = try run(arguments)
      #expect(refused.status != 0 && refused.errors.contains("exists already"))
      #expect(try Data(contentsOf: file) == before)
      let replaced = try run(arguments + ["--replace"])
      #expect(replaced.status == 0 && replaced.output.contains("80 labelled pairs") && replaced.output.contains("ECE"))
      #expect(try Data(contentsOf: file) == before)
    }
  }
}
