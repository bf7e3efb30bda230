#if canImport(os)
  import os
#else
  import Synchronization
#endif

/// Memory of packed matrices that nothing uses any more, kept for the next ones of their size.
///
/// Weights that are packed anew at each step of training then move into pages that the system need not clear again.
public final class PackedMemory: Sendable {
  /// Addresses by their number of bytes.
  #if canImport(os)
    private let free = OSAllocatedUnfairLock(initialState: [Int: [UInt]]())
  #else
    private let free = Mutex([Int: [UInt]]())
  #endif

  public init() {}

  deinit {
    free.withLock { free in
      for address in free.values.joined() { UnsafeMutableRawPointer(bitPattern: address)?.deallocate() }
    }
  }

  /// What the memory holds is left as it was.
  func take(byteCount: Int) -> UInt {
    free.withLock { $0[byteCount]?.popLast() } ?? Self.allocate(byteCount: byteCount)
  }

  func give(_ address: UInt, byteCount: Int) { free.withLock { $0[byteCount, default: []].append(address) } }

  static func allocate(byteCount: Int) -> UInt {
    UInt(bitPattern: UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64))
  }
}
