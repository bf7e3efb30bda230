import Foundation
internal import CKernels

/// What the BLAS under this process is and how fast this machine runs it.
///
/// The choice of core is made when the program is loaded (see `blas_core.c`): where OpenBLAS would run the kernels of an
/// older CPU on one that has AVX-512, it is told to take those of SkylakeX. `OPENBLAS_CORETYPE`, if set, wins.
public struct BLASRuntime: Sendable, Codable, Equatable {
  /// The build as the library describes it, e.g. `OpenBLAS 0.3.21 NO_AFFINITY … MAX_THREADS=64`; empty from another BLAS.
  public let configuration: String
  /// The core that the library detected, and the one that it runs.
  public let coreBefore: String
  public let coreAfter: String
  /// Threads of a BLAS call; 0 where the library cannot tell.
  public let threads: Int

  /// The state of the library now.
  public static var current: BLASRuntime {
    let core = kernels_blas_core_in_use()
    return BLASRuntime(
      configuration: String(cString: kernels_blas_configuration()).trimmingCharacters(in: .whitespaces),
      coreBefore: String(cString: core.before), coreAfter: String(cString: core.after),
      threads: Int(kernels_blas_threads()))
  }

  /// The threads that our own kernels share work among: as many as the BLAS has, or the cores where it cannot tell.
  public static var usableThreads: Int {
    let threads = Int(kernels_blas_threads())
    return threads > 0 ? threads : ProcessInfo.processInfo.activeProcessorCount
  }

  /// The kernels that this CPU runs: `generic`, `avx2` or `avx512`, followed by `+bf16` where it multiplies bfloat16.
  public static var kernelLevel: String {
    String(cString: kernels_level()) + (kernels_has_bf16() ? "+bf16" : "")
  }

  /// Sets the number of threads of all later BLAS calls; results are bitwise reproducible for one seed *and* thread count.
  ///
  /// - Returns: false where the BLAS has no such call.
  @discardableResult
  public static func setThreads(_ count: Int) -> Bool {
    precondition(count > 0, "\(count) threads cannot compute")
    return kernels_blas_set_threads(Int32(count))
  }
}

/// Measured speeds, the limits against which the rest is judged.
public struct MachineSpeed: Sendable, Codable, Equatable {
  /// GFLOP/s of a square product of order `matrixSize`, all BLAS threads, median.
  public let sgemmGigaflops: Double
  public let dgemmGigaflops: Double
  public let matrixSize: Int
  /// GB/s of x = a x over `bandwidthMegabytes`, one read and one write counted: one thread, and all cores at once. Median.
  public let bandwidthOneThread: Double
  public let bandwidthAllCores: Double
  public let bandwidthMegabytes: Int

  /// Measures; about two seconds.
  public static func measure(matrixSize: Int = 1536, repetitions: Int = 9, bandwidthMegabytes: Int = 256)
    -> MachineSpeed
  {
    func gigaflops<Scalar>(_ one: Matrix<Scalar>, _ other: Matrix<Scalar>) -> Double {
      var product = one
      let seconds = medianSeconds(repetitions: repetitions) { gemm(1, one, .asIs, other, .asIs, 0, into: &product) }
      return 2 * pow(Double(matrixSize), 3) / seconds / 1e9
    }
    // Values in [-1/2, 1/2) of a small linear congruence: no denormals, no overflow.
    var word: UInt32 = 1
    let doubles: [Double] = (0..<matrixSize * matrixSize).map { _ in
      word = word &* 1_664_525 &+ 1_013_904_223
      return Double(word >> 8) / 16_777_216 - 0.5
    }
    let double = Matrix(rows: matrixSize, columns: matrixSize, elements: doubles)
    let single = Matrix(rows: matrixSize, columns: matrixSize, elements: doubles.map(Float.init))
    let cores = ProcessInfo.processInfo.activeProcessorCount
    let bytes = Double(bandwidthMegabytes) * 1e6
    return MachineSpeed(
      sgemmGigaflops: gigaflops(single, single), dgemmGigaflops: gigaflops(double, double), matrixSize: matrixSize,
      bandwidthOneThread: 2 * bytes / scaleSeconds(bytes: bytes, parts: 1, repetitions: repetitions) / 1e9,
      bandwidthAllCores: 2 * bytes / scaleSeconds(bytes: bytes, parts: cores, repetitions: repetitions) / 1e9,
      bandwidthMegabytes: bandwidthMegabytes)
  }

  /// Median seconds of x = a x over `bytes`, divided among `parts` threads.
  private static func scaleSeconds(bytes: Double, parts: Int, repetitions: Int) -> Double {
    let share = Int(bytes / 8) / parts
    var values = [Double](repeating: 1, count: share * parts)
    return values.withUnsafeMutableBufferPointer { buffer in
      let address = UInt(bitPattern: buffer.baseAddress)
      return medianSeconds(repetitions: repetitions) {
        DispatchQueue.concurrentPerform(iterations: parts) { part in
          kernels_scale_f64(share, 1.000_000_1, UnsafeMutablePointer<Double>(bitPattern: address)! + part * share)
        }
      }
    }
  }
}

/// The median wall time of `repetitions` runs of `work`, after one warm-up, in seconds.
public func medianSeconds(repetitions: Int, _ work: () -> Void) -> Double {
  wallSeconds(repetitions: repetitions, work).median
}

/// Wall times of repeated runs, in seconds.
public struct WallSeconds: Sendable {
  /// Ascending.
  public let sorted: [Double]

  public var median: Double { sorted[sorted.count / 2] }
  public var p95: Double { sorted[min(sorted.count - 1, sorted.count * 95 / 100)] }
}

/// Times `repetitions` runs of `work`, after one that does not count.
public func wallSeconds(repetitions: Int, _ work: () -> Void) -> WallSeconds {
  precondition(repetitions > 0, "no median of no run")
  work()
  let clock = ContinuousClock()
  let seconds = (0..<repetitions).map { _ in
    let elapsed = clock.measure(work).components
    return Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
  }
  return WallSeconds(sorted: seconds.sorted())
}
