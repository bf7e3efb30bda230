/// Lets the models of a process take turns: each forward pass has all cores and the one scratch to itself.
///
/// Passes that ran at once would fill a scratch each and slow each other down. A pass holds one thread of the
/// concurrency pool, beside those that compute.
public actor ForwardQueue {
  private var scratch = ForwardScratch()

  public init() {}

  /// Runs `body` when those that came before are done, and returns what it returns.
  public func run<Result: Sendable>(
    _ body: @Sendable (inout ForwardScratch) throws -> Result
  ) rethrows -> Result {
    try body(&scratch)
  }
}
