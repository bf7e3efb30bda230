import Foundation

/// The memory of this process.
public enum ProcessMemory {
  /// The most bytes that were resident at once since the program began, mapped files included; nil where the system
  /// cannot tell.
  public static var peakResidentBytes: Int? {
    var usage = rusage()
    #if os(Linux)
      guard getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return nil }
      return usage.ru_maxrss * 1024  // Linux counts kibibytes, macOS bytes
    #else
      guard getrusage(RUSAGE_SELF, &usage) == 0 else { return nil }
      return usage.ru_maxrss
    #endif
  }
}
