#if canImport(os)
  import os
#else
  import Synchronization
#endif

/// What an encoding works with: memory that is worth keeping, and the words that were met before.
struct EncodingScratch: Sendable {
  var cache = WordCache()
  var merger = SymbolMerger()
}

/// The scratches of a tokenizer that no encoding uses at the moment. Each encoding takes one for itself and gives it
/// back, so threads share no word and wait for none.
final class ScratchPool: Sendable {
  #if canImport(os)
    private let scratches = OSAllocatedUnfairLock(initialState: [EncodingScratch]())
  #else
    private let scratches = Mutex([EncodingScratch]())
  #endif

  func take() -> EncodingScratch {
    scratches.withLock { $0.popLast() } ?? EncodingScratch()
  }

  func give(_ scratch: consuming EncodingScratch) {
    let scratch = scratch
    scratches.withLock { $0.append(scratch) }
  }
}
