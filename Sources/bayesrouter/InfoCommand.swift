import ArgumentParser
import CommandSupport
import Foundation
import RouterKit

/// `bayesrouter info`: the BLAS in use and the speed of this machine.
struct Info: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the BLAS, its core and threads, and the measured speed of this machine.",
    discussion: """
      The core is what OpenBLAS picks its kernels by. Where the one that it detects has no AVX-512 but the CPU does, SkylakeX is
      taken; OPENBLAS_CORETYPE, if set, wins.

      EXAMPLES
        bayesrouter info
        OPENBLAS_CORETYPE=Haswell bayesrouter info --json
      """)

  @Flag(help: "Print one JSON object.")
  var json = false

  private struct Report: Encodable {
    let blas: BLASRuntime
    let cores: Int
    let speed: MachineSpeed
  }

  func run() throws {
    let report = Report(
      blas: .current, cores: ProcessInfo.processInfo.activeProcessorCount, speed: .measure())
    if json { return try printJSON(report, keys: .asDeclared) }
    let (blas, speed) = (report.blas, report.speed)
    func known(_ text: String) -> String { text.isEmpty ? "unknown to this BLAS" : text }
    let rows = [
      ("BLAS", known(blas.configuration)),
      ("core detected", known(blas.coreBefore)),
      ("core in use", known(blas.coreAfter)),
      ("BLAS threads", blas.threads > 0 ? String(blas.threads) : "unknown to this BLAS"),
      ("CPU cores", String(report.cores)),
      ("own kernels", BLASRuntime.kernelLevel),
      ("sgemm", String(format: "%.0f GFLOP/s at order %d", speed.sgemmGigaflops, speed.matrixSize)),
      ("dgemm", String(format: "%.0f GFLOP/s at order %d", speed.dgemmGigaflops, speed.matrixSize)),
      (
        "memory bandwidth",
        String(
          format: "%.1f GB/s on one thread, %.1f GB/s on all (reads and writes of %d MB)", speed.bandwidthOneThread,
          speed.bandwidthAllCores, speed.bandwidthMegabytes)
      ),
    ]
    for (name, value) in rows { print(name.padding(toLength: 18, withPad: " ", startingAt: 0) + value) }
  }
}
