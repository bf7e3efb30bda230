import Synchronization
import Testing
import Transformers

@Suite struct ForwardQueueTests {
  /// How many passes run at once.
  final class Meter: Sendable {
    let running = Atomic(0)
    let most = Atomic(0)
  }

  @Test func passesTakeTurns() async {
    let queue = ForwardQueue()
    let meter = Meter()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<50 {
        group.addTask {
          await queue.run { _ in
            let now = meter.running.add(1, ordering: .sequentiallyConsistent).newValue
            meter.most.max(now, ordering: .sequentiallyConsistent)
            meter.running.subtract(1, ordering: .sequentiallyConsistent)
          }
        }
      }
    }
    #expect(meter.most.load(ordering: .sequentiallyConsistent) == 1)
  }

  @Test func scratchStaysForTheNextPassAndErrorsComeThrough() async throws {
    struct Failure: Error {}
    let model = try TransformerModel(folder: ParityTests.folder.appendingPathComponent("llama-gqa"))
    let queue = ForwardQueue()
    #expect(await queue.run { $0.byteCount } == 0)
    let states = try await queue.run { try model.hiddenStates(TokenBatch([[1, 2, 3]]), scratch: &$0) }
    #expect(states.rows == 3)
    await #expect(throws: Failure.self) { try await queue.run { _ in throw Failure() } }
    #expect(await queue.run { $0.byteCount } > 0)
  }
}
