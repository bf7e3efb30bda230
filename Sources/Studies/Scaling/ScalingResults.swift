import Foundation
import LinearAlgebra
import PreferenceData
import Reporting

/// All that a scaling study found, in the tables and the summary that it leaves.
public struct ScalingResults {
  /// The report of each number of pairs a step; the first has every size of the pool.
  public let reports: [(batch: Int, report: ScalingReport)]
  public let accuracy: ScalingAccuracy
  public let coldCalls: ColdCalls
  public let overlap: OverlapGain?
  public let routing: [RoutingCost]
  public let projection: CostProjection
  public let inputs: ScalingSetup

  public init(
    reports: [(batch: Int, report: ScalingReport)], accuracy: ScalingAccuracy, coldCalls: ColdCalls,
    overlap: OverlapGain?, routing: [RoutingCost], projection: CostProjection, inputs: ScalingSetup
  ) {
    self.reports = reports
    self.accuracy = accuracy
    self.coldCalls = coldCalls
    self.overlap = overlap
    self.routing = routing
    self.projection = projection
    self.inputs = inputs
  }

  public var main: ScalingReport { reports[0].report }
  public var sizes: [Int] { Set(main.rows.map(\.rms)).sorted() }

  /// Bytes that a method holds: weights of its reward models, and of encoder and posteriors where it has them.
  public func memoryBytes(_ row: ScalingRow) -> Int {
    let ofRouter =
      inputs.encoderModel.weightByteCount
      + RoutingCost.posteriorBytes(arms: row.rms, dimension: inputs.encoder.dimension)
    return (row.method.asksAlwaysTheSame ? 1 : row.rms) * inputs.rewardModelWeightBytes
      + (row.method.needsEncoder ? ofRouter : 0)
  }

  // MARK: Tables

  /// Costs a pair, and accuracy: 120 columns.
  public func table(_ report: ScalingReport) -> Table {
    var table = Table([
      .init("N", .right), .init("method"), .init("calls", .right), .init("tokens", .right), .init("RM ms", .right),
      .init("enc ms", .right), .init("route ms", .right), .init("upd ms", .right), .init("wall ms", .right),
      .init("majority/wall", .right), .init("GiB", .right), .init("accuracy %", .right),
    ])
    func milliseconds(_ row: ScalingRow, _ sum: Double) -> String {
      let value = 1e3 * row.perPair(sum)
      return value == 0 ? "-" : String(format: value < 10 ? "%.3f" : "%.1f", value)
    }
    for row in report.rows {
      let majority = report.row(.majority, rms: row.rms).map {
        $0.perPair($0.wallSeconds) / row.perPair(row.wallSeconds)
      }
      table.append([
        "\(row.rms)", row.method.name, String(format: "%.3f", row.rmCallsPerPair),
        String(format: "%.0f", row.perPair(Double(row.rmTokens))), milliseconds(row, row.rmSeconds),
        milliseconds(row, row.encoderSeconds),
        row.method.needsEncoder ? milliseconds(row, row.routingSeconds) : "-",
        row.method.needsEncoder ? milliseconds(row, row.updateSeconds) : "-", milliseconds(row, row.wallSeconds),
        majority.map { String(format: "%.2fx", $0) } ?? "-",
        String(format: "%.1f", Double(memoryBytes(row)) / 1_073_741_824),
        accuracy[row.method, row.rms].map {
          String(
            format: "%.1f [%.0f,%.0f]", 100 * $0.value, 100 * $0.low, 100 * $0.high)
        } ?? "-",
      ])
    }
    return table
  }

  public var fitTable: Table {
    var table = Table([
      .init("method"), .init("slope ms/RM", .right), .init("95 % interval", .right), .init("intercept ms", .right),
      .init("95 % interval", .right), .init("slope/majority's", .right),
    ])
    func interval(_ interval: Interval) -> String {
      String(format: "[%.2f, %.2f]", 1e3 * interval.low, 1e3 * interval.high)
    }
    for fit in main.fits {
      table.append([
        fit.method.name, String(format: "%.2f", 1e3 * fit.slope), interval(fit.slopeInterval),
        String(format: "%.2f", 1e3 * fit.intercept), interval(fit.interceptInterval),
        fit.slopeToMajority.map { String(format: "%.2f %%", 100 * $0) } ?? "-",
      ])
    }
    return table
  }

  public var projectedTable: Table {
    var table = Table([.init("method")] + sizes.map { .init("N = \($0)", .right) })
    for method in [ScalingMethod.bayesian, .majority, .single] {
      table.append(
        [method.name]
          + sizes.map { rms in
            main.row(method, rms: rms).map {
              String(format: "%.2f", 1e3 * projection.row($0).secondsPerPair)
            } ?? "-"
          })
    }
    return table
  }

  public var routingTable: Table {
    var table = Table([
      .init("arms", .right), .init("d", .right), .init("route ms/pair", .right), .init("update ms/pair", .right),
      .init("of an RM call", .right), .init("posteriors MiB", .right),
    ])
    for cost in routing {
      let seconds = cost.routingSecondsPerPair + cost.updateSecondsPerPair
      table.append([
        "\(cost.arms)", "\(cost.dimension)", String(format: "%.3f", 1e3 * cost.routingSecondsPerPair),
        String(format: "%.3f", 1e3 * cost.updateSecondsPerPair),
        String(format: "%.3f %%", 100 * seconds / coldCalls.rmWarmSeconds),
        String(format: "%.0f", Double(cost.posteriorBytes) / 1_048_576),
      ])
    }
    return table
  }
}

// MARK: summary.json

extension ScalingResults {
  public struct Row: Encodable {
    let row: ScalingRow
    let memoryBytes: Int
    let accuracy: Double?
    let accuracyInterval: [Double]?

    enum CodingKeys: String, CodingKey {
      case accuracy
      case memoryBytes = "memory_bytes"
      case accuracyInterval = "accuracy_interval"
    }

    public func encode(to encoder: any Encoder) throws {
      try row.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(memoryBytes, forKey: .memoryBytes)
      try container.encodeIfPresent(accuracy, forKey: .accuracy)
      try container.encodeIfPresent(accuracyInterval, forKey: .accuracyInterval)
    }
  }

  public struct OtherBatch: Encodable {
    let batch: Int
    let rows: [Row]
  }

  public struct Projection: Encodable {
    let note = "projection: measured counts in a stated model of the work, not a measurement"
    let model: CostProjection
    let rows: [CostProjection.Row]
  }

  public struct Summary: Encodable {
    let data: String
    let synthetic: Bool
    let batch: Int
    /// Seconds, scores and tokens are sums over `pairs`.
    let rows: [Row]
    let fits: [ScalingFit]
    let otherBatches: [OtherBatch]
    let cold: ColdCalls
    let overlap: OverlapGain?
    let overlapGain: Double?
    let routing: [RoutingCost]
    let projection: Projection
    let peakMemoryBytes: Int

    enum CodingKeys: String, CodingKey {
      case data, synthetic, batch, rows, fits, cold, overlap, routing, projection
      case otherBatches = "other_batches"
      case overlapGain = "overlap_gain"
      case peakMemoryBytes = "peak_memory_bytes"
    }
  }

  public var summary: Summary {
    func rows(_ report: ScalingReport) -> [Row] {
      report.rows.map { row in
        let estimate = accuracy[row.method, row.rms]
        return Row(
          row: row, memoryBytes: memoryBytes(row), accuracy: estimate?.value,
          accuracyInterval: estimate.map { [$0.low, $0.high] })
      }
    }
    return Summary(
      data: inputs.configuration.dataName, synthetic: inputs.configuration.isSynthetic, batch: reports[0].batch,
      rows: rows(main), fits: main.fits,
      otherBatches: reports.dropFirst().map { OtherBatch(batch: $0.batch, rows: rows($0.report)) }, cold: coldCalls,
      overlap: overlap, overlapGain: overlap?.gain, routing: routing,
      projection: Projection(model: projection, rows: main.rows.map { projection.row($0) }),
      peakMemoryBytes: ProcessMemory.peakResidentBytes ?? 0)
  }
}
