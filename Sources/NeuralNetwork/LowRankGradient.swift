import LinearAlgebra

/// The gradients of low-rank updates over many rows: dA = scale (dy B)' x and dB = scale dy' (x A'). The gradient by the
/// frozen weight, dy' x, is never formed.
public struct LowRankGradient: Sendable {
  /// rank x inputs.
  public let a: RowBuffer
  /// outputs x rank.
  public let b: RowBuffer

  /// What an update took and what the gradient by its map's result is, rows by rows.
  public struct Job: Sendable {
    public let update: LowRankUpdate
    public let gradient: RowBlock
    public let x: RowBlock

    public init(_ update: LowRankUpdate, _ gradient: RowBlock, _ x: RowBlock) {
      self.update = update
      self.gradient = gradient
      self.x = x
    }
  }

  /// A job with its factors packed and memory for what is computed.
  private struct Work: Sendable {
    let job: Job
    /// scale A and scale B', the weights of x A' and dy B.
    let a: PackedMatrix
    let b: PackedMatrix
    let xA: RowBuffer
    let dyB: RowBuffer
    let targets: (a: LinearGradient, b: LinearGradient)

    init(_ job: Job) {
      let update = job.update
      func scaled(_ matrix: Matrix<Float>) -> [Float] { matrix.elements.map { $0 * update.scale } }
      self.job = job
      a = PackedMatrix([scaled(update.a)], inputs: update.a.columns)
      b = PackedMatrix(transposing: [scaled(update.b)], columns: update.rank)
      xA = RowBuffer(rows: job.x.rows, columns: update.rank)
      dyB = RowBuffer(rows: job.x.rows, columns: update.rank)
      targets = (
        LinearGradient(outputs: update.rank, inputs: update.a.columns),
        LinearGradient(outputs: update.b.rows, inputs: update.rank)
      )
    }
  }

  /// Rows that a thread takes at a time.
  private static let rowsAtATime = 128

  /// The gradients of several updates, in their order. 4 rows rank (inputs + outputs) operations each. The bits do not
  /// depend on the threads.
  public static func compute(_ jobs: [Job], workers: Int) -> [LowRankGradient] {
    let works = jobs.map { Work($0) }
    let pieces = works.flatMap { work in
      stride(from: 0, to: work.xA.rows, by: rowsAtATime).map { (work, $0..<min($0 + rowsAtATime, work.xA.rows)) }
    }
    concurrentFor(pieces.count, workers: workers) { _, index in
      let (work, rows) = pieces[index]
      product(work.job.x.rows(rows), work.a, into: work.xA[rows])
      product(work.job.gradient.rows(rows), work.b, into: work.dyB[rows])
    }
    let products = works.flatMap { work in
      [
        LinearGradient.Job(work.dyB.all, work.job.x, into: work.targets.a),
        LinearGradient.Job(work.job.gradient, work.xA.all, into: work.targets.b),
      ]
    }
    LinearGradient.compute(products, workers: workers)
    return works.map { LowRankGradient(a: $0.targets.a.weight, b: $0.targets.b.weight) }
  }
}
