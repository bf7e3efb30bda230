import Foundation
internal import CKernels

/// Calls `body(worker, index)` for each index in 0..<count, shared out among `workers` threads in the order in which
/// they come free.
///
/// For kernels that run on one thread each. `worker`, below `workers`, names the thread that runs the call, so that
/// scratch can be kept for each; calls with one worker never overlap. Threads take the next index when they are done
/// with one: work of unequal sizes, or a core that another process has taken, leaves no thread waiting longer than one
/// call.
///
/// - Throws: of the errors that `body` throws, that of the lowest index. All calls are made all the same.
public func concurrentFor<Failure: Error>(
  _ count: Int, workers: Int, _ body: @Sendable (_ worker: Int, _ index: Int) throws(Failure) -> Void
) throws(Failure) {
  precondition(workers > 0, "\(workers) threads cannot compute")
  let workers = min(workers, count)
  guard workers > 1 else {
    for index in 0..<count { try body(0, index) }
    return
  }
  let counter = UnsafeMutablePointer<Int>.allocate(capacity: 1)
  counter.initialize(to: 0)
  let failures = UnsafeMutablePointer<(index: Int, error: Failure)?>.allocate(capacity: workers)
  failures.initialize(repeating: nil, count: workers)
  defer {
    counter.deallocate()
    failures.deinitialize(count: workers)
    failures.deallocate()
  }
  let counterAddress = UInt(bitPattern: counter)
  let failuresAddress = UInt(bitPattern: failures)
  DispatchQueue.concurrentPerform(iterations: workers) { worker in
    // One slot a worker, and a worker's indices ascend: it keeps its first.
    let slot = UnsafeMutablePointer<(index: Int, error: Failure)?>(bitPattern: failuresAddress)! + worker
    while true {
      let index = kernels_take(UnsafeMutablePointer(bitPattern: counterAddress))
      guard index < count else { return }
      do throws(Failure) {
        try body(worker, index)
      } catch {
        if slot.pointee == nil { slot.pointee = (index, error) }
      }
    }
  }
  let first = (0..<workers).compactMap { failures[$0] }.min { $0.index < $1.index }
  if let first { throw first.error }
}
