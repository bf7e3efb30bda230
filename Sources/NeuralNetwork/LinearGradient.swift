import LinearAlgebra

/// Memory for the gradients by a linear map's weights and biases: dW = dy' x and db = sum dy over all rows.
public struct LinearGradient: Sendable {
  /// outputs x inputs.
  public let weight: RowBuffer
  /// 1 x outputs; nil without biases.
  public let bias: RowBuffer?

  public init(_ linear: Linear) {
    weight = RowBuffer(rows: linear.outputs, columns: linear.inputs)
    bias = linear.bias == nil ? nil : RowBuffer(rows: 1, columns: linear.outputs)
  }

  /// The gradient of a map without biases, all zeros.
  public init(outputs: Int, inputs: Int) {
    weight = RowBuffer(rows: outputs, columns: inputs)
    bias = nil
  }

  /// What a map took and what the gradient by its result is, rows by rows.
  public struct Job: Sendable {
    public let gradient: RowBlock
    public let x: RowBlock
    public let target: LinearGradient

    public init(_ gradient: RowBlock, _ x: RowBlock, into target: LinearGradient) {
      self.gradient = gradient
      self.x = x
      self.target = target
    }
  }

  /// Outputs that a thread takes at a time: enough to pay for the kernel's copy of x, few enough to share out a layer.
  private static let outputsAtATime = 192

  /// Some outputs of a job, for one thread.
  private struct Piece: Sendable {
    let job: Job
    let outputs: Range<Int>

    var cost: Int { job.x.rows * job.x.columns * outputs.count }
  }

  /// Computes the gradients of several maps, replacing what their memory held. The bits do not depend on the threads.
  public static func compute(_ jobs: [Job], workers: Int) {
    let cut = jobs.flatMap { job in
      let outputs = job.target.weight.rows
      let count = (outputs + outputsAtATime - 1) / outputsAtATime
      return (0..<count).map { Piece(job: job, outputs: outputs * $0 / count..<outputs * ($0 + 1) / count) }
    }
    // The largest first, so that no thread is left with a long one at the end.
    let pieces = cut.sorted { $0.cost > $1.cost }
    concurrentFor(pieces.count, workers: workers) { _, index in
      let (job, outputs) = (pieces[index].job, pieces[index].outputs)
      let gradient = job.gradient.columns(outputs)
      productOfTransposed(gradient, job.x, into: job.target.weight[outputs])
      guard let bias = job.target.bias?.all.columns(outputs) else { return }
      bias.clear()
      addColumnSums(gradient, to: bias)
    }
  }
}
