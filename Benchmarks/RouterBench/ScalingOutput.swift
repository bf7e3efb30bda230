import Foundation
import RouterKit

/// Writes the run folder of a scaling study and prints its tables.
struct ScalingOutput {
  private let results: ScalingResults
  private let folder: RunFolder

  init(_ results: ScalingResults, folder: RunFolder) {
    self.results = results
    self.folder = folder
  }

  private var inputs: ScalingSetup { results.inputs }

  func finish(json: Bool) throws {
    let plots = ScalingPlots(results).render(to: folder.url)
    let sections = self.sections
    try folder.write(
      text: sections.map { "\($0.heading)\n\n\($0.table.markdown)" }.joined(separator: "\n"), to: "table.md")
    try folder.write(text: results.table(results.main).csv, to: "table.csv")
    // Last: a folder with a summary is complete.
    try folder.write(results.summary, to: "summary.json")
    if json {
      print(try String(contentsOf: folder.url.appendingPathComponent("summary.json"), encoding: .utf8), terminator: "")
      return
    }
    print(introduction)
    for section in sections { print("\n\(section.heading)\n\n\(section.table.terminal())") }
    print(remarks)
    print("\nRun folder \(folder.url.path); plots: " + plots.joined(separator: "; "))
  }

  private var sections: [(heading: String, table: Table)] {
    let batches: [(heading: String, table: Table)] = results.reports.map { batch, report in
      ("Per pair, \(batch) pair\(batch == 1 ? "" : "s") a step (\(accuracyNote))", results.table(report))
    }
    var sections = Array(batches.prefix(1))
    if !results.main.fits.isEmpty {
      sections.append(("Wall time a pair = intercept + slope N (through medians of the steps)", results.fitTable))
    }
    sections += batches.dropFirst()
    if !results.routing.isEmpty {
      sections.append(("The router alone, 32 pairs a step, against one warm reward-model call", results.routingTable))
    }
    let model = results.projection
    sections.append(
      (
        String(
          format:
            "PROJECTION, not measured: accelerator ms a pair with reward models of %.1f B parameters and an encoder of %.0f M, "
            + "2 x parameters x tokens at %.0f TFLOP/s x %.0f %%", model.rewardModelParameters / 1e9,
          model.encoderParameters / 1e6, model.peakOperations / 1e12, 100 * model.utilization), results.projectedTable
      ))
    return sections
  }

  private var accuracyNote: String {
    let data = inputs.dataset
    let pools = results.sizes.map { "\(results.accuracy.poolCounts[$0] ?? 0)" }.joined(separator: ", ")
    let kind =
      inputs.configuration.isSynthetic
      ? "SYNTHETIC judgements"
      : inputs.recordedCount < results.sizes.last ?? 0
        ? "recorded judgements; N above \(inputs.recordedCount) by SYNTHETIC noisy copies" : "recorded judgements"
    return "accuracy: \(kind) of \(data.pairs.count) pairs, routed by hashed contexts, mean over \(pools) pools"
  }

  private var introduction: String {
    let (rm, encoder) = (inputs.rewardModelConfiguration, inputs.encoderModel.configuration)
    let blas = BLASRuntime.current
    let ratio = Double(rm.layerParameterCount) / Double(encoder.layerParameterCount)
    var lines = [
      "\(Machine.current.summary)",
      "kernels \(BLASRuntime.kernelLevel), BLAS core \(blas.coreAfter.isEmpty ? "unknown" : blas.coreAfter), "
        + "\(BLASRuntime.usableThreads) thread(s)",
      String(
        format: "reward models %dx%d (%.0f M parameters in layers, random weights, in process), %.2f x the encoder's; "
          + "encoder %@ %dx%d, d = %d", rm.numHiddenLayers, rm.hiddenSize, Double(rm.layerParameterCount) / 1e6, ratio,
        encoder.architecture, encoder.numHiddenLayers, encoder.hiddenSize, inputs.encoder.dimension),
      "\(inputs.pairs.count) pairs of \(inputs.configuration.dataName); models made in "
        + String(
          format: "%.1f s, %.2f GiB of weights each", inputs.loadSeconds,
          Double(inputs.rewardModelWeightBytes) / 1_073_741_824),
    ]
    if inputs.configuration.latencySeconds > 0 {
      lines.append(
        "each call waits \(inputs.configuration.latencySeconds) s before it computes: SYNTHETIC latency of a server elsewhere"
      )
    }
    return lines.joined(separator: "\n")
  }

  private var remarks: String {
    let cold = results.coldCalls
    var lines = [
      "",
      String(
        format: "Cold and warm, one pair: reward model %.1f and %.1f ms, encoder %.1f and %.1f ms.",
        1e3 * cold.rmColdSeconds, 1e3 * cold.rmWarmSeconds, 1e3 * cold.encoderColdSeconds, 1e3 * cold.encoderWarmSeconds
      ),
    ]
    if let overlap = results.overlap {
      lines.append(
        String(
          format:
            "Encoding the next step beside the reward models of this one (N = %d): %.1f ms a pair against %.1f, %.2fx.",
          overlap.rms, 1e3 * overlap.overlappedSeconds, 1e3 * overlap.sequentialSeconds, overlap.gain))
    }
    lines.append(
      """
      calls: pairs that a reward model was asked about, two scores each; tokens: of these, both responses with prompt.
      RM ms: wall time of asking. majority/wall: majority vote's wall time over this one's; with reward models as small as
      the encoder the gain is at most about N/2. GiB: weights of reward models and encoder, and posteriors.
      single: the best one in hindsight for accuracy, the first for cost.
      Intervals: 95 % paired bootstrap over groups or prompts for accuracy, over steps for the fits.
      \(inputs.configuration.ties.legend)
      """)
    return lines.joined(separator: "\n")
  }
}
